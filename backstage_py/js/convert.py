"""JavaScript's conversions and comparisons over the value model."""

from collections.abc import Callable

from backstage_py.js import numbers
from backstage_py.js.errors import MAX_TEXT, Failure, LimitFailure
from backstage_py.js.numbers import Number
from backstage_py.js.text import fuse, less
from backstage_py.js.values import (
    MAX_DEPTH,
    UNDEFINED,
    HoldingDict,
    HoldingList,
    JsMap,
    Json,
    JsSet,
    Regex,
    SafeString,
    Value,
)

_OPAQUE: dict[type, str] = {dict: "[object Object]", JsMap: "[object Map]", JsSet: "[object Set]"}
_DATA = frozenset({str, int, float, bool, type(None), type(UNDEFINED), list, dict, SafeString, Regex, JsMap, JsSet})


def truthy(value: Value) -> bool:
    """Whether the value counts as true; containers and safe strings always do."""
    kind = type(value)
    if kind is bool:
        return value  # type: ignore[no-any-return]  # a bool, just checked
    if kind is str:
        return value != ""  # type: ignore[no-any-return]  # a comparison
    if kind is int:
        return value != 0  # type: ignore[no-any-return]  # a comparison
    if kind is float:
        return value == value and value != 0  # type: ignore[no-any-return]  # noqa: PLR0124 - NaN is false
    return value is not None and value is not UNDEFINED


def plain(value: Value) -> Value:
    """The value itself if no function is in it.

    Raises:
        Failure: it is, or holds, a function.
    """
    if type(value) not in _DATA:
        raise Failure("Functions can only be called, not used as values")
    return value


def typeof(value: Value) -> str:
    """What ``typeof`` says of a value that is no function."""
    kind = type(value)
    if kind is str:
        return "string"
    if kind is bool:
        return "boolean"
    if kind is int or kind is float:
        return "number"
    return "undefined" if value is UNDEFINED else "object"


def kind_of(value: Value) -> str:
    """The name of the value's kind for messages."""
    kind = type(value)
    named = {
        str: "string",
        bool: "boolean",
        int: "number",
        float: "number",
        list: "array",
        HoldingList: "array",
        dict: "record",
        HoldingDict: "record",
        JsMap: "Map",
        JsSet: "Set",
        SafeString: "safe string",
        Regex: "regular expression",
    }
    if value is None:
        return "null"
    if value is UNDEFINED:
        return "undefined"
    return named.get(kind, "function")


def printed(value: Value) -> str:
    """How a value is written to the output: undefined and null are nothing, arrays are joined by commas.

    Raises:
        Failure: the value is, or holds, a function.
    """
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]  # a str, just checked
    if kind is int:
        return str(value)
    if value is None or value is UNDEFINED:
        return ""
    return to_string(value)


def to_string(value: Value, depth: int = 0) -> str:
    """What ``String(value)`` gives.

    Raises:
        Failure: the value is, or holds, a function.
    """
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]  # a str, just checked
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is float:
        return numbers.to_text(value)
    if value is None:
        return "null"
    if value is UNDEFINED:
        return "undefined"
    if kind is SafeString:
        return value.value  # type: ignore[no-any-return]  # a SafeString, just checked
    if kind is list:
        if depth >= MAX_DEPTH:
            raise Failure(f"Values may be nested {MAX_DEPTH} levels deep at most")
        joined = ["" if item is None or item is UNDEFINED else to_string(item, depth + 1) for item in value]
        return bounded(fuse(",".join(bounded_parts(joined))))
    opaque = _OPAQUE.get(kind)
    if opaque is not None:
        return opaque
    if kind is Regex:
        return value.text()  # type: ignore[no-any-return]  # a Regex, just checked
    plain(value)
    raise AssertionError(kind)  # pragma: no cover - plain refuses everything else


def bounded(text: str) -> str:
    """The text if one value may be that long.

    Raises:
        LimitFailure: it is too long.
    """
    if len(text) > MAX_TEXT:
        raise LimitFailure("scratch", MAX_TEXT)
    return text


def bounded_parts(parts: list[str], separator: int = 1) -> list[str]:
    """The parts if their join may be built; checked before memory is spent."""
    if sum(map(len, parts)) + separator * len(parts) > MAX_TEXT:
        raise LimitFailure("scratch", MAX_TEXT)
    return parts


def to_primitive(value: Value) -> Value:
    """undefined, null, boolean, number or string."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or kind is float or value is None or value is UNDEFINED:
        return value
    return to_string(value)


def to_number(value: Value) -> Number:
    """What ``Number(value)`` gives."""
    kind = type(value)
    if kind is int or kind is float:
        return value  # type: ignore[no-any-return]  # a number, just checked
    if kind is bool:
        return 1 if value else 0
    if value is None:
        return 0
    if value is UNDEFINED:
        return numbers.NAN
    return numbers.from_text(to_string(value))


def strict_equal(left: Value, right: Value) -> bool:
    """``===``: by value for primitives, by identity for the rest."""
    kind = type(left)
    other = type(right)
    if kind is str:
        return other is str and left == right
    if kind is int or kind is float:
        return (other is int or other is float) and left == right
    return left is right


def _primitive(kind: type, value: Value) -> bool:
    return kind is str or kind is int or kind is bool or kind is float or value is None or value is UNDEFINED


def deep_equal(left: Json, right: Json) -> bool:
    """Whether two JSON values are equal in depth, each part as ``===`` compares: ``true`` is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(deep_equal(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(deep_equal, left, right))
    return strict_equal(left, right)


def loose_equal(left: Value, right: Value) -> bool:
    """``==``."""
    kind = type(left)
    other = type(right)
    if kind is str and other is str:
        return left == right  # type: ignore[no-any-return]  # two str
    left_primitive = _primitive(kind, left)
    right_primitive = _primitive(other, right)
    if not left_primitive and not right_primitive:
        return left is right
    return _primitives_equal(
        left if left_primitive else to_string(left), right if right_primitive else to_string(right)
    )


def _primitives_equal(left: Value, right: Value) -> bool:
    if left is None or left is UNDEFINED or right is None or right is UNDEFINED:
        return (left is None or left is UNDEFINED) and (right is None or right is UNDEFINED)
    if type(left) is str and type(right) is str:
        return left == right
    return to_number(left) == to_number(right)


def order(left: Value, right: Value) -> int | None:
    """-1, 0 or 1 as the left side is less, equal or greater; None where nothing holds (NaN)."""
    if type(left) is int and type(right) is int:
        return (left > right) - (left < right)
    left = to_primitive(left)
    right = to_primitive(right)
    if type(left) is str and type(right) is str:
        return 0 if left == right else -1 if less(left, right) else 1
    left = to_number(left)
    right = to_number(right)
    if left < right:
        return -1
    if left > right:
        return 1
    return 0 if left == right else None


def add(left: Value, right: Value) -> Value:
    """``+``: joins if one side is text, else adds."""
    kind = type(left)
    other = type(right)
    if kind is int and other is int:
        return numbers.add(left, right)
    left = to_primitive(left)
    right = to_primitive(right)
    if type(left) is str or type(right) is str:
        return joined(to_string(left), to_string(right))
    return numbers.add(to_number(left), to_number(right))


def concat(left: Value, right: Value) -> str:
    """``~``: joins both sides as text."""
    return joined(to_string(left), to_string(right))


def joined(left: str, right: str) -> str:
    """Two texts in a row, a surrogate pair at the seam fused."""
    if len(left) + len(right) > MAX_TEXT:
        raise LimitFailure("scratch", MAX_TEXT)
    text = left + right
    return text if right[:1].isascii() else fuse(text)


def contains(container: Value, needle: Value) -> bool:
    """``needle in container``.

    Raises:
        Failure: the container is not an array, record or text.
    """
    if type(container) is str:
        return to_string(needle) in container
    if isinstance(container, list):
        return any(strict_equal(item, needle) for item in container)
    if isinstance(container, dict):
        return to_string(needle) in container
    if type(container) is SafeString:
        return to_string(needle) in {"length", "val"}
    raise Failure(f'"in" needs an array, a record or text on the right, not {kind_of(container)}')


Binary = Callable[[Value, Value], Value]


def _arithmetic(operation: Callable[[Number, Number], Number]) -> Binary:
    def apply(left: Value, right: Value) -> Value:
        return operation(to_number(left), to_number(right))

    return apply


BINARY: dict[str, Binary] = {
    "+": add,
    "~": concat,
    "-": _arithmetic(numbers.subtract),
    "*": _arithmetic(numbers.multiply),
    "/": _arithmetic(numbers.divide),
    "%": _arithmetic(numbers.remainder),
    "**": _arithmetic(numbers.power),
}


def _less(left: Value, right: Value) -> bool:
    return order(left, right) == -1


def _greater(left: Value, right: Value) -> bool:
    return order(left, right) == 1


def _at_most(left: Value, right: Value) -> bool:
    return order(left, right) in {-1, 0}


def _at_least(left: Value, right: Value) -> bool:
    return order(left, right) in {0, 1}


def _not_equal(left: Value, right: Value) -> bool:
    return not loose_equal(left, right)


def _not_strict_equal(left: Value, right: Value) -> bool:
    return not strict_equal(left, right)


COMPARE: dict[str, Callable[[Value, Value], bool]] = {
    "==": loose_equal,
    "===": strict_equal,
    "!=": _not_equal,
    "!==": _not_strict_equal,
    "<": _less,
    "<=": _at_most,
    ">": _greater,
    ">=": _at_least,
}
