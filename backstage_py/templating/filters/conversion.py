"""Filters for numbers and for missing values."""

from backstage_py.js import numbers
from backstage_py.js.convert import to_number, to_string, truthy
from backstage_py.js.values import UNDEFINED, Value
from backstage_py.templating.methods.arguments import argument
from backstage_py.templating.runtime import State


def absolute(_state: State, value: Value, _arguments: list[Value]) -> Value:
    """Without sign."""
    return abs(to_number(value))


def default(_state: State, value: Value, arguments: list[Value]) -> Value:
    """The argument in place of undefined, or, with a truthy second argument, in place of anything falsy."""
    replaces = not truthy(value) if truthy(argument(arguments, 1)) else value is UNDEFINED
    return argument(arguments, 0) if replaces else value


def float_filter(_state: State, value: Value, arguments: list[Value]) -> Value:
    """The number that the text begins with, else the argument."""
    number = numbers.parse_float(to_string(value))
    return argument(arguments, 0) if number != number else number  # noqa: PLR0124 - NaN


def int_filter(_state: State, value: Value, arguments: list[Value]) -> Value:
    """The integer that the text begins with, in a base, else the default."""
    base = argument(arguments, 1)
    radix = 10 if base is UNDEFINED else numbers.to_int32(to_number(base))
    number = numbers.parse_int(to_string(value), radix)
    return argument(arguments, 0) if number != number else number  # noqa: PLR0124 - NaN


def round_filter(_state: State, value: Value, arguments: list[Value]) -> Value:
    """Rounded to so many places; "ceil" and "floor" choose the direction."""
    places = argument(arguments, 0)
    factor = numbers.power(10, to_number(places if truthy(places) else 0))
    method = argument(arguments, 1)
    scaled = numbers.multiply(to_number(value), factor)
    if method == "ceil":
        rounded = numbers.ceil(scaled)
    elif method == "floor":
        rounded = numbers.floor(scaled)
    else:
        rounded = numbers.round_half_up(scaled)
    return numbers.divide(rounded, factor)
