"""A JSON Schema of an OpenAPI document as a function that says what is wrong, in Ajv's words and order.

Backstage validates requests with Ajv and shows its first complaint to the client, so both the wording and which rule
is looked at first are part of what a client sees: the type, then numbers, strings, alternatives, arrays, objects.
"""

from collections.abc import Callable, Mapping
from functools import partial

from backstage_py.js import regex
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject

Check = Callable[[Json, str], list[str]]
"""Takes a value and its path (``request/body/values``) and returns complaints, none when all is well."""

Rule = Callable[[Json], bool]

_TYPES: Mapping[str, Rule] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}


class Compiler:
    """Compiles the schemas of one document; references are resolved when they are first used."""

    def __init__(self, document: JsonObject) -> None:
        self._document = document
        self._refs: dict[str, Check] = {}

    def compile(self, schema: JsonObject) -> Check:
        """Return the check of a schema."""
        checks = [*self._own(schema), *self._alternatives(schema), *self._array(schema), *self._object(schema)]
        kind = _type(schema)
        if kind and not checks:
            return kind

        def check(value: Json, path: str) -> list[str]:
            if kind and (problem := kind(value, path)):
                return problem
            if value is None and schema.get("nullable"):
                return []
            for one in checks:
                if problem := one(value, path):
                    return problem
            return []

        return check

    def _ref(self, pointer: str) -> Check:
        def check(value: Json, path: str) -> list[str]:
            if pointer not in self._refs:
                self._refs[pointer] = self.compile(self.resolve(pointer))
            return self._refs[pointer](value, path)

        return check

    def resolve(self, pointer: str) -> JsonObject:
        """Return what a reference such as ``#/components/schemas/Error`` names."""
        found: Json = self._document
        for part in pointer.removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        resolved: JsonObject = found
        return resolved

    def _own(self, schema: JsonObject) -> list[Check]:
        checks: list[Check] = []

        def add(keyword: str, applies: Rule, wrong: Callable[[Json, Json], bool], text: str) -> None:
            if (bound := schema.get(keyword)) is not None:
                message = text.format(bound)
                checks.append(
                    lambda value, path: [f"{path} {message}"] if applies(value) and wrong(value, bound) else []
                )

        number, string = _TYPES["number"], _TYPES["string"]
        add("maximum", number, lambda value, most: value > most, "must be <= {}")
        add("minimum", number, lambda value, least: value < least, "must be >= {}")
        add("maxLength", string, lambda value, most: len(value) > most, "must NOT have more than {} characters")
        add("minLength", string, lambda value, least: len(value) < least, "must NOT have fewer than {} characters")
        add("pattern", string, lambda value, one: not regex.tester(one)(value), 'must match pattern "{}"')
        if (allowed := schema.get("enum")) is not None:
            checks.append(partial(_enum, allowed))
        return checks

    def _alternatives(self, schema: JsonObject) -> list[Check]:
        checks: list[Check] = []
        if "$ref" in schema:
            checks.append(self._ref(schema["$ref"]))
        if "anyOf" in schema:
            checks.append(partial(_any_of, [self.compile(one) for one in schema["anyOf"]]))
        if "oneOf" in schema:
            checks.append(partial(_one_of, [self.compile(one) for one in schema["oneOf"]]))
        return checks + [self.compile(one) for one in schema.get("allOf", ())]

    def _array(self, schema: JsonObject) -> list[Check]:
        checks: list[Check] = []
        if (least := schema.get("minItems")) is not None:
            checks.append(partial(_min_items, least))
        if schema.get("items"):
            checks.append(partial(_items, self.compile(schema["items"])))
        return checks

    def _object(self, schema: JsonObject) -> list[Check]:
        checks: list[Check] = []
        properties = {name: self.compile(one) for name, one in schema.get("properties", {}).items()}
        if schema.get("required"):
            checks.append(partial(_required, tuple(schema["required"])))
        others = schema.get("additionalProperties")
        if others is False:
            checks.append(partial(_nothing_else, frozenset(properties)))
        elif others:
            checks.append(partial(_others, frozenset(properties), self.compile(others if others is not True else {})))
        if properties:
            checks.append(partial(_properties, properties))
        return checks


def _type(schema: JsonObject) -> Check | None:
    declared = schema.get("type")
    if declared is None:
        return None
    names = [declared] if isinstance(declared, str) else list(declared)
    tests = [_TYPES[name] for name in names] + ([_TYPES["null"]] if schema.get("nullable") else [])
    text = f"must be {','.join(names)}"
    if len(tests) == 1:
        test = tests[0]
        return lambda value, path: [] if test(value) else [f"{path} {text}"]
    return lambda value, path: [] if any(test(value) for test in tests) else [f"{path} {text}"]


def _enum(allowed: list[Json], value: Json, path: str) -> list[str]:
    if value in allowed:
        return []
    shown = ", ".join(one if isinstance(one, str) else json.text(one) for one in allowed)
    return [f"{path} must be equal to one of the allowed values: {shown}"]


def _any_of(checks: list[Check], value: Json, path: str) -> list[str]:
    problems: list[str] = []
    for check in checks:
        found = check(value, path)
        if not found:
            return []
        problems += found
    return [*problems, f"{path} must match a schema in anyOf"]


def _one_of(checks: list[Check], value: Json, path: str) -> list[str]:
    problems = [check(value, path) for check in checks]
    fitting = sum(not found for found in problems)
    if fitting == 1:
        return []
    why = [text for found in problems for text in found] if not fitting else []
    return [*why, f"{path} must match exactly one schema in oneOf"]


def _min_items(least: int, value: Json, path: str) -> list[str]:
    few = isinstance(value, list) and len(value) < least
    return [f"{path} must NOT have fewer than {least} items"] if few else []


def _items(check: Check, value: Json, path: str) -> list[str]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            if problem := check(item, f"{path}/{index}"):
                return problem
    return []


def _required(names: tuple[str, ...], value: Json, path: str) -> list[str]:
    if isinstance(value, dict):
        for name in names:
            if name not in value:
                return [f"{path} must have required property '{name}'"]
    return []


def _nothing_else(known: frozenset[str], value: Json, path: str) -> list[str]:
    more = isinstance(value, dict) and not known.issuperset(value)
    return [f"{path} must NOT have additional properties"] if more else []


def _others(known: frozenset[str], check: Check, value: Json, path: str) -> list[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            if name not in known and (problem := check(item, f"{path}/{_pointer(name)}")):
                return problem
    return []


def _properties(properties: dict[str, Check], value: Json, path: str) -> list[str]:
    if isinstance(value, dict):
        for name, check in properties.items():
            if name in value and (problem := check(value[name], f"{path}/{_pointer(name)}")):
                return problem
    return []


def _pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
