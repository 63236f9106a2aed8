"""Values set at paths such as ``spec.profile.tags[0]``, as lodash's ``set`` reads them."""

import copy
import re
from typing import Any

from backstage_py.model.json import Json, JsonObject

_PART = re.compile(r"[^.[\]]+|\[(?:([^\"'][^[\]]*)|([\"'])(.*?)\2)\]|(?=(?:\.|\[\])(?:\.|\[\]|$))")
_INDEX = re.compile(r"0|[1-9]\d{0,2}")  # no configuration names the thousandth of a list


def put(entity: JsonObject, path: str, value: Json) -> None:
    """Set a copy of a value; what is missing on the way is made, a list where an index follows."""
    parts = [path] if path in entity else _parts(path)
    node: Any = entity
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        if following is None:
            _set(node, part, copy.deepcopy(value))
            return
        inner = _get(node, part)
        if not isinstance(inner, dict | list):
            inner = [] if _INDEX.fullmatch(following) else {}
            _set(node, part, inner)
        node = inner


def _parts(path: str) -> list[str]:
    found = [one[3] if one[2] else one[1] or one[0] for one in _PART.finditer(path)]
    return found or [""]


def _get(node: Any, part: str) -> Any:
    if isinstance(node, dict):
        return node.get(part)
    return node[int(part)] if _INDEX.fullmatch(part) and int(part) < len(node) else None


def _set(node: Any, part: str, value: Json) -> None:
    if isinstance(node, dict):
        node[part] = value
    elif _INDEX.fullmatch(part):
        node.extend([None] * (int(part) + 1 - len(node)))
        node[int(part)] = value
