"""BPY6: what a step names to be copied as it is."""

from collections.abc import Iterator
from pathlib import Path as FilePath

from backstage_py.lint.fixes import repair
from backstage_py.lint.nearest import misspelled, number_of
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.rules.skeletons import fetching, files_with
from backstage_py.lint.skeleton import Fetch
from backstage_py.templating import tree

_WILD = frozenset("*?[]{}!()+@")
_TEMPLATE = fetching("name", "name: ${{ parameters.name }}") + "        copyWithoutTemplating: ['workflows/*']\n"


@rule(
    "BPY619",
    "copies-nothing",
    "warning",
    "fetches",
    summary="`copyWithoutTemplating` names a folder or file that the skeleton has under nearly that name.",
    why="Nothing is left as it is: the files are rendered, and what they write in braces becomes empty.",
    bad=files_with("${{ values.name }}", "skeleton/workflow/ci.txt", template=_TEMPLATE),
    good=files_with("as it is", "skeleton/workflows/ci.txt", template=_TEMPLATE)
    | {"skeleton/README.md": "# ${{ values.name }}\n"},
)
def copies_nothing(fetches: tuple[Fetch, ...]) -> Iterator[Finding]:
    """The part of a pattern before its first sign with a meaning; what matches nothing at all may be boilerplate."""
    for fetch in fetches:
        patterns = fetch.step.input.get("copyWithoutTemplating")
        if not fetch.is_inside or not fetch.target.is_dir():
            continue
        for index, pattern in enumerate(patterns if isinstance(patterns, list) else ()):
            if isinstance(pattern, str) and not tree.has_code(pattern) and (close := _meant(fetch.target, pattern)):
                path: Path = (*fetch.step.path, "input", "copyWithoutTemplating", index)
                mended = repair.write(path, close, sure=False)
                yield Finding(f'The skeleton has no "{pattern}"', path, fix=f'Did you mean "{close}"?', repair=mended)


def _meant(folder: FilePath, pattern: str) -> str | None:
    """The pattern with the first part that is not there replaced by the one that is, or without a slash before it."""
    if pattern.startswith("/") and (folder / pattern.lstrip("/").partition("*")[0].rpartition("/")[0]).exists():
        return pattern.lstrip("/")
    parts = pattern.removeprefix("./").split("/")
    for index, part in enumerate(parts):
        if not part or _WILD & set(part):
            return None
        if not (folder / part).exists():
            names = [one.name for one in folder.iterdir()]
            close = misspelled(part, names) or number_of(part, names)
            return "/".join((*parts[:index], close, *parts[index + 1 :])) if close else None
        folder /= part
        if not folder.is_dir():
            return None
    return None
