"""Paths into JSON values as policies write them, ``a.b[0]["c.d"]``: those of lodash, which Backstage uses."""

import re

from backstage_py.js.values import UNDEFINED, Json, own_member

_PART = re.compile(
    r"""[^.\[\]]+                                          # a plain name
    |\[(?:(-?\d+(?:\.\d+)?)|(["'])((?:(?!\2)[^\\]|\\.)*?)\2)\]  # [1] or ["name"]
    |(?=(?:\.|\[\])(?:\.|\[\]|$))                          # nothing between two dots: an empty name""",
    re.VERBOSE,
)
_ESCAPED = re.compile(r"\\(\\)?")
_DEEP = re.compile(r"""\.|\[(?:[^\[\]]*|(["'])(?:(?!\1)[^\\]|\\.)*?\1)\]""")


def split(path: str) -> list[str]:
    """Return the names of a path."""
    found = [""] if path.startswith(".") else []
    for match in _PART.finditer(path):
        number, quote, quoted = match.groups()
        found.append(_ESCAPED.sub(r"\1", quoted) if quote else number or match[0])
    return found


def get(value: Json, path: str) -> Json:
    """Return what is at a path, None when nothing is; a member whose own name is the path comes first."""
    whole = not _DEEP.search(path) or (isinstance(value, dict) and path in value)
    for name in [path] if whole else split(path):
        value = own_member(value, name)
    return None if value is UNDEFINED else value
