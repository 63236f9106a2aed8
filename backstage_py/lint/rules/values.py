"""BPY6, third part: what fetch steps pass to their skeletons."""

import itertools
from collections.abc import Iterator
from pathlib import PurePosixPath

from backstage_py.lint import syntax
from backstage_py.lint.fixes import repair
from backstage_py.lint.nearest import misspelled
from backstage_py.lint.rule import Finding, rule
from backstage_py.lint.rules.skeletons import files_with
from backstage_py.lint.skeleton import Fetch, Usage, walk

_STEP = """apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata:
  name: example
spec:
  type: service
  parameters:
    properties:
      title:
        type: string
  steps:
    - id: fetch
      action: fetch:template
      input:
        url: ./skeleton
        values:
          {}: ${{{{ parameters.title }}}}
"""
_SHORTEST = 3
_MOST_FILES = 20_000


@rule(
    "BPY612",
    "misspelled-value",
    "warning",
    "usage",
    summary="A fetch step passes a value that no file uses, and not the one of nearly the same name that they use.",
    why="The value that the files use is undefined, so the text is empty there.",
    bad=files_with("# ${{ values.title if values.title }}\n", template=_STEP.format("titel")),
    good=files_with("# ${{ values.title if values.title }}\n", template=_STEP.format("title")),
)
def misspelled_value(usage: Usage) -> Iterator[Finding]:
    """Only where the value is that of the parameter with the name that the files use: else they may be wrong."""
    passed = usage.fetch.values or frozenset()
    if None in usage.used:
        return
    lacking = {name for name in usage.used if name is not None} - passed
    for name in sorted(passed - usage.used):
        value = usage.fetch.step.input["values"].get(name)
        names = _names(value) if isinstance(value, str) else set()
        asked = {one[1] for one in names if len(one) > 1 and one[0] == "parameters"}
        close = misspelled(name, lacking)
        if close in asked or (close := _meant(name, lacking, asked)):
            place = (*usage.fetch.step.path, "input", "values", name)
            yield Finding(
                f'No file of the skeleton uses "{name}"; they use "{close}"',
                place,
                on_key=True,
                fix=f'Did you mean "{close}"?',
                repair=repair.rename(place, close, sure=False),
            )


def _meant(name: str, lacking: set[str], asked: set[str]) -> str | None:
    """What the files call the parameter, or begin or end a name with, where the value is passed for nothing."""
    named = next(iter(sorted(lacking & asked)), None)
    longer, short = name.lower(), min(len(name), _SHORTEST)
    parts = [one for one in sorted(lacking) if min(len(one), short) >= _SHORTEST and _is_part(one.lower(), longer)]
    return named or (parts[0] if len(parts) == 1 else None)


def _is_part(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return long.startswith(short) or long.endswith(short)


def _names(value: str) -> set[tuple[str, ...]]:
    return {reference.names[:2] for reference in syntax.parse(value).references}


_EXTENSION = _STEP.replace("        values:", "        templateFileExtension: {}\n        values:")


@rule(
    "BPY618",
    "nothing-rendered",
    "warning",
    "fetches",
    summary="No file of a skeleton has the `templateFileExtension` of the step.",
    why="Only files that end in it are rendered, so all are copied with their expressions as they are.",
    bad=files_with("# ${{ values.title }}\n", "skeleton/README.md.njk", _EXTENSION.format(".j2", "title")),
    good=files_with("# ${{ values.title }}\n", "skeleton/README.md.njk", _EXTENSION.format(".njk", "title")),
)
def nothing_rendered(fetches: tuple[Fetch, ...]) -> Iterator[Finding]:
    """Folders that are there and have files."""
    for fetch in fetches:
        if fetch.extension is None or fetch.is_file or not fetch.is_inside or not fetch.target.is_dir():
            continue
        suffixes = {PurePosixPath(one).suffix for one in itertools.islice(walk(fetch.target), _MOST_FILES)}
        if suffixes and fetch.extension not in suffixes:
            close = next((one for one in (".njk", ".j2", ".hbs", ".tpl", ".tmpl") if one in suffixes), None)
            yield Finding(
                f'No file ends in "{fetch.extension}", so none is rendered',
                (*fetch.step.path, "input", "templateFileExtension"),
                fix=f'Did you mean "{close}"?' if close else None,
            )
