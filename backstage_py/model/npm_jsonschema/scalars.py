"""Keywords for single values: which are allowed, how texts look, how large numbers and sizes may be."""

import math
from collections.abc import Callable

from backstage_py.js import numbers
from backstage_py.js.values import UNDEFINED
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.npm_jsonschema.formats import has_format
from backstage_py.model.npm_jsonschema.javascript import ahead, is_number, same, stringify, to_number, to_text
from backstage_py.model.npm_jsonschema.patterns import tester
from backstage_py.model.npm_jsonschema.problem import (
    Check,
    Compiler,
    Keyword,
    Keywords,
    Path,
    Problem,
    Problems,
    SchemaProblem,
    accept,
    raising,
    unless_missing,
)
from backstage_py.model.npm_jsonschema.scope import Scope


def _enum(schema: JsonObject, _compiler: Compiler, _scope: Scope) -> Check:
    allowed = schema["enum"]
    if not isinstance(allowed, list):
        return unless_missing(raising("enum expects an array"))
    message = ahead(lambda: f"is not one of enum values: {','.join(map(to_text, allowed))}")

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is not UNDEFINED and not any(same(instance, value) for value in allowed):
            problems.append(Problem(path, message(), schema, instance, "enum", allowed))

    return check


def _const(schema: JsonObject, _compiler: Compiler, _scope: Scope) -> Check:
    wanted = schema["const"]

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is not UNDEFINED and not same(wanted, instance):
            message = f"does not exactly match expected constant: {to_text(wanted)}"
            problems.append(Problem(path, message, schema, instance, "const", wanted))

    return check


def _pattern(schema: JsonObject, _compiler: Compiler, _scope: Scope) -> Check:
    declared = schema["pattern"]
    test = ahead(lambda: tester(to_text(declared)))

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if isinstance(instance, str) and not test()(instance):
            if declared is None:
                raise SchemaProblem("Cannot read properties of null (reading 'toString')")
            message = f"does not match pattern {stringify(to_text(declared))}"
            problems.append(Problem(path, message, schema, instance, "pattern", declared))

    return check


def _format(schema: JsonObject, _compiler: Compiler, _scope: Scope) -> Check:
    declared = schema["format"]
    name = ahead(lambda: to_text(declared))

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is not UNDEFINED and not has_format(instance, name()):
            message = f"does not conform to the {stringify(declared)} format"
            problems.append(Problem(path, message, schema, instance, "format", declared))

    return check


def _multiple_of(keyword: str, words: str) -> Keyword:
    def make(schema: JsonObject, _compiler: Compiler, _scope: Scope) -> Check:
        declared = schema[keyword]
        divisor = ahead(lambda: to_number(declared))

        def check(instance: Json, path: Path, problems: Problems) -> None:
            if not is_number(instance):
                return
            if divisor() == 0 and declared is not None:
                raise SchemaProblem(f"{keyword} cannot be zero")
            if not _is_multiple(instance, divisor()):
                problems.append(Problem(path, words + stringify(declared), schema, instance, keyword, declared))

        return check

    return make


def _is_multiple(value: float, divisor: float) -> bool:
    """Return whether a number is a multiple of another, both made whole by as many digits as either has."""
    scale = numbers.power(10, max(_decimals(value), _decimals(divisor)))
    left = numbers.round_half_up(numbers.multiply(value, scale))
    right = numbers.round_half_up(numbers.multiply(divisor, scale))
    return numbers.remainder(left, right) == 0


def _decimals(value: float) -> int:
    if not math.isfinite(value):
        return 0
    digits, _, exponent = numbers.to_text(value).partition("e")
    if exponent and not exponent.startswith("-"):
        return 0
    return int(exponent[1:] or 0) + len(digits.partition(".")[2])


def _bound(keyword: str, words: str, holds: Callable[[float, float], bool]) -> Keyword:
    """Make ``minimum`` and its relatives; a bound that is no number never holds, as in JavaScript."""

    def make(schema: JsonObject, _compiler: Compiler, _scope: Scope) -> Check:
        declared = schema[keyword]
        limit = ahead(lambda: to_number(declared))
        message = ahead(lambda: words + to_text(declared))

        def check(instance: Json, path: Path, problems: Problems) -> None:
            if is_number(instance) and not holds(instance, limit()):
                problems.append(Problem(path, message(), schema, instance, keyword, declared))

        return check

    return make


def _inclusive_or_not(exclusive: str, inclusive_check: Keyword, exclusive_check: Keyword) -> Keyword:
    """Make the draft 4 form, where a boolean beside ``minimum`` makes it exclusive."""

    def make(schema: JsonObject, compiler: Compiler, scope: Scope) -> Check:
        chosen = exclusive_check if schema.get(exclusive) is True else inclusive_check
        return chosen(schema, compiler, scope)

    return make


def _unless_boolean(keyword: str, make_check: Keyword) -> Keyword:
    def make(schema: JsonObject, compiler: Compiler, scope: Scope) -> Check:
        return accept if isinstance(schema[keyword], bool) else make_check(schema, compiler, scope)

    return make


def _size(keyword: str, kind: type, words: str, holds: Callable[[float, float], bool]) -> Keyword:
    def make(schema: JsonObject, _compiler: Compiler, _scope: Scope) -> Check:
        declared = schema[keyword]
        limit = ahead(lambda: to_number(declared))
        message = ahead(lambda: words + to_text(declared))

        def check(instance: Json, path: Path, problems: Problems) -> None:
            if isinstance(instance, kind) and not holds(len(instance), limit()):  # type: ignore[arg-type]  # all three kinds have a length
                problems.append(Problem(path, message(), schema, instance, keyword, declared))

        return check

    return make


def _at_least(value: float, limit: float) -> bool:
    return value >= limit


def _at_most(value: float, limit: float) -> bool:
    return value <= limit


def _above(value: float, limit: float) -> bool:
    return value > limit


def _below(value: float, limit: float) -> bool:
    return value < limit


KEYWORDS: Keywords = {
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "format": _format,
    "multipleOf": _multiple_of("multipleOf", "is not a multiple of (divisible by) "),
    "divisibleBy": _multiple_of("divisibleBy", "is not divisible by (multiple of) "),
    "minimum": _inclusive_or_not(
        "exclusiveMinimum",
        _bound("minimum", "must be greater than or equal to ", _at_least),
        _bound("minimum", "must be greater than ", _above),
    ),
    "maximum": _inclusive_or_not(
        "exclusiveMaximum",
        _bound("maximum", "must be less than or equal to ", _at_most),
        _bound("maximum", "must be less than ", _below),
    ),
    "exclusiveMinimum": _unless_boolean(
        "exclusiveMinimum", _bound("exclusiveMinimum", "must be strictly greater than ", _above)
    ),
    "exclusiveMaximum": _unless_boolean(
        "exclusiveMaximum", _bound("exclusiveMaximum", "must be strictly less than ", _below)
    ),
    "minProperties": _size("minProperties", dict, "does not meet minimum property length of ", _at_least),
    "maxProperties": _size("maxProperties", dict, "does not meet maximum property length of ", _at_most),
    "minLength": _size("minLength", str, "does not meet minimum length of ", _at_least),
    "maxLength": _size("maxLength", str, "does not meet maximum length of ", _at_most),
    "minItems": _size("minItems", list, "does not meet minimum length of ", _at_least),
    "maxItems": _size("maxItems", list, "does not meet maximum length of ", _at_most),
}
