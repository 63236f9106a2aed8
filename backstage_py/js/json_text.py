"""JSON text as ``JSON.stringify(value, names, space)`` writes it."""

import re
from collections.abc import Sequence
from json.encoder import encode_basestring

from backstage_py.js import numbers
from backstage_py.js.convert import plain
from backstage_py.js.errors import MAX_TEXT, Failure, LimitFailure
from backstage_py.js.values import MAX_DEPTH, UNDEFINED, JsMap, JsSet, Regex, SafeString, Value, in_key_order

_SURROGATE = re.compile("[\ud800-\udfff]")
_WIDEST = 10


def stringify(
    value: Value, names: Sequence[str] | None = None, space: Value = "", *, bound: int = MAX_TEXT
) -> str | None:
    """What ``JSON.stringify`` gives; None for undefined.

    Args:
        value: plain data, or a value of the model; its records need not be in key order.
        names: the only members that records keep, at every level, in this order.
        space: what each level is indented with: a text, of which ten characters count, or a number of spaces up to ten.
        bound: how many characters the text may have.

    Raises:
        Failure: the value is nested more than ``MAX_DEPTH`` levels deep, or holds a function.
        LimitFailure: the text gets longer than the bound.
    """
    if value is UNDEFINED:
        return None
    return _Writer(_indentation(space), None if names is None else tuple(dict.fromkeys(names)), bound).write(value)


def text(value: Value, names: Sequence[str] | None = None, space: Value = "") -> str:
    """What ``JSON.stringify`` gives for a value that is not undefined; see ``stringify``."""
    return stringify(value, names, space) or ""


def quote(text: str) -> str:
    """A JSON string; lone surrogates are escaped."""
    quoted = encode_basestring(text)
    if quoted.isascii():
        return quoted
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


class _Writer:
    __slots__ = ("_bound", "_indent", "_left", "_names", "_parts")

    def __init__(self, indent: str, names: tuple[str, ...] | None, bound: int) -> None:
        self._indent = indent
        self._names = names
        self._parts: list[str] = []
        self._bound = bound
        self._left = bound

    def write(self, value: Value) -> str:
        self._value(value, "\n", 0)
        return "".join(self._parts)

    def _put(self, text: str) -> None:
        self._left -= len(text)
        if self._left < 0:
            raise LimitFailure("scratch", self._bound)
        self._parts.append(text)

    def _value(self, value: Value, line: str, depth: int) -> None:
        kind = type(value)
        if kind is str:
            self._put(quote(value))
        elif kind is bool:
            self._put("true" if value else "false")
        elif kind is int or kind is float:
            self._put(numbers.to_text(value) if value - value == 0 else "null")
        elif value is None or value is UNDEFINED:
            self._put("null")
        elif kind is SafeString:
            self._put(quote(value.value))
        elif kind is Regex or kind is JsMap or kind is JsSet:
            self._put("{}")
        else:
            if depth >= MAX_DEPTH:
                raise Failure(f"Values may be nested {MAX_DEPTH} levels deep at most")
            if kind is list or kind is tuple:
                self._array(value, line, depth)
            else:
                self._record(plain(value), line, depth)

    def _array(self, items: Sequence[Value], line: str, depth: int) -> None:
        inner = line + self._indent
        opening = "["
        for item in items:
            self._put(opening + inner if self._indent else opening)
            self._value(item, inner, depth + 1)
            opening = ","
        self._put("[]" if opening == "[" else line + "]" if self._indent else "]")

    def _record(self, record: dict[str, Value], line: str, depth: int) -> None:
        inner = line + self._indent
        colon = ": " if self._indent else ":"
        opening = "{"
        for key in in_key_order(record) if self._names is None else self._names:
            item = record.get(key, UNDEFINED)
            if item is UNDEFINED:
                continue
            self._put((opening + inner if self._indent else opening) + quote(key) + colon)
            self._value(item, inner, depth + 1)
            opening = ","
        self._put("{}" if opening == "{" else line + "}" if self._indent else "}")


def _indentation(value: Value) -> str:
    """What the second argument of JSON.stringify means: up to ten spaces, or up to ten characters."""
    if isinstance(value, str):
        return value[:_WIDEST]
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 1:
        return ""
    return " " * int(min(_WIDEST, value))
