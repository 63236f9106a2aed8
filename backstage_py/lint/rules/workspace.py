"""BPY2, third part: where steps write and read in the workspace, and what is pushed and registered of it."""

import itertools
import posixpath
from collections.abc import Iterator
from pathlib import PurePosixPath

from backstage_py.lint import skeleton, syntax
from backstage_py.lint.fixes import repair
from backstage_py.lint.nearest import distance, misspelled
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.rules.skeletons import fetching
from backstage_py.lint.skeleton import Fetch
from backstage_py.lint.view import Step, Template
from backstage_py.model.json import Json
from backstage_py.templating import tree

_FETCH = (
    "steps:\n  - id: fetch\n    action: fetch:plain\n    input:\n      url: https://github.com/acme/a/tree/main/b\n"
)
_PUBLISH = "  - id: publish\n    action: publish:github\n    input:\n      repoUrl: github.com?owner=o&repo=r\n"
_REGISTER = "  - id: register\n    action: catalog:register\n    input:\n      catalogInfoPath: /catalog-info.yaml\n"
_OF_PUBLISHERS = _FETCH + _PUBLISH + _REGISTER + "      repoContentsUrl: ${{{{ steps.publish.output.{} }}}}\n"
_CONTAINED: dict[str, tuple[str, ...]] = {
    "fetch:plain": ("targetPath",),
    "fetch:plain:file": ("targetPath",),
    "fetch:template": ("targetPath",),
    "fetch:template:file": ("targetPath",),
    "fetch:cookiecutter": ("targetPath",),
    "publish:github:pull-request": ("sourcePath",),
    "publish:gitlab:merge-request": ("sourcePath",),
    "catalog:write": ("filePath",),
    "roadiehq:utils:fs:write": ("path",),
    "roadiehq:utils:fs:append": ("path",),
    "roadiehq:utils:fs:parse": ("path",),
}
"""Inputs that are paths below the workspace, and refused above it."""
_FETCHES = frozenset({"fetch:plain", "fetch:template", "fetch:cookiecutter"})
_WRITERS = _FETCHES | {"catalog:write", "catalog:fetch", "debug:log", "debug:wait", "catalog:register"}
"""Actions of which it is known which folders they make: those that are told, or none."""
_WILD = frozenset("*?[]{}!()+@")
_MOST_FILES = 20_000


@rule(
    "BPY213",
    "outside-workspace",
    "error",
    "template",
    summary="A path of a step leads out of the workspace.",
    why="Backstage refuses it when the step runs: `Relative path is not allowed to refer to a directory outside its "
    "parent`. It is a warning where the dots are left out, as the `sourcePath` of publishers.",
    bad=_FETCH + "      targetPath: ../service\n",
    good=_FETCH + "      targetPath: ./service\n",
)
def outside_workspace(template: Template) -> Iterator[Finding]:
    """Paths that are written out, as far as their beginning says it."""
    for step in template.steps:
        for name in _CONTAINED.get(step.action or "", ()):
            given = step.input.get(name)
            if isinstance(given, str) and _leaves(given):
                fix = f"Write {given.lstrip('/') or '.'}" if given.startswith("/") else "Paths begin in the workspace"
                yield Finding(f'"{given}" leads out of the workspace', (*step.path, "input", name), fix=fix)
        source = step.input.get("sourcePath")
        is_publisher = (step.action or "").startswith("publish:") and step.action not in _CONTAINED
        if is_publisher and isinstance(source, str) and source.startswith("../"):
            where = (*step.path, "input", "sourcePath")
            yield Finding(f'"{source}" leads out of the workspace; the dots are left out', where, severity="warning")


@rule(
    "BPY214",
    "nothing-to-publish",
    "warning",
    "template",
    summary="A step publishes a folder that no step before it writes, and one of nearly that name is written.",
    why="The folder is not there, or empty, so nothing is pushed.",
    bad=_FETCH + "      targetPath: ./service\n" + _PUBLISH + "      sourcePath: ./servce\n",
    good=_FETCH + "      targetPath: ./service\n" + _PUBLISH + "      sourcePath: ./service\n",
)
def nothing_to_publish(template: Template) -> Iterator[Finding]:
    """Only where all that steps before it write is known."""
    written: set[str] = set()
    for step in template.steps:
        source = step.input.get("sourcePath")
        if (step.action or "").startswith("publish:") and isinstance(source, str) and not tree.has_code(source):
            name = _normal(source)
            close = _akin(name, written) if name not in written else None
            if close and not any(one.startswith(f"{name}/") or one == "." for one in written):
                place = (*step.path, "input", "sourcePath")
                yield Finding(
                    f'No step writes "{name}"', place, fix=f'Did you mean "{close}"?', repair=repair.write(place, close)
                )
        target = step.input.get("targetPath", ".") if step.action in _FETCHES else None
        if isinstance(target, str) and not tree.has_code(target):
            written.add(_normal(target))
        elif target is not None or not ((step.action or "").startswith("publish:") or step.action in _WRITERS):
            return


@rule(
    "BPY215",
    "contents-url",
    "warning",
    "template",
    summary="`repoContentsUrl` is given the address to clone from.",
    why="Actions that publish give both: `remoteUrl` is for git, and the catalog cannot find a file below it; "
    "`repoContentsUrl` is where files are shown.",
    bad=_OF_PUBLISHERS.format("remoteUrl"),
    good=_OF_PUBLISHERS.format("repoContentsUrl"),
)
def contents_url(template: Template) -> Iterator[Finding]:
    """An expression that is nothing but the other output."""
    for use in template.uses:
        if use.where != "input" or use.path[-1] != "repoContentsUrl" or use.step is None:
            continue
        chain = syntax.static_chain(use.parsed.sole)
        if chain and len(chain) == 4 and chain[0] == "steps" and chain[2:] == ("output", "remoteUrl"):  # noqa: PLR2004  # steps.id.output.name
            reference = next(one for one in use.references() if one.names == chain)
            yield Finding(
                f'"{chain[1]}" gives another address for this',
                use.path,
                reference.offsets[3],
                fix="Write repoContentsUrl",
                repair=repair.member(use.path, use.text, reference, 3, "repoContentsUrl", sure=True),
            )


_INFO = fetching("name", "name: ${{ parameters.name }}")
_INFO += "    - id: publish\n      action: publish:github\n      input:\n        repoUrl: github.com?owner=o&repo=r\n"
_INFO += "    - id: register\n      action: catalog:register\n      input:\n"
_INFO += "        repoContentsUrl: ${{ steps.publish.output.repoContentsUrl }}\n        catalogInfoPath: /FILE\n"
_ENTITY = (
    "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: ${{ values.name }}\n"
    "spec:\n  type: service\n  lifecycle: production\n  owner: team-a\n"
)


@rule(
    "BPY216",
    "no-such-file",
    "warning",
    "fetches",
    summary="A step names a file that the skeleton does not have, and it has one of nearly that name.",
    why="`catalog:register` finds no file, `fs:rename` fails, and `fs:delete` deletes nothing.",
    bad={"template.yaml": _INFO.replace("FILE", "catalog-info.yml"), "skeleton/catalog-info.yaml": _ENTITY},
    good={"template.yaml": _INFO.replace("FILE", "catalog-info.yaml"), "skeleton/catalog-info.yaml": _ENTITY},
)
def no_such_file(fetches: tuple[Fetch, ...]) -> Iterator[Finding]:
    """Files that are written out, below the folders that skeletons beside the template are fetched to."""
    files: set[str] = set()
    for fetch in fetches:
        if not fetch.is_file and fetch.is_inside and fetch.target.is_dir():
            files |= _made(fetch)
    files |= _renamed(fetches[0].steps) if files else set()
    there = files | {str(above) for one in files for above in PurePosixPath(one).parents}
    steps = fetches[0].steps if fetches else ()
    for step in steps if files else ():
        for given, folder, where in _named(steps, step):
            name = _normal(posixpath.join(folder, given.lstrip("/")))
            if name not in there and (close := _beside(name, files)):
                written = f"{'/' if given.startswith('/') else ''}{posixpath.relpath(close, folder)}"
                yield Finding(
                    f'No step makes the file "{name}"',
                    where,
                    fix=f'Did you mean "{written}"?',
                    repair=repair.write(where, written, sure=False),
                )


def _named(steps: tuple[Step, ...], step: Step) -> Iterator[tuple[str, str, Path]]:
    """Paths of files that have to be there, with the folder that they begin in."""
    path: Path = (*step.path, "input")
    names: list[tuple[Json, str, Path]] = []
    if step.action == "catalog:register":
        given = step.input.get("catalogInfoPath")
        publishers = {one.known_as: one for one in steps if (one.action or "").startswith("publish:")}
        chain = _chain(step.input.get("repoContentsUrl"))
        publisher = publishers.get(chain[1]) if len(chain) > 1 else None
        if publisher is not None and isinstance(given, str) and isinstance(publisher.input.get("sourcePath", "."), str):
            source = publisher.input.get("sourcePath", ".")
            if not tree.has_code(source):
                names.append((given, _normal(source), (*path, "catalogInfoPath")))
    elif step.action in ("fs:rename", "fs:delete"):
        files = step.input.get("files")
        for index, one in enumerate(files if isinstance(files, list) else ()):
            if isinstance(one, dict):
                names.append((one.get("from"), ".", (*path, "files", index, "from")))
            elif step.action == "fs:delete" and isinstance(one, str) and not _WILD & set(one):
                names.append((one, ".", (*path, "files", index)))
    for name, folder, where in names:
        if isinstance(name, str) and name and not tree.has_code(name):
            yield name, folder, where


def _made(fetch: Fetch) -> set[str]:
    """What a fetch step writes, by names that have no code in them."""
    target = fetch.step.input.get("targetPath", ".")
    if not isinstance(target, str) or tree.has_code(target):
        return set()
    found = set()
    for one in itertools.islice(skeleton.walk(fetch.target), _MOST_FILES):
        renamed = one.removesuffix(fetch.extension) if fetch.is_rendered and fetch.extension else one
        if not tree.has_code(one):
            found.add(_normal(posixpath.join(target, renamed)))
    return found


def _renamed(steps: tuple[Step, ...]) -> set[str]:
    """What files are called after a step."""
    files = [one for step in steps if step.action == "fs:rename" for one in _listed(step.input.get("files"))]
    names = [one.get("to") for one in files if isinstance(one, dict)]
    return {_normal(one) for one in names if isinstance(one, str)}


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _beside(name: str, files: set[str]) -> str | None:
    """A file of the same folder, with another end or by a slip."""
    path = PurePosixPath(name)
    beside = {PurePosixPath(one).name: one for one in files if PurePosixPath(one).parent == path.parent}
    same = [one for one in beside if PurePosixPath(one).stem == path.stem and path.suffix and PurePosixPath(one).suffix]
    longer = [one for one in beside if path.name.startswith(f"{one}.")]
    found = (same + longer)[0] if len(same + longer) == 1 else misspelled(path.name, beside)
    return beside[found] if found else None


def _akin(name: str, others: set[str]) -> str | None:
    """The one path that is surely meant: by a slip, or a longer or shorter form of it."""
    close = misspelled(name, others)
    near = [one for one in others if name.startswith(one) or one.startswith(name) or distance(name, one) == 1]
    return close or (near[0] if len(near) == 1 and near[0] != "." and "/" not in name + near[0] else None)


def _chain(value: Json) -> tuple[str, ...]:
    sole = syntax.parse(value).sole if isinstance(value, str) and tree.has_code(value) else None
    return syntax.static_chain(sole) or ()


def _leaves(path: str) -> bool:
    if path.startswith("/"):
        return True
    head = path.split("${{", maxsplit=1)[0]
    name = posixpath.normpath(head) if head else "."
    return name == ".." or name.startswith("../")


def _normal(path: str) -> str:
    return posixpath.normpath(path)
