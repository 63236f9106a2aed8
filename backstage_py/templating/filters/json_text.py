"""JSON as JavaScript writes it: the filter ``dump``, and texts for messages."""

import re
from json.encoder import encode_basestring

from backstage_py.js import numbers
from backstage_py.js.convert import bounded, plain
from backstage_py.js.errors import Failure, LimitFailure
from backstage_py.js.numbers import Number
from backstage_py.js.values import MAX_DEPTH, UNDEFINED, JsMap, JsSet, Regex, SafeString, Value
from backstage_py.templating.runtime import State

_SURROGATE = re.compile("[\ud800-\udfff]")


def quote(text: str) -> str:
    """A JSON string; lone surrogates are escaped."""
    quoted = encode_basestring(text)
    if quoted.isascii():
        return quoted
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


class _Writer:
    __slots__ = ("_bound", "_indent", "_left", "_parts")

    def __init__(self, indent: str, bound: int) -> None:
        self._indent = indent
        self._parts: list[str] = []
        self._bound = bound
        self._left = bound

    def write(self, value: Value) -> str | None:
        """The text of a value; None for undefined."""
        if value is UNDEFINED:
            return None
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
            plain(value)
            if depth >= MAX_DEPTH:
                raise Failure(f"Values may be nested {MAX_DEPTH} levels deep at most")
            if kind is list:
                self._array(value, line, depth)
            else:
                self._record(value, line, depth)

    def _array(self, items: list[Value], line: str, depth: int) -> None:
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
        for key, item in record.items():
            if item is UNDEFINED:
                continue
            self._put((opening + inner if self._indent else opening) + quote(key) + colon)
            self._value(item, inner, depth + 1)
            opening = ","
        self._put("{}" if opening == "{" else line + "}" if self._indent else "}")


def _indentation(value: Value) -> str:
    """What the second argument of JSON.stringify means: up to ten spaces, or up to ten characters."""
    if isinstance(value, str):
        return value[:10]
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 1:
        return ""
    number: Number = value
    return " " * int(min(10, number))


def dump(state: State, value: Value, arguments: list[Value]) -> Value:
    """The filter: compact JSON, or indented by the argument; undefined stays undefined."""
    indent = _indentation(arguments[0]) if arguments else ""
    text = _Writer(indent, state.limits.scratch).write(value)
    return UNDEFINED if text is None else bounded(text)


def stringify(value: Value) -> str | None:
    """Compact JSON of a value; None for undefined."""
    return _Writer("", 1 << 40).write(value)
