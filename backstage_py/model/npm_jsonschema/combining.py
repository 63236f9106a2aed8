"""Keywords that say of which types and subschemas a value must be."""

from collections.abc import Callable, Mapping

from backstage_py.js.convert import truthy
from backstage_py.js.values import UNDEFINED
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.npm_jsonschema.javascript import (
    INHERITED,
    ahead,
    call_inherited,
    is_number,
    is_schema,
    joined,
    stringify,
    to_text,
)
from backstage_py.model.npm_jsonschema.problem import (
    Check,
    Compiler,
    Keywords,
    Path,
    Problem,
    Problems,
    SchemaProblem,
    Test,
    accept,
    accepts,
    name_of,
    place,
    raising,
    unless_missing,
)
from backstage_py.model.npm_jsonschema.scope import Scope

_TYPES: Mapping[str, Callable[[Json], bool]] = {
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
_OF_VALIDATOR = frozenset({"customFormats", "schemas", "unresolvedRefs", "types", "attributes"})
"""The members of the package's validator, which a type such as ``hasOwnProperty`` asks for."""


def _type(schema: JsonObject, compiler: Compiler, scope: Scope) -> Check:
    declared = schema["type"]
    if isinstance(declared, str) and declared in _TYPES:
        return _known_type(declared, schema)
    types = declared if isinstance(declared, list) else [declared]
    tests = [_type_test(one, compiler, scope) for one in types]
    names = ahead(lambda: [_type_name(one) for one in types])
    message = ahead(lambda: f"is not of a type(s) {joined(names())}")

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is UNDEFINED:
            return
        for test in tests:
            if test(instance, path):
                return
        problems.append(Problem(path, message(), schema, instance, "type", names()))

    return check


def _known_type(name: str, schema: JsonObject) -> Check:
    """Return the check of nearly every schema."""
    test, message, names = _TYPES[name], f"is not of a type(s) {name}", [name]

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is not UNDEFINED and not test(instance):
            problems.append(Problem(path, message, schema, instance, "type", names))

    return check


def _type_name(declared: Json) -> str | None:
    if not truthy(declared):
        return None
    name = name_of(declared)
    return to_text(declared) if name is None else f"<{to_text(name)}>"


def _type_test(declared: Json, compiler: Compiler, scope: Scope) -> Test:
    if declared is None:
        return _raising_test('Unexpected null in "type" keyword')
    try:
        name = to_text(declared)
    except SchemaProblem as problem:
        return _raising_test(problem.message)
    if test := _TYPES.get(name):
        return lambda instance, _path: test(instance)
    if name in INHERITED and name != "__proto__":
        return lambda instance, _path: call_inherited(name, instance, _OF_VALIDATOR)
    if isinstance(declared, dict | list):
        part = compiler.check(declared, scope)
        return lambda instance, path: accepts(part, instance, path)
    return lambda _instance, _path: True


def _raising_test(message: str) -> Test:
    def test(_instance: Json, _path: Path) -> bool:
        raise SchemaProblem(message)

    return test


def _any_of(schema: JsonObject, compiler: Compiler, scope: Scope) -> Check:
    options = schema["anyOf"]
    if not isinstance(options, list):
        return unless_missing(raising("anyOf must be an array"))
    parts = [compiler.check(option, scope) for option in options]
    labels = ahead(lambda: [_label(option, index, in_brackets=True) for index, option in enumerate(options)])

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is UNDEFINED or any(accepts(part, instance, path) for part in parts):
            return
        message = f"is not any of {joined(labels())}"
        problems.append(Problem(path, message, schema, instance, "anyOf", labels()))

    return check


def _one_of(schema: JsonObject, compiler: Compiler, scope: Scope) -> Check:
    options = schema["oneOf"]
    if not isinstance(options, list):
        return unless_missing(raising("oneOf must be an array"))
    parts = [compiler.check(option, scope) for option in options]
    labels = ahead(lambda: [_label(option, index) for index, option in enumerate(options)])

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is UNDEFINED:
            return
        fitting = sum(accepts(part, instance, path) for part in parts)
        names = labels()
        if fitting != 1:
            message = f"is not exactly one from {joined(names)}"
            problems.append(Problem(path, message, schema, instance, "oneOf", names))

    return check


def _all_of(schema: JsonObject, compiler: Compiler, scope: Scope) -> Check:
    declared = schema["allOf"]
    if not isinstance(declared, list):
        return unless_missing(raising("allOf must be an array"))
    parts = [(index, part, compiler.check(part, scope)) for index, part in enumerate(declared)]

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is UNDEFINED:
            return
        for index, part, check_part in parts:
            inner: Problems = []
            check_part(instance, path, inner)
            if inner:
                label = _label(part, index)
                valid = _result(compiler.answering(part, scope), instance, path, inner)
                argument = {"id": label, "length": len(inner), "valid": valid}
                message = f"does not match allOf schema {to_text(label)} with {len(inner)} error[s]:"
                problems.append(Problem(path, message, schema, instance, "allOf", argument))
                problems.extend(inner)

    return check


def _result(schema: Json, instance: Json, path: Path, problems: Problems) -> JsonObject:
    """Return the result of the inner validation, which the package hands out with the violation."""
    return {
        "instance": instance,
        "schema": schema,
        "options": {},
        "path": list(path),
        "propertyPath": place(path),
        "errors": [problem.as_json() for problem in problems],
        "disableFormat": False,
    }


def _if(schema: JsonObject, compiler: Compiler, scope: Scope) -> Check:
    condition = _branch("if", schema["if"], compiler.check(schema["if"], scope))
    branches = [
        _branch(name, schema[name], compiler.child(schema[name], scope)) if name in schema else accept
        for name in ("then", "else")
    ]

    def check(instance: Json, path: Path, problems: Problems) -> None:
        branches[0 if accepts(condition, instance, path) else 1](instance, path, problems)

    return unless_missing(check)


def _branch(name: str, declared: Json, check: Check) -> Check:
    return check if is_schema(declared) else raising(f'Expected "{name}" keyword to be a schema')


def _not(schema: JsonObject, compiler: Compiler, scope: Scope) -> Check:
    declared = schema.get("not")
    declared = declared if truthy(declared) else schema.get("disallow")
    if not truthy(declared):
        return accept
    refused = declared if isinstance(declared, list) else [declared]
    tests = [(one, _type_test(one, compiler, scope)) for one in refused]

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is UNDEFINED:
            return
        for one, test in tests:
            if test(instance, path):
                name = name_of(one)
                name = one if name is None else name
                problems.append(Problem(path, f"is of prohibited type {to_text(name)}", schema, instance, "not", name))

    return check


def _label(schema: Json, index: int, *, in_brackets: bool = False) -> Json:
    """Return how a message names a subschema: its id, title, reference or position."""
    if (name := name_of(schema)) is not None:
        return f"<{to_text(name)}>" if in_brackets else name
    if isinstance(schema, dict):
        if truthy(schema.get("title")):
            return stringify(schema["title"])
        if truthy(schema.get("$ref")):
            return f"<{to_text(schema['$ref'])}>"
    return f"[subschema {index}]"


KEYWORDS: Keywords = {
    "type": _type,
    "anyOf": _any_of,
    "allOf": _all_of,
    "oneOf": _one_of,
    "if": _if,
    "not": _not,
    "disallow": _not,
}
