"""The keywords of JSON Schema, each as a function that makes a check; see ``model.json_schema``."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from backstage_py.model import js_regex, json
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.json_schema_formats import has_format

Path = tuple[str | int, ...]


class _Missing:
    """JavaScript's ``undefined``: a property that is not there."""

    __slots__ = ()


MISSING = _Missing()
_NO_ARGUMENT = _Missing()


@dataclass(frozen=True, slots=True)
class Problem:
    """One validation error."""

    path: Path
    message: str
    schema: Json
    instance: Json
    name: str
    argument: Json

    @property
    def property(self) -> str:
        """The place as ``instance.a.b[0]``."""
        return "instance" + "".join(suffix(part) for part in self.path)

    def __str__(self) -> str:
        return f"{self.property} {self.message}"

    def as_json(self) -> JsonObject:
        """Return the members that the package's errors have once they are JSON."""
        schema = self.schema
        if isinstance(schema, dict) and (name := schema.get("$id") or schema.get("id")):
            schema = name
        answer: JsonObject = {"path": list(self.path), "property": self.property, "message": self.message}
        answer["schema"] = schema
        if self.instance is not MISSING:
            answer["instance"] = self.instance
        answer["name"] = self.name
        if self.argument is not _NO_ARGUMENT:
            answer["argument"] = self.argument
        answer["stack"] = str(self)
        return answer


Problems = list[Problem]
Check = Callable[[Json, Path, Problems], None]


class Compiler(Protocol):
    """What a keyword needs of the compiler: the checks of its subschemas."""

    def check(self, schema: Json) -> Check:
        """Return the check of a subschema."""

    def accepts(self, schema: Json, instance: Json, path: Path) -> bool:
        """Return whether a subschema holds."""


Keyword = Callable[[JsonObject, Compiler], Check]
_INDEX = re.compile(r"\d+")
_AWKWARD = re.compile(r"[.\s\[\]]|^\d")


def suffix(part: str | int) -> str:
    """Return how a path's part is written behind ``instance``."""
    text = str(part)
    if not _AWKWARD.search(text):
        return f".{text}"
    return f"[{text}]" if _INDEX.fullmatch(text) else f"[{json.text(text)}]"


def same(left: Json, right: Json) -> bool:
    """Compare as JavaScript's strict comparison does, in depth: ``true`` is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return (type(left) is type(right) and bool(left == right)) or (_numbers(left, right) and bool(left == right))


def _numbers(left: Json, right: Json) -> bool:
    return isinstance(left, int | float) and isinstance(right, int | float)


def js_string(value: Json) -> str:
    """Return ``String(value)``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, list):
        return ",".join("" if item is None else js_string(item) for item in value)
    if isinstance(value, dict):
        return "[object Object]"
    if isinstance(value, str):
        return value
    return json.text(value)


def is_number(value: Json) -> bool:
    """Return whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_TYPES: dict[str, Callable[[Json], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": is_number,
    "integer": lambda value: is_number(value) and value % 1 == 0,
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
    "object": lambda value: isinstance(value, dict),
    "any": lambda _: True,
    "date": lambda _: False,
}


def _label(schema: Json, index: int, *, brackets: bool) -> str:
    """Return how a message names a subschema: its id, title, reference or position."""
    if isinstance(schema, dict):
        if name := schema.get("$id") or schema.get("id"):
            return f"<{name}>" if brackets else str(name)
        if title := schema.get("title"):
            return json.text(title)
        if reference := schema.get("$ref"):
            return f"<{reference}>"
    return f"[subschema {index}]"


def _type(schema: JsonObject, compiler: Compiler) -> Check:
    declared = schema["type"]
    types = declared if isinstance(declared, list) else [declared]
    tests = [_type_test(one, compiler) for one in types]
    names = [f"<{one['$id']}>" if isinstance(one, dict) and "$id" in one else js_string(one) for one in types]

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is MISSING or any(test(instance, path) for test in tests):
            return
        problems.append(Problem(path, f"is not of a type(s) {','.join(names)}", schema, instance, "type", names))

    return check


def _type_test(declared: Json, compiler: Compiler) -> Callable[[Json, Path], bool]:
    if isinstance(declared, dict):
        return lambda instance, path: compiler.accepts(declared, instance, path)
    test = _TYPES.get(declared) if isinstance(declared, str) else None
    return (lambda instance, _path: test(instance)) if test else (lambda _instance, _path: True)


def _any_of(schema: JsonObject, compiler: Compiler) -> Check:
    options = _subschemas(schema, "anyOf")
    labels = [_label(option, index, brackets=True) for index, option in enumerate(options)]

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is MISSING or any(compiler.accepts(option, instance, path) for option in options):
            return
        problems.append(Problem(path, f"is not any of {','.join(labels)}", schema, instance, "anyOf", labels))

    return check


def _one_of(schema: JsonObject, compiler: Compiler) -> Check:
    options = _subschemas(schema, "oneOf")
    labels = [_label(option, index, brackets=False) for index, option in enumerate(options)]

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is MISSING or sum(compiler.accepts(option, instance, path) for option in options) == 1:
            return
        message = f"is not exactly one from {','.join(labels)}"
        problems.append(Problem(path, message, schema, instance, "oneOf", labels))

    return check


def _all_of(schema: JsonObject, compiler: Compiler) -> Check:
    parts = _subschemas(schema, "allOf")
    labels = [_label(part, index, brackets=False) for index, part in enumerate(parts)]

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is MISSING:
            return
        for part, label in zip(parts, labels, strict=True):
            inner: Problems = []
            compiler.check(part)(instance, path, inner)
            if inner:
                count = len(inner)
                valid = {
                    "instance": instance,
                    "schema": part,
                    "options": {},
                    "path": list(path),
                    "propertyPath": "instance" + "".join(suffix(one) for one in path),
                    "errors": [problem.as_json() for problem in inner],
                    "disableFormat": False,
                }
                argument = {"id": label, "length": count, "valid": valid}
                message = f"does not match allOf schema {label} with {count} error[s]:"
                problems.append(Problem(path, message, schema, instance, "allOf", argument))
                problems.extend(inner)

    return check


def _if(schema: JsonObject, compiler: Compiler) -> Check:
    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is MISSING:
            return
        branch = "then" if compiler.accepts(schema["if"], instance, path) else "else"
        if branch in schema:
            compiler.check(schema[branch])(instance, path, problems)

    return check


def _not(schema: JsonObject, compiler: Compiler) -> Check:
    declared = schema.get("not") or schema.get("disallow")
    refused = declared if isinstance(declared, list) else [declared]
    tests = [(one, _type_test(one, compiler)) for one in refused if one is not None]

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is MISSING:
            return
        for one, test in tests:
            if test(instance, path):
                name = (one.get("$id") or one.get("id") or one) if isinstance(one, dict) else one
                problems.append(
                    Problem(path, f"is of prohibited type {js_string(name)}", schema, instance, "not", name)
                )

    return check


def _properties(schema: JsonObject, compiler: Compiler) -> Check:
    declared = schema["properties"]
    parts = [(name, compiler.check(part)) for name, part in declared.items()] if isinstance(declared, dict) else []

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if isinstance(instance, dict):
            for name, part in parts:
                part(instance.get(name, MISSING), (*path, name), problems)

    return check


def _property_names(schema: JsonObject, compiler: Compiler) -> Check:
    part = compiler.check(schema["propertyNames"])

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if isinstance(instance, dict):
            for name in instance:
                part(name, path, problems)

    return check


def _additional_properties(schema: JsonObject, compiler: Compiler) -> Check:
    additional = _additional(schema, compiler)

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if isinstance(instance, dict) and "patternProperties" not in schema:
            for name in instance:
                additional(instance, name, path, problems)

    return check


def _additional(schema: JsonObject, compiler: Compiler) -> Callable[[Json, str, Path, Problems], None]:
    known = schema.get("properties") or {}
    declared = schema.get("additionalProperties")
    part = None if declared is False else compiler.check(declared or {})

    def check(instance: Json, name: str, path: Path, problems: Problems) -> None:
        if name in known:
            return
        if part is None:
            message = f"is not allowed to have the additional property {json.text(name)}"
            problems.append(Problem(path, message, schema, instance, "additionalProperties", name))
        else:
            part(instance[name], (*path, name), problems)

    return check


def _pattern_properties(schema: JsonObject, compiler: Compiler) -> Check:
    declared = schema["patternProperties"] or {}
    parts = [(js_regex.tester(pattern), compiler.check(part)) for pattern, part in declared.items()]
    additional = _additional(schema, compiler)

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if not isinstance(instance, dict):
            return
        for name, value in instance.items():
            matching = [part for test, part in parts if test(name)]
            for part in matching:
                part(value, (*path, name), problems)
            if not matching:
                additional(instance, name, path, problems)

    return check


def _items(schema: JsonObject, compiler: Compiler) -> Check:
    declared, rest = schema["items"], schema.get("additionalItems")
    each = None if isinstance(declared, list) else declared

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if not isinstance(instance, list):
            return
        for index, value in enumerate(instance):
            part = each if each is not None else declared[index] if index < len(declared) else rest
            if part is None:
                continue
            if part is False:
                message = "additionalItems not permitted"
                problems.append(Problem(path, message, schema, instance, "items", _NO_ARGUMENT))
                return
            compiler.check(part)(value, (*path, index), problems)

    return check


def _contains(schema: JsonObject, compiler: Compiler) -> Check:
    wanted = schema["contains"]

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if isinstance(instance, list) and not any(
            compiler.accepts(wanted, value, (*path, index)) for index, value in enumerate(instance)
        ):
            message = "must contain an item matching given schema"
            problems.append(Problem(path, message, schema, instance, "contains", wanted))

    return check


def _required(schema: JsonObject, _compiler: Compiler) -> Check:
    names = schema["required"]

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is MISSING and names is True:
            problems.append(Problem(path, "is required", schema, instance, "required", _NO_ARGUMENT))
        elif isinstance(instance, dict) and isinstance(names, list):
            for name in names:
                if name not in instance:
                    message = f"requires property {json.text(name)}"
                    problems.append(Problem(path, message, schema, instance, "required", name))

    return check


def _dependencies(schema: JsonObject, compiler: Compiler) -> Check:
    declared = schema["dependencies"] or {}

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if not isinstance(instance, dict):
            return
        for name, wanted in declared.items():
            if name not in instance:
                continue
            where = "instance" + "".join(suffix(part) for part in (*path, name))
            if isinstance(wanted, str | list):
                for other in [wanted] if isinstance(wanted, str) else wanted:
                    if other not in instance:
                        message = f"property {other} not found, required by {where}"
                        problems.append(Problem(path, message, schema, instance, "dependencies", where))
                continue
            inner: Problems = []
            compiler.check(wanted)(instance, (*path, name), inner)
            if inner:
                message = f"does not meet dependency required by {where}"
                problems.append(Problem(path, message, schema, instance, "dependencies", where))
                problems.extend(inner)

    return check


def _enum(schema: JsonObject, _compiler: Compiler) -> Check:
    allowed = schema["enum"] if isinstance(schema["enum"], list) else []

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is MISSING or any(same(instance, value) for value in allowed):
            return
        message = f"is not one of enum values: {','.join(map(js_string, allowed))}"
        problems.append(Problem(path, message, schema, instance, "enum", allowed))

    return check


def _const(schema: JsonObject, _compiler: Compiler) -> Check:
    wanted = schema["const"]

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is not MISSING and not same(wanted, instance):
            message = f"does not exactly match expected constant: {js_string(wanted)}"
            problems.append(Problem(path, message, schema, instance, "const", wanted))

    return check


def _pattern(schema: JsonObject, _compiler: Compiler) -> Check:
    pattern = js_string(schema["pattern"])

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if isinstance(instance, str) and not js_regex.tester(pattern)(instance):
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
            if not is_number(instance) or not is_number(divisor) or divisor == 0:
                return
            if Decimal(str(instance)) % Decimal(str(divisor)) != 0:
                problems.append(Problem(path, f"{words}{json.text(divisor)}", schema, instance, keyword, divisor))

        return check

    return make


def _bound(keyword: str, words: str, holds: Callable[[float, float], bool]) -> Keyword:
    """Make ``minimum`` and its relatives; a bound that is no number never holds, as in JavaScript."""

    def make(schema: JsonObject, _compiler: Compiler) -> Check:
        limit = schema[keyword]
        usable = is_number(limit)

        def check(instance: Json, path: Path, problems: Problems) -> None:
            if is_number(instance) and not (usable and holds(instance, limit)):
                problems.append(Problem(path, words + js_string(limit), schema, instance, keyword, limit))

        return check

    return make


def _inclusive_or_not(keyword: str, exclusive: str, inclusive_check: Keyword, exclusive_check: Keyword) -> Keyword:
    """Make the draft 4 form, where a boolean beside ``minimum`` makes it exclusive."""
    del keyword

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
        usable = is_number(limit)

        def check(instance: Json, path: Path, problems: Problems) -> None:
            if isinstance(instance, kind) and not (usable and holds(len(instance), limit)):  # type: ignore[arg-type]  # all three kinds have a length
                problems.append(Problem(path, words + js_string(limit), schema, instance, keyword, limit))

        return check

    return make


def _unique_items(schema: JsonObject, _compiler: Compiler) -> Check:
    wanted = schema["uniqueItems"] is True

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if wanted and isinstance(instance, list) and _has_duplicates(instance):
            message = "contains duplicate item"
            problems.append(Problem(path, message, schema, instance, "uniqueItems", _NO_ARGUMENT))

    return check


def _has_duplicates(items: list[Json]) -> bool:
    plain = [item for item in items if isinstance(item, str)]
    if len(set(plain)) != len(plain):
        return True
    others = [item for item in items if not isinstance(item, str)]
    return any(same(one, other) for index, one in enumerate(others) for other in others[index + 1 :])


def _subschemas(schema: JsonObject, keyword: str) -> list[Json]:
    declared = schema[keyword]
    if not isinstance(declared, list):
        raise ValueError(f"{keyword} must be an array")  # noqa: TRY004  # a wrong schema is a wrong value
    return declared


def _at_least(value: float, limit: float) -> bool:
    return value >= limit


def _at_most(value: float, limit: float) -> bool:
    return value <= limit


def _above(value: float, limit: float) -> bool:
    return value > limit


def _below(value: float, limit: float) -> bool:
    return value < limit


KEYWORDS: dict[str, Keyword] = {
    "type": _type,
    "anyOf": _any_of,
    "allOf": _all_of,
    "oneOf": _one_of,
    "if": _if,
    "not": _not,
    "disallow": _not,
    "propertyNames": _property_names,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "items": _items,
    "contains": _contains,
    "required": _required,
    "dependencies": _dependencies,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "format": _format,
    "uniqueItems": _unique_items,
    "multipleOf": _multiple_of("multipleOf", "is not a multiple of (divisible by) "),
    "divisibleBy": _multiple_of("divisibleBy", "is not divisible by (multiple of) "),
    "minimum": _inclusive_or_not(
        "minimum",
        "exclusiveMinimum",
        _bound("minimum", "must be greater than or equal to ", _at_least),
        _bound("minimum", "must be greater than ", _above),
    ),
    "maximum": _inclusive_or_not(
        "maximum",
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
