"""Values as the package's JavaScript treats them: compared, written, and asked for members they may not have."""

import math
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import Final, TypeVar

from backstage_py.js import convert, json_text
from backstage_py.js.errors import Failure
from backstage_py.js.text import units
from backstage_py.js.values import UNDEFINED, in_key_order
from backstage_py.model.json import Json
from backstage_py.model.npm_jsonschema.problem import SchemaProblem

FUNCTION: Final = object()
"""Stands for what every object inherits, such as ``toString``."""

INHERITED: Final = frozenset(
    {
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "toLocaleString",
        "toString",
        "valueOf",
        "__proto__",
        "__defineGetter__",
        "__defineSetter__",
        "__lookupGetter__",
        "__lookupSetter__",
    }
)
_Result = TypeVar("_Result")


def member(value: Json, key: str) -> Json:
    """Return ``value[key]``, UNDEFINED when there is none."""
    if isinstance(value, dict):
        found = value.get(key, UNDEFINED)
    elif isinstance(value, list | str):
        found = len(value) if key == "length" else dict(entries(value)).get(key, UNDEFINED)
    else:
        found = UNDEFINED
    return FUNCTION if found is UNDEFINED and key in INHERITED else found


def entries(value: Json) -> Iterator[tuple[str, Json]]:
    """Return what ``for (const key in value)`` goes through, with the values."""
    if isinstance(value, dict):
        yield from in_key_order(value).items()
    elif isinstance(value, list | str):
        yield from ((str(index), item) for index, item in enumerate(units(value) if isinstance(value, str) else value))


def call_inherited(name: str, argument: Json, own: AbstractSet[str]) -> bool:
    """Return whether a method that an object inherits gives something true; ``own`` are the object's own members."""
    if name.startswith("__define"):
        raise SchemaProblem(f"Object.prototype.{name}: Expecting function")
    if name in {"hasOwnProperty", "propertyIsEnumerable"}:
        return to_text(argument) in own
    if name.startswith("__lookup"):
        return to_text(argument) == "__proto__"
    return name != "isPrototypeOf"


def is_schema(value: Json) -> bool:
    """Return whether a value may stand for a schema: an object, an array or a boolean."""
    return isinstance(value, dict | list | bool)


def same(left: Json, right: Json) -> bool:
    """Compare in depth as the package does: an object equals an array that has the same members."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return (
            isinstance(right, dict | list)
            and len(left) == len(right)
            and all(same(value, member(right, key)) for key, value in left.items())
        )
    if isinstance(left, int | float):
        return isinstance(right, int | float) and left == right
    return type(left) is type(right) and bool(left == right)


def to_text(value: Json) -> str:
    """Return ``String(value)``.

    Raises:
        SchemaProblem: a member named ``toString`` hides the function.
    """
    if isinstance(value, str):
        return value
    if _hides_text(value):
        raise SchemaProblem("Cannot convert object to primitive value")
    return convert.to_string(value)


def _hides_text(value: Json) -> bool:
    if isinstance(value, list):
        return any(map(_hides_text, value))
    return isinstance(value, dict) and "toString" in value


def to_number(value: Json) -> int | float:
    """Return what a value is beside a number in a comparison."""
    return convert.to_number(to_text(value) if isinstance(value, dict | list) else value)


def joined(values: list[Json]) -> str:
    """Return ``values.join(',')``."""
    return ",".join("" if value is None or value is UNDEFINED else to_text(value) for value in values)


def stringify(value: Json) -> str:
    """Return ``JSON.stringify(value)``."""
    return json_text.stringify(value) or ""


def is_number(value: Json) -> bool:
    """Return whether a value is a finite number."""
    kind = type(value)
    return kind is int or (kind is float and math.isfinite(value))


def ahead(make: Callable[[], _Result]) -> Callable[[], _Result]:
    """Return a function that gives what ``make`` gives, worked out now; a failure is kept for when it is called."""
    try:
        made = make()
    except (SchemaProblem, Failure):
        return make
    return lambda: made
