"""BPY2, fourth part: objects of a cluster that steps apply, wait for or delete."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from backstage_py.errors import InputError
from backstage_py.lint.fixes import repair
from backstage_py.lint.nearest import misspelled, nearest, slip_of
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.view import Step, Template
from backstage_py.model import yaml
from backstage_py.model.cluster_kinds import BUILT_IN, FROM_PROJECTS, GROUPS, PROJECT_GROUPS, STILL_BETA, usual_version
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.problem import Severity
from backstage_py.model.yaml import Document
from backstage_py.templating import tree

_ACTIONS = re.compile(r"(?:kube|kubernetes|cnoe:kubernetes|crossplane:xr):")
_LIST = "List"
"""A kind of which only the ``items`` are applied."""
_MANIFESTS = ("manifest", "manifestString", "manifestObject")
_EXPRESSION = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)
_BLOCK = re.compile(r"^[ \t-]*(?:[\w./-]+:[ \t]*)?(?:\$\{\{.*?\}\}[ \t]*)+$", re.MULTILINE)
"""A line whose value is what an expression gives: perhaps several lines, an object or a list."""
_WAIT = "steps:\n  - id: ready\n    action: kubernetes:wait\n    input:\n      apiVersion: {}\n      kind: Deployment\n"
_UNTIL = _WAIT.format("apps/v1") + "      name: shop\n      until: "


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a part of an object stands: a path in the template, or characters into the text of a manifest."""

    path: Path
    offset: int | None = None
    on_key: bool = False

    def finding(
        self, message: str, fix: str | None, severity: Severity | None, mended: repair.Repair | None
    ) -> Finding:
        return Finding(message, self.path, self.offset, self.on_key, fix=fix, severity=severity, repair=mended)


@dataclass(frozen=True, slots=True)
class _Object:
    """An object that a step names or applies; ``document`` is set where it stands in the text of a manifest."""

    value: JsonObject
    path: Path
    text: str = ""
    document: Document | None = None

    def place(self, key: str, *, on_key: bool = False) -> _Place:
        """Return where a key of it stands, the object itself where there is none."""
        if self.document is None:
            return _Place((*self.path, key) if key in self.value else self.path, on_key=on_key)
        at = self.document.position((key,)) if not on_key else self.document.key_position((key,))
        lines = self.text.split("\n")
        return _Place(self.path, sum(len(line) + 1 for line in lines[: at.line - 1]) + at.column - 1)

    def written(self, key: str) -> str | None:
        """Return a text that is written out."""
        found = self.value.get(key)
        return found if isinstance(found, str) and not tree.has_code(found) and "\x00" not in found else None

    def mended(self, key: str, given: str, wanted: str | None) -> repair.Repair | None:
        """Return the repair that writes another value."""
        place = self.place(key)
        if place.offset is None:
            return repair.write((*self.path, key), wanted)
        return repair.word(self.path, place.offset, given, wanted)


@rule(
    "BPY218",
    "unserved-kind",
    "error",
    "template",
    summary="A cluster does not serve a kind in this version.",
    why="The step ends with it: `no matches for kind`. It is a warning where newer clusters, or what is installed in "
    "yours, may know better: kinds of your own are in groups of your own, and taken for good.",
    bad=_WAIT.format("v1") + "      name: shop\n",
    good=_WAIT.format("apps/v1") + "      name: shop\n",
)
def unserved_kind(template: Template) -> Iterator[Finding]:
    """Objects that are named by the input, and those of manifests."""
    for step in _steps(template):
        for one in _objects(step):
            yield from _wrong_kind(one)


@rule(
    "BPY219",
    "bad-manifest",
    "error",
    "template",
    summary="A manifest is not valid YAML, or an object in it lacks `apiVersion`, `kind` or `metadata.name`.",
    why="The step ends with it before anything is applied.",
    bad="steps:\n  - id: apply\n    action: kubernetes:apply\n    input:\n      manifest: |\n        apiversion: v1\n"
    "        kind: Namespace\n        metadata: {name: shop}\n",
    good="steps:\n  - id: apply\n    action: kubernetes:apply\n    input:\n      manifest: |\n        apiVersion: v1\n"
    "        kind: Namespace\n        metadata: {name: shop}\n",
)
def bad_manifest(template: Template) -> Iterator[Finding]:
    """Manifests without statements in them, whose lines are those that are applied."""
    for step in _steps(template):
        for name in _MANIFESTS:
            given = step.input.get(name)
            path: Path = (*step.path, "input", name)
            if isinstance(given, str) and "{%" not in given and not _is_open(given):
                yield from _unreadable(given, path)
            for one in _of_manifest(given, path):
                yield from _incomplete(one)


@rule(
    "BPY220",
    "bad-wait",
    "error",
    "template",
    summary="`until` is nothing that can be waited for.",
    why="The step ends with it. There are `ready`, `rollout`, `job`, `create`, `delete`, `condition=Type[=Status]` and "
    "`jsonpath={.path}[=value]`.",
    bad=_UNTIL + "available\n",
    good=_UNTIL + "condition=Available\n",
)
def bad_wait(template: Template) -> Iterator[Finding]:
    """As the action reads it."""
    for step in template.steps:
        given = step.input.get("until") if step.action == "kubernetes:wait" else None
        if isinstance(given, str) and given and not tree.has_code(given):
            from backstage_py.integrations.kubernetes import criteria  # takes its time, and few templates need it

            try:
                criteria.parse(given)
            except InputError as error:
                close = nearest(given, ("ready", "rollout", "job", "create", "delete"))
                where: Path = (*step.path, "input", "until")
                fix = f'Did you mean "{close}"?' if close else f"Write condition={given[:1].upper()}{given[1:]}"
                yield Finding(str(error), where, fix=fix if close or given.isalpha() else None)


def _steps(template: Template) -> Iterator[Step]:
    return (step for step in template.steps if _ACTIONS.match(step.action or ""))


def _objects(step: Step) -> Iterator[_Object]:
    path: Path = (*step.path, "input")
    if isinstance(step.input.get("kind"), str):
        yield _Object(step.input, path)
    listed = step.input.get("objects")
    for index, one in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(one, dict):
            yield _Object(one, (*path, "objects", index))
    for name in _MANIFESTS:
        yield from _of_manifest(step.input.get(name), (*path, name))


def _of_manifest(given: Json, path: Path) -> Iterator[_Object]:
    listed = enumerate(given) if isinstance(given, list) else None
    for place, one in [((*path, index), one) for index, one in listed] if listed else [(path, given)]:
        if isinstance(one, dict) and one.get("kind") == _LIST:
            yield from _of_manifest(one.get("items"), (*place, "items"))
        elif isinstance(one, dict) and not any(str(key).startswith("$") for key in one):
            yield _Object(one, place)
        elif isinstance(one, str) and "{%" not in one:
            for document in yaml.load_all(_filled(one)):
                if isinstance(document.value, dict) and document.value.get("kind") != _LIST:
                    yield _Object(document.value, place, one, document)


def _filled(text: str) -> str:
    """Return the text with something as long in place of each expression, so that all else stays where it is."""
    return _EXPRESSION.sub(lambda found: "".join("\n" if one == "\n" else "x" for one in found[0]), text)


def _is_open(text: str) -> bool:
    """Whether an expression may give more than a part of a line."""
    return any("\n" in one for one in _EXPRESSION.findall(text)) or any(
        not re.match(r"[ \t-]*[\w./-]+:", line) and tree.has_code(line) for line in _BLOCK.findall(text)
    )


def _unreadable(text: str, path: Path) -> Iterator[Finding]:
    for document in yaml.load_all(_filled(text)):
        for problem in document.errors[:1]:
            lines = text.split("\n")
            offset = sum(len(line) + 1 for line in lines[: problem.line - 1]) + problem.column - 1
            yield Finding(f"The manifest cannot be read: {problem.message}", path, min(offset, max(0, len(text) - 1)))


def _incomplete(one: _Object) -> Iterator[Finding]:
    for key in ("apiVersion", "kind", "metadata"):
        if key not in one.value:
            slip = next((str(name) for name in one.value if slip_of(str(name), (key,), one.value)), None)
            place = one.place(slip, on_key=True) if slip else one.place(next(iter(one.value), ""), on_key=True)
            mended = repair.rename((*one.path, slip), key) if slip and one.document is None else None
            fix = f'Write "{key}" for "{slip}"' if slip else f"Add {key}"
            yield place.finding(f'This object has no "{key}"', fix, None, mended)
    metadata = one.value.get("metadata")
    if isinstance(metadata, dict) and metadata and not {"name", "generateName"} & set(metadata):
        is_open = any(str(key).startswith("$") or set(str(key)) == {"x"} for key in metadata)
        if not is_open:
            yield one.place("metadata", on_key=True).finding("This object has no name", "Add metadata.name", None, None)


def _wrong_kind(one: _Object) -> Iterator[Finding]:
    kind, version = one.written("kind"), one.written("apiVersion")
    if kind is None or _EXPRESSION.search(str(one.value.get("apiVersion", ""))):
        return
    if one.document is not None and any(_is_filler(one, key) for key in ("kind", "apiVersion")):
        return
    if version is None:
        if "apiVersion" not in one.value and one.document is None and kind not in BUILT_IN:
            yield from _unversioned(one, kind)
        return
    group, _, number = version.rpartition("/")
    served = BUILT_IN.get(kind, ()) if group in GROUPS else ()
    is_beta = "alpha" in number or "beta" in number
    if version in served or version in FROM_PROJECTS.get(kind, ()):
        return
    if group in GROUPS and not (is_beta and _may_be_beta(kind)):
        yield from _not_served(one, kind, version)
    elif group not in GROUPS and "." not in group:
        yield from _no_group(one, kind, version)
    elif group not in PROJECT_GROUPS and (close := misspelled(group, GROUPS | PROJECT_GROUPS)):
        fix, wanted = f'Did you mean "{close}/{number}"?', f"{close}/{number}"
        mended = one.mended("apiVersion", version, wanted)
        yield one.place("apiVersion").finding(f'There is no well-known group "{group}"', fix, "warning", mended)
    elif group in PROJECT_GROUPS:
        known = [name for name, versions in FROM_PROJECTS.items() if any(v.startswith(f"{group}/") for v in versions)]
        if kind not in known and (close := misspelled(kind, known)):
            mended = one.mended("kind", kind, close)
            yield one.place("kind").finding(f'{group} has no "{kind}"', f'Did you mean "{close}"?', "warning", mended)


def _may_be_beta(kind: str) -> bool:
    """Whether clusters may serve a kind before it is stable: one that is known for it, or that is not known at all."""
    return kind in STILL_BETA or (kind not in BUILT_IN and _meant(kind) is None)


def _is_filler(one: _Object, key: str) -> bool:
    """Whether an expression stood where a value is read from a manifest."""
    offset = one.place(key).offset
    return offset is not None and tree.has_code(one.text[offset : (one.text + "\n").index("\n", offset)])


def _unversioned(one: _Object, kind: str) -> Iterator[Finding]:
    """A kind that is looked for among those of the core, as nothing else is said."""
    if kind == "Rollout":
        return
    close = _meant(kind)
    known = FROM_PROJECTS.get(kind, ("its apiVersion",))[0]
    fix = f'Did you mean "{close}"?' if close else f"Give {known}"
    mended = one.mended("kind", kind, close)
    yield one.place("kind").finding(f'Kubernetes has no kind "{kind}" in {usual_version(kind)}', fix, None, mended)


def _not_served(one: _Object, kind: str, version: str) -> Iterator[Finding]:
    served = BUILT_IN.get(kind) or FROM_PROJECTS.get(kind)
    if served:
        message = f"{kind} is served in {served[0]}, not in {version}"
        mended = one.mended("apiVersion", version, served[0])
        severity: Severity | None = None if kind in BUILT_IN else "warning"
        yield one.place("apiVersion").finding(message, f'Write "{served[0]}"', severity, mended)
        return
    sure = _meant(kind)
    close = sure or nearest(kind, BUILT_IN)
    fix = f'Did you mean "{close}"?' if close else "If it is a kind of your own, write the version of your group"
    mended = one.mended("kind", kind, close)
    message = f'Kubernetes has no kind "{kind}" in {version}'
    yield one.place("kind").finding(message, fix, None if sure else "warning", mended)


def _meant(kind: str) -> str | None:
    """Return the kind of Kubernetes that was surely meant: by a slip, in the plural, or without its capitals."""
    return slip_of(kind, BUILT_IN, ()) or slip_of(kind[:1].upper() + kind[1:], BUILT_IN, ())


def _no_group(one: _Object, kind: str, version: str) -> Iterator[Finding]:
    """Groups that are installed have a dot in their names: clusters refuse others."""
    served = BUILT_IN.get(kind) or FROM_PROJECTS.get(kind)
    group, _, number = version.rpartition("/")
    close = served[0] if served else None
    other = misspelled(group, GROUPS)
    wanted = close or (f"{other}/{number}" if other else None)
    fix = f'Write "{wanted}"' if wanted else "The group of a kind of your own has a dot in its name"
    mended = one.mended("apiVersion", version, wanted)
    yield one.place("apiVersion").finding(f'No cluster serves the group "{group}"', fix, None, mended)
