"""Calls of methods that values do not have, as filters or as what else means the same."""

import re

from backstage_py.lint.fixes.edits import Edit

_FILTERS = {"replaceAll": "replace", "lower": "lower", "upper": "upper", "capitalize": "capitalize", "title": "title"}
_METHODS = {"strip": "trim"}
_WITH_ARGUMENTS = frozenset({"replace"})
_DOT = re.compile(r"\s*\.\s*\Z")
_ARGUMENTS = re.compile(r"\((?P<inner>(?:[^()'\"]|'[^'\\]*'|\"[^\"\\]*\")*)\)")
_GOES_ON = re.compile(r"\s*[.\[(]")


def instead(text: str, offset: int, name: str) -> Edit | None:
    """Return the edit for a method whose name stands at an offset, None where nothing surely means the same."""
    dot, call = _DOT.search(text, 0, offset), _ARGUMENTS.match(text, offset + len(name))
    if dot is None or call is None:
        return None
    if name in _METHODS:
        return Edit(offset, offset + len(name), _METHODS[name])
    inner = call["inner"].strip()
    if name == "length":
        return Edit(call.start(), call.end(), "") if not inner else None
    known = _FILTERS.get(name)
    is_pattern = inner.startswith(("/", "r/"))
    if known is None or _GOES_ON.match(text, call.end()) or is_pattern or bool(inner) != (known in _WITH_ARGUMENTS):
        return None
    return Edit(dot.start(), call.end(), f" | {known}" + (call[0] if inner else ""))
