"""The built-in tests: what may stand behind ``is``."""

from collections.abc import Callable
from typing import NamedTuple

from backstage_py.js import convert, numbers
from backstage_py.js.convert import order, plain, strict_equal, to_number, truthy
from backstage_py.js.errors import Failure
from backstage_py.js.values import UNDEFINED, JsMap, JsSet, Regex, SafeString, Value
from backstage_py.templating.functions import Function, check_count


class Check(NamedTuple):
    """A test: how many arguments it takes, and whether functions may be asked about."""

    arity: int
    function: Callable[..., bool]
    takes_functions: bool = False

    def check(self, name: str, count: int) -> None:
        """Raises Failure unless the number of arguments is right."""
        check_count(f'The test "{name}"', count, self.arity, self.arity)

    def apply(self, value: Value, arguments: list[Value]) -> bool:
        """Whether the value passes."""
        if not self.takes_functions:
            plain(value)
            for argument in arguments:
                plain(argument)
        return self.function(value, *arguments)


def _text(value: Value) -> str:
    if type(value) is not str:
        raise Failure(f"The test needs text, not {convert.kind_of(value)}")
    return value


def _lower(value: Value) -> bool:
    return type(value) is not SafeString and _text(value).lower() == value


def _upper(value: Value) -> bool:
    return type(value) is not SafeString and _text(value).upper() == value


def _iterable(value: Value) -> bool:
    if value is UNDEFINED or value is None:
        raise Failure('The test "iterable" needs a value')
    return isinstance(value, str | SafeString | list | JsMap | JsSet)


def _remainder(left: Value, right: Value, wanted: int) -> bool:
    return numbers.remainder(to_number(left), to_number(right)) == wanted


TESTS: dict[str, Check] = {
    "callable": Check(0, lambda value: isinstance(value, Function), takes_functions=True),
    "defined": Check(0, lambda value: value is not UNDEFINED),
    "divisibleby": Check(1, lambda value, divisor: _remainder(value, divisor, 0)),
    "eq": Check(1, strict_equal, takes_functions=True),
    "equalto": Check(1, strict_equal, takes_functions=True),
    "escaped": Check(0, lambda value: type(value) is SafeString),
    "even": Check(0, lambda value: _remainder(value, 2, 0)),
    "falsy": Check(0, lambda value: not truthy(value)),
    "ge": Check(1, lambda value, other: order(value, other) in {0, 1}),
    "greaterthan": Check(1, lambda value, other: order(value, other) == 1),
    "gt": Check(1, lambda value, other: order(value, other) == 1),
    "iterable": Check(0, _iterable),
    "le": Check(1, lambda value, other: order(value, other) in {0, -1}),
    "lessthan": Check(1, lambda value, other: order(value, other) == -1),
    "lower": Check(0, _lower),
    "lt": Check(1, lambda value, other: order(value, other) == -1),
    "mapping": Check(0, lambda value: isinstance(value, dict | JsMap | SafeString | Regex)),
    "ne": Check(1, lambda value, other: not strict_equal(value, other), takes_functions=True),
    "null": Check(0, lambda value: value is None),
    "number": Check(0, lambda value: type(value) is int or type(value) is float),
    "odd": Check(0, lambda value: _remainder(value, 2, 1)),
    "sameas": Check(1, strict_equal, takes_functions=True),
    "string": Check(0, lambda value: type(value) is str),
    "truthy": Check(0, truthy),
    "undefined": Check(0, lambda value: value is UNDEFINED),
    "upper": Check(0, _upper),
}
"""All tests by name; "eq", "equalto" and "sameas" are JavaScript's ``===``."""
