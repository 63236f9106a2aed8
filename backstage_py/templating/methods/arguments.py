"""Arguments of methods as JavaScript reads them."""

from backstage_py.js import numbers
from backstage_py.js.convert import to_number
from backstage_py.js.numbers import Number
from backstage_py.js.values import UNDEFINED, Value


def argument(arguments: list[Value], index: int) -> Value:
    """An argument, UNDEFINED if it was not given."""
    return arguments[index] if index < len(arguments) else UNDEFINED


def integer(value: Value, default: Number = 0) -> Number:
    """An integer or an infinity; the default for undefined."""
    return default if value is UNDEFINED else numbers.to_integer(to_number(value))


def clamp(value: Number, lowest: int, highest: int) -> int:
    """The number inside of the bounds."""
    return int(max(lowest, min(highest, value)))


def relative(value: Number, count: int) -> int:
    """A position in a sequence, counted from the end if negative."""
    return clamp(count + value if value < 0 else value, 0, count)


def slice_bounds(arguments: list[Value], count: int, first: int = 0) -> tuple[int, int]:
    """Start and end, as ``slice`` reads the two arguments from ``first`` on."""
    start = relative(integer(argument(arguments, first)), count)
    end = relative(integer(argument(arguments, first + 1), count), count)
    return start, end
