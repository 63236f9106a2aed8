"""The keywords, in the order in which Ajv looks at them: those for all values first, then those of each type."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from backstage_py.js import regex
from backstage_py.js.convert import to_string
from backstage_py.js.values import in_key_order
from backstage_py.model.ajv.problem import Check, Keyword, Problems, Subschemas, below, in_turn, one, valid
from backstage_py.model.json import Json, JsonObject


def _ref(schema: JsonObject, subschemas: Subschemas) -> Check:
    return subschemas.reference(schema["$ref"])


def _const(schema: JsonObject, _subschemas: Subschemas) -> Check:
    only = schema["const"]
    wrong = one("const", "must be equal to constant", allowedValue=only)
    return lambda value: () if _same(value, only) else wrong


def _enum(schema: JsonObject, _subschemas: Subschemas) -> Check:
    allowed = schema["enum"]
    wrong = one("enum", "must be equal to one of the allowed values", allowedValues=allowed)
    return lambda value: () if any(_same(value, other) for other in allowed) else wrong


def _same(left: Json, right: Json) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(value, right[key]) for key, value in left.items())
    return bool(left == right)


def _any_of(schema: JsonObject, subschemas: Subschemas) -> Check:
    composite = subschemas.composite()
    options = [composite.compile(option) for option in schema["anyOf"]]
    wrong = one("anyOf", "must match a schema in anyOf")

    def run(value: Json) -> Problems:
        found: list[Any] = []
        for option in options:
            problems = option(value)
            if not problems:
                return ()
            found += problems
        return [*found, *wrong]

    return run


def _one_of(schema: JsonObject, subschemas: Subschemas) -> Check:
    composite = subschemas.composite()
    options = [composite.compile(option) for option in schema["oneOf"]]
    message = "must match exactly one schema in oneOf"

    def run(value: Json) -> Problems:
        found: list[Any] = []
        passing: int | None = None
        for index, option in enumerate(options):
            if problems := option(value):
                found += problems
            elif passing is None:
                passing = index
            else:
                return [*found, *one("oneOf", message, passingSchemas=[passing, index])]
        return [*found, *one("oneOf", message, passingSchemas=None)] if passing is None else ()

    return run


def _all_of(schema: JsonObject, subschemas: Subschemas) -> Check:
    return in_turn([subschemas.compile(part) for part in schema["allOf"]])


def _limit(keyword: str, sign: str, fits: Callable[[float, float], bool]) -> Keyword:
    def make(schema: JsonObject, _subschemas: Subschemas) -> Check:
        limit = schema[keyword]
        wrong = one(keyword, f"must be {sign} {to_string(limit)}", comparison=sign, limit=limit)
        return lambda value: () if fits(value, limit) else wrong

    return make


def _size(keyword: str, comparison: str, unit: str, fits: Callable[[float, float], bool]) -> Keyword:
    def make(schema: JsonObject, _subschemas: Subschemas) -> Check:
        limit = schema[keyword]
        wrong = one(keyword, f"must NOT have {comparison} than {to_string(limit)} {unit}", limit=limit)
        return lambda value: () if fits(len(value), limit) else wrong

    return make


def _at_least(size: float, limit: float) -> bool:
    return size >= limit


def _at_most(size: float, limit: float) -> bool:
    return size <= limit


def _pattern(schema: JsonObject, _subschemas: Subschemas) -> Check:
    pattern = schema["pattern"]
    test = regex.tester(pattern)
    wrong = one("pattern", f'must match pattern "{pattern}"', pattern=pattern)
    return lambda value: () if test(value) else wrong


def _items(schema: JsonObject, subschemas: Subschemas) -> Check:
    check = subschemas.compile(schema["items"])

    def run(value: Json) -> Problems:
        for index, item in enumerate(value):
            if problems := check(item):
                return below(problems, str(index))
        return ()

    return run


def _required(schema: JsonObject, _subschemas: Subschemas) -> Check:
    names = tuple(schema["required"])

    def run(value: Json) -> Problems:
        for name in names:
            if name not in value:
                return one("required", f"must have required property '{name}'", missingProperty=name)
        return ()

    return run


def _additional_properties(schema: JsonObject, subschemas: Subschemas) -> Check:
    known = frozenset(schema.get("properties", {}))
    patterns = [_of_names(pattern) for pattern in schema.get("patternProperties", {})]
    allowed = schema["additionalProperties"]
    check = None if allowed is False else subschemas.compile(allowed)
    if check is valid:
        return valid

    def find(value: JsonObject) -> Problems:
        for name in value:
            if name in known or any(test(name) for test in patterns):
                continue
            if check is None:
                message = "must NOT have additional properties"
                return one("additionalProperties", message, additionalProperty=name)
            if problems := check(value[name]):
                return below(problems, name)
        return ()

    return _in_key_order(find)


def _properties(schema: JsonObject, subschemas: Subschemas) -> Check:
    checks = tuple((name, subschemas.compile(part)) for name, part in in_key_order(schema["properties"]).items())

    def run(value: Json) -> Problems:
        for name, check in checks:
            if name in value and (problems := check(value[name])):
                return below(problems, name)
        return ()

    return run


def _pattern_properties(schema: JsonObject, subschemas: Subschemas) -> Check:
    checks = [(_of_names(pattern), subschemas.compile(part)) for pattern, part in schema["patternProperties"].items()]

    def find(value: JsonObject) -> Problems:
        for test, check in checks:
            for name, item in value.items():
                if test(name) and (problems := check(item)):
                    return below(problems, name)
        return ()

    return _in_key_order(find)


def _of_names(pattern: str) -> Callable[[str], bool]:
    """Return a pattern's test that remembers: the names of labels and annotations are few."""
    return lru_cache(maxsize=4096)(regex.tester(pattern))


def _in_key_order(find: Check) -> Check:
    """Return a check whose first problem is that of JavaScript's order of keys, which is worked out in trouble only."""
    return lambda value: find(in_key_order(value)) if find(value) else ()


OF_ALL: Mapping[str, Keyword] = {
    "$ref": _ref,
    "const": _const,
    "enum": _enum,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "allOf": _all_of,
}
OF_TYPE: Mapping[str, Mapping[str, Keyword]] = {
    "number": {
        "maximum": _limit("maximum", "<=", _at_most),
        "minimum": _limit("minimum", ">=", _at_least),
    },
    "string": {
        "maxLength": _size("maxLength", "more", "characters", _at_most),
        "minLength": _size("minLength", "fewer", "characters", _at_least),
        "pattern": _pattern,
    },
    "array": {
        "minItems": _size("minItems", "fewer", "items", _at_least),
        "items": _items,
    },
    "object": {
        "required": _required,
        "additionalProperties": _additional_properties,
        "properties": _properties,
        "patternProperties": _pattern_properties,
    },
}
NAMES = OF_ALL.keys() | {name for group in OF_TYPE.values() for name in group}
