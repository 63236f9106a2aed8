"""Keywords for single values: which are allowed, how texts look, how large numbers and sizes may be."""

from collections.abc import Callable
from decimal import Decimal

from backstage_py.js import regex
from backstage_py.js.convert import deep_equal, to_string
from backstage_py.js.numbers import is_finite
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.json_schema.formats import has_format
from backstage_py.model.json_schema.problem import MISSING, Check, Compiler, Keyword, Path, Problem, Problems


def _enum(schema: JsonObject, _compiler: Compiler) -> Check:
    allowed = schema["enum"] if isinstance(schema["enum"], list) else []

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is MISSING or any(deep_equal(instance, value) for value in allowed):
            return
        message = f"is not one of enum values: {','.join(map(to_string, allowed))}"
        problems.append(Problem(path, message, schema, instance, "enum", allowed))

    return check


def _const(schema: JsonObject, _compiler: Compiler) -> Check:
    wanted = schema["const"]

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is not MISSING and not deep_equal(wanted, instance):
            message = f"does not exactly match expected constant: {to_string(wanted)}"
            problems.append(Problem(path, message, schema, instance, "const", wanted))

    return check


def _pattern(schema: JsonObject, _compiler: Compiler) -> Check:
    pattern = to_string(schema["pattern"])

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if isinstance(instance, str) and not regex.tester(pattern)(instance):
            message = f"does not match pattern {json.text(pattern)}"
            problems.append(Problem(path, message, schema, instance, "pattern", schema["pattern"]))

    return check


def _format(schema: JsonObject, _compiler: Compiler) -> Check:
    name = schema["format"]

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if isinstance(instance, str) and isinstance(name, str) and not has_format(instance, name):
            message = f"does not conform to the {json.text(name)} format"
            problems.append(Problem(path, message, schema, instance, "format", name))

    return check


def _multiple_of(keyword: str, words: str) -> Keyword:
    def make(schema: JsonObject, _compiler: Compiler) -> Check:
        divisor = schema[keyword]

        def check(instance: Json, path: Path, problems: Problems) -> None:
            if not is_finite(instance) or not is_finite(divisor) or divisor == 0:
                return
            if Decimal(str(instance)) % Decimal(str(divisor)) != 0:
                problems.append(Problem(path, f"{words}{json.text(divisor)}", schema, instance, keyword, divisor))

        return check

    return make


def _bound(keyword: str, words: str, holds: Callable[[float, float], bool]) -> Keyword:
    """Make ``minimum`` and its relatives; a bound that is no number never holds, as in JavaScript."""

    def make(schema: JsonObject, _compiler: Compiler) -> Check:
        limit = schema[keyword]
        usable = is_finite(limit)

        def check(instance: Json, path: Path, problems: Problems) -> None:
            if is_finite(instance) and not (usable and holds(instance, limit)):
                problems.append(Problem(path, words + to_string(limit), schema, instance, keyword, limit))

        return check

    return make


def _inclusive_or_not(exclusive: str, inclusive_check: Keyword, exclusive_check: Keyword) -> Keyword:
    """Make the draft 4 form, where a boolean beside ``minimum`` makes it exclusive."""

    def make(schema: JsonObject, compiler: Compiler) -> Check:
        chosen = exclusive_check if schema.get(exclusive) is True else inclusive_check
        return chosen(schema, compiler)

    return make


def _unless_boolean(keyword: str, make_check: Keyword) -> Keyword:
    def make(schema: JsonObject, compiler: Compiler) -> Check:
        if isinstance(schema[keyword], bool):
            return lambda _instance, _path, _problems: None
        return make_check(schema, compiler)

    return make


def _size(keyword: str, kind: type, words: str, holds: Callable[[float, float], bool]) -> Keyword:
    def make(schema: JsonObject, _compiler: Compiler) -> Check:
        limit = schema[keyword]
        usable = is_finite(limit)

        def check(instance: Json, path: Path, problems: Problems) -> None:
            if isinstance(instance, kind) and not (usable and holds(len(instance), limit)):  # type: ignore[arg-type]  # all three kinds have a length
                problems.append(Problem(path, words + to_string(limit), schema, instance, keyword, limit))

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


KEYWORDS: dict[str, Keyword] = {
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
