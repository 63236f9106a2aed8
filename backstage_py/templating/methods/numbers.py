"""The methods of numbers."""

from collections.abc import Callable

from backstage_py.js import numbers
from backstage_py.js.convert import to_number
from backstage_py.js.numbers import Number
from backstage_py.js.values import UNDEFINED, Value
from backstage_py.templating.runtime import State


def _optional(arguments: list[Value]) -> Number | None:
    return None if not arguments or arguments[0] is UNDEFINED else to_number(arguments[0])


def _to_fixed(_state: State, value: Number, arguments: list[Value]) -> Value:
    return numbers.to_fixed(value, _optional(arguments) or 0)


def _to_exponential(_state: State, value: Number, arguments: list[Value]) -> Value:
    return numbers.to_exponential(value, _optional(arguments))


def _to_precision(_state: State, value: Number, arguments: list[Value]) -> Value:
    return numbers.to_precision(value, _optional(arguments))


def _to_string(_state: State, value: Number, arguments: list[Value]) -> Value:
    radix = _optional(arguments)
    return numbers.to_radix(value, 10 if radix is None else radix)


METHODS: dict[str, tuple[Callable[[State, Value, list[Value]], Value], int, float]] = {
    "toExponential": (_to_exponential, 0, 1),
    "toFixed": (_to_fixed, 0, 1),
    "toPrecision": (_to_precision, 0, 1),
    "toString": (_to_string, 0, 1),
}
