"""JSON values as this project holds them, and their text. What JavaScript makes of them stands in ``js``."""

import math
import re
from collections.abc import Mapping

import orjson

from backstage_py.js import numbers
from backstage_py.js import text as js_text
from backstage_py.js.values import Json, Undefined

__all__ = [
    "Json",
    "JsonObject",
    "carried",
    "dumps",
    "has_more",
    "is_deeper",
    "normalise",
    "parse",
    "text",
    "type_name",
    "weight",
]

JsonObject = dict[str, Json]
_NUMBER = re.compile(r"\d(?:[.eE]|\d{15})")
"""What a text has that holds a float: a point, an exponent, or more digits than an integer has in orjson."""
_NUMBER_IN_BYTES = re.compile(_NUMBER.pattern.encode())


_STRING_OR_MARK = re.compile(rb'"[^"]*+"?|[,\[{]')
"""A string of a text without escapes, or what counts outside of strings."""
_QUOTE = ord('"')
_LEAST = 32

_DEEPEST = 200
_TOO_DEEP = f"it is nested deeper than {_DEEPEST} levels"


def parse(text: str | bytes) -> Json:
    """Parse JSON text; whole numbers become int as ``JSON.parse`` and ``JSON.stringify`` treat them.

    Raises:
        ValueError: the text is not JSON, or nested deeper than 200 levels.
    """
    value = orjson.loads(text)
    if _NUMBER.search(text) if isinstance(text, str) else _NUMBER_IN_BYTES.search(text):
        return normalise(value)
    if _openings(text) > _DEEPEST and is_deeper(value, _DEEPEST):
        raise ValueError(_TOO_DEEP)
    return value


def has_more(text: bytes, values: int) -> bool:
    """Say whether JSON text holds more values than so many, objects and lists counted twice, without parsing it.

    Small values take far more memory than their text. What is no JSON may have any answer.
    """
    return _marks(text) > values and _values(text, values) > values


def weight(text: bytes) -> int:
    """Return the bytes that JSON text counts as where what becomes of it is kept.

    32 for each value, objects and lists counted twice, where that is more than the text has.
    """
    size = len(text)
    return size if _marks(text) * _LEAST <= size else max(size, _values(text, size) * _LEAST)


def _marks(text: bytes) -> int:
    """Return how many values a text has at most, as ``has_more`` counts: all that its strings have of marks, too."""
    return text.count(b",") + text.count(b"[") + text.count(b"{")


def _values(text: bytes, most: int) -> int:
    """Return how many values JSON text holds as ``has_more`` counts, but not many more than asked for.

    A loop, so that others have a turn meanwhile where it runs in a thread.
    """
    strings = values = 0
    for found in _STRING_OR_MARK.finditer(text.replace(rb"\\", b"").replace(rb"\"", b"")):
        if found[0][0] == _QUOTE:
            strings += 1
        else:
            values += 1
        if max(values, strings // 2) > most:  # each value may be a string, and have another as its key
            break
    return values


def _openings(text: str | bytes) -> int:
    """Return how many objects and arrays a text has at most: those in its strings are counted too."""
    return text.count("[") + text.count("{") if isinstance(text, str) else text.count(b"[") + text.count(b"{")


def normalise(value: Json, levels: int = _DEEPEST) -> Json:
    """Return the value with ``1.0`` as ``1``, since JavaScript has one kind of number.

    Raises:
        ValueError: it is nested deeper than ``levels``.
    """
    if isinstance(value, float):
        return numbers.whole(value)
    if not isinstance(value, dict | list):
        return value
    if not levels:
        raise ValueError(_TOO_DEEP)
    if isinstance(value, dict):
        return {key: normalise(item, levels - 1) for key, item in value.items()}
    return [normalise(item, levels - 1) for item in value]


def is_deeper(value: Json, levels: int) -> bool:
    """Say whether objects and arrays lie within each other over more than so many levels."""
    level = [value]
    for _ in range(levels + 1):
        level = [one for one in level if isinstance(one, dict | list)]
        if not level:
            return False
        level = [part for one in level for part in (one.values() if isinstance(one, dict) else one)]
    return True


def dumps(value: Json) -> bytes:
    """Return compact JSON text in UTF-8. NaN and infinities become null, as in ``JSON.stringify``.

    Half a surrogate pair, which a template or YAML may hold and UTF-8 cannot carry, becomes U+FFFD.
    """
    try:
        return orjson.dumps(value, default=_plain)
    except TypeError as error:
        if "surrogates" not in str(error):
            raise
    return orjson.dumps(carried(value), default=_plain)


def carried(value: Json, levels: int = _DEEPEST) -> Json:
    """Return the value with the texts that UTF-8 can carry; what lies deeper than 200 levels stays as it is."""
    if isinstance(value, str):
        return js_text.scalar(value)
    if isinstance(value, Mapping) and levels:
        return {carried(key): carried(item, levels - 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset) and levels:
        return [carried(item, levels - 1) for item in value]
    return value


def text(value: Json) -> str:
    """Return compact JSON text."""
    return dumps(value).decode()


def type_name(value: Json) -> str:
    """Return the name of a value's type in JSON; that of UNDEFINED is ``undefined``."""
    match value:
        case Undefined():
            return "undefined"
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _plain(value: object) -> Json:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    if isinstance(value, int):
        return float(value) if abs(value) > numbers.SAFE and math.isfinite(float(value)) else int(value)
    raise TypeError(f"{type(value).__name__} is not a JSON value")
