"""The query string of a request as Backstage reads it: decoded by ``qs``, then coerced to what a schema says."""

import math
import re
from collections.abc import Callable
from urllib.parse import unquote

from backstage_py.js import numbers
from backstage_py.model.json import Json, JsonObject

Coerce = Callable[[Json], Json]

_INDEX = re.compile(r"\[\d*\]")
_LARGEST = 2**53 - 1


def parse(query: bytes) -> dict[str, Json]:
    """Return the parameters: text, a list when a name comes more than once or as ``name[]``, else an object."""
    found: dict[str, Json] = {}
    for part in query.decode("latin-1").split("&"):
        if not part:
            continue
        name, _, value = part.partition("=")
        _add(found, _decode(name), _decode(value))
    return found


def _decode(text: str) -> str:
    return unquote(text.replace("+", " ")) if "%" in text or "+" in text else text


def _add(found: dict[str, Json], name: str, value: str) -> None:
    base, bracket, rest = name.partition("[")
    if bracket and base and not _INDEX.fullmatch(bracket + rest):
        found[base] = {bracket + rest: value}  # no operation has such a parameter; it is kept only to be refused
        return
    if bracket and base:
        earlier = found.get(base, [])
        found[base] = [*(earlier if isinstance(earlier, list) else [earlier]), value]
    elif name in found:
        earlier = found[name]
        found[name] = [*(earlier if isinstance(earlier, list) else [earlier]), value]
    else:
        found[name] = value


def coercion(schema: JsonObject, *, explode: bool) -> Coerce:
    """Return the function that turns a parsed parameter into the type of its schema, if it can."""
    kind = schema.get("type")
    if kind == "array":
        return _array if explode else _list_by_comma
    if kind == "integer":
        return _integer
    if kind == "number":
        return _number
    if kind == "boolean":
        return lambda value: {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
    return lambda value: value


def _array(value: Json) -> Json:
    return value if isinstance(value, list) else [value]


def _list_by_comma(value: Json) -> Json:
    return value.split(",") if isinstance(value, str) else value


def _integer(value: Json) -> Json:
    number = _number(value)
    return bounded(number) if isinstance(number, int | float) and math.isfinite(number) and number % 1 == 0 else value


def bounded(number: float) -> int:
    """Return a count or an offset as a whole number that any database can take and add one to.

    A number that is cut still means "all" or "behind everything".
    """
    return int(max(-_LARGEST, min(number, _LARGEST)))


def _number(value: Json) -> Json:
    """Return the number that ``Number(text)`` gives, and what is no text, no finite number or empty as it is."""
    if not isinstance(value, str):
        return value
    number = numbers.from_text(value) if value else math.nan
    return numbers.whole(number) if math.isfinite(number) else value
