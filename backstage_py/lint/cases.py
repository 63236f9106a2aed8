"""Names of steps and parameters in the test files beside a template, for when they get others."""

from collections.abc import Iterator
from pathlib import Path

from backstage_py.lint import syntax
from backstage_py.lint.fixes import resolve
from backstage_py.lint.fixes.edits import Edit
from backstage_py.lint.fixes.repair import Change, Rename, Repair, Write, member_span
from backstage_py.lint.fixes.repair import Path as ValuePath
from backstage_py.lint.renaming import Target
from backstage_py.model import yaml
from backstage_py.model.json import Json
from backstage_py.templating import tree

_DEFAULT_TEMPLATE = "template.yaml"


def beside(template: Path) -> Iterator[Path]:
    """Yield the files in the template's folder that may speak of its steps and parameters."""
    for pattern in ("*.test.yaml", "*.mocks.yaml"):
        yield from sorted(template.parent.glob(pattern))


def edits(text: str, file: Path, template: Path, renamed: Target, new: str) -> tuple[Edit, ...]:
    """Return the edits by which a test file, or one with mocks, speaks of a step or parameter by its new name.

    There are none where the file is about another template, has mistakes, or cannot be changed without doubt.
    """
    documents = yaml.load_all(text)
    if len(documents) != 1 or not isinstance(documents[0].value, dict):
        return ()
    value = documents[0].value
    if file.name.endswith(".mocks.yaml"):
        changes = list(_keys(value, (), renamed, new)) if renamed.kind == "step" else []
    elif (file.parent / str(value.get("template", _DEFAULT_TEMPLATE))).resolve() == template.resolve():
        changes = list(_changes(value, renamed, new))
    else:
        changes = []
    return (resolve.edits(text, documents[0], Repair("", tuple(changes))) if changes else None) or ()


def _changes(value: Json, renamed: Target, new: str) -> Iterator[Change]:
    cases = value.get("cases")
    places: list[tuple[Json, ValuePath]] = [
        (one, ("cases", index)) for index, one in enumerate(cases if isinstance(cases, list) else ())
    ]
    if renamed.kind == "step":
        for one, path in ((value, ()), *places):
            expect = one.get("expect") if isinstance(one, dict) else None
            yield from _keys(one, (*path, "mocks"), renamed, new, "mocks")
            for key in ("steps", "inputs"):
                yield from _keys(expect, (*path, "expect", key), renamed, new, key)
        return
    for one, path in places:
        for key in ("values", "secrets"):
            yield from _keys(one, (*path, key), renamed, new, key)
        yield from _each(one, path, renamed, new)


def _keys(above: Json, path: ValuePath, renamed: Target, new: str, key: str | None = None) -> Iterator[Change]:
    """The key of this name in a map, or in the one that is the value of ``key``."""
    found = above.get(key) if key and isinstance(above, dict) else above if not key else None
    if isinstance(found, dict) and renamed.name in found:
        yield Rename((*path, renamed.name), new)


def _each(case: Json, path: ValuePath, renamed: Target, new: str) -> Iterator[Change]:
    """What ``each`` gives becomes values; expressions in the case speak of it by its name."""
    each = case.get("each") if isinstance(case, dict) else None
    rows = [(one, (*path, "each", index)) for index, one in enumerate(each)] if isinstance(each, list) else []
    found = [change for one, where in ((each, (*path, "each")), *rows) for change in _keys(one, where, renamed, new)]
    if found:
        yield from _expressions(case, path, renamed, new)
        yield from found


def _expressions(value: Json, path: ValuePath, renamed: Target, new: str) -> Iterator[Change]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _expressions(item, (*path, key), renamed, new)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _expressions(item, (*path, index), renamed, new)
    elif isinstance(value, str) and tree.has_code(value):
        named = [one for one in syntax.parse(value).references if one.names[:2] == ("each", renamed.name)]
        spans = {span for one in named if (span := member_span(value, one, 1, new))}
        for span in sorted(spans, reverse=True):
            yield Write(path, span.text, span.start, span.end)
