"""Keywords for objects: their properties and which of them there must be."""

from collections.abc import Callable

from backstage_py.js.convert import truthy
from backstage_py.js.values import UNDEFINED, in_key_order
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.npm_jsonschema.javascript import (
    INHERITED,
    ahead,
    entries,
    is_schema,
    member,
    stringify,
    to_text,
)
from backstage_py.model.npm_jsonschema.patterns import tester
from backstage_py.model.npm_jsonschema.problem import (
    Check,
    Compiler,
    Keywords,
    Path,
    Problem,
    Problems,
    SchemaProblem,
    accept,
    place,
    raising,
)
from backstage_py.model.npm_jsonschema.scope import Scope


def _properties(schema: JsonObject, compiler: Compiler, scope: Scope) -> Check:
    unexpected = raising('Unexpected null, expected schema in "properties"')
    parts = [
        (name, unexpected if part is None else compiler.child(part, scope))
        for name, part in entries(schema["properties"])
    ]

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if isinstance(instance, dict):
            for name, part in parts:
                part(instance.get(name, UNDEFINED), (*path, name), problems)

    return check


def _property_names(schema: JsonObject, compiler: Compiler, scope: Scope) -> Check:
    part = compiler.child(schema["propertyNames"], scope) if is_schema(schema["propertyNames"]) else None

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if not isinstance(instance, dict):
            return
        if part is None:
            raise SchemaProblem('Expected "propertyNames" to be a schema (object or boolean)')
        for name in in_key_order(instance):
            part(name, path, problems)

    return check


def _additional_properties(schema: JsonObject, compiler: Compiler, scope: Scope) -> Check:
    if truthy(schema.get("patternProperties")):
        return accept
    additional = _additional(schema, compiler, scope)

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if isinstance(instance, dict):
            for name in in_key_order(instance):
                additional(instance, name, path, problems)

    return check


def _additional(
    schema: JsonObject, compiler: Compiler, scope: Scope
) -> Callable[[JsonObject, str, Path, Problems], None]:
    known = schema.get("properties")
    declared = schema.get("additionalProperties")
    part = None if declared is False else compiler.child(declared if truthy(declared) else {}, scope)

    def check(instance: JsonObject, name: str, path: Path, problems: Problems) -> None:
        if truthy(known) and member(known, name) is not UNDEFINED:
            return
        if part is None:
            message = f"is not allowed to have the additional property {stringify(name)}"
            problems.append(Problem(path, message, schema, instance, "additionalProperties", name))
        else:
            part(instance[name], (*path, name), problems)

    return check


def _pattern_properties(schema: JsonObject, compiler: Compiler, scope: Scope) -> Check:
    unexpected = 'Unexpected null, expected schema in "patternProperties"'
    parts = [
        (
            None if part is None else tester(pattern),
            raising(unexpected) if part is None else compiler.child(part, scope),
        )
        for pattern, part in entries(schema["patternProperties"])
    ]
    additional = _additional(schema, compiler, scope)

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if not isinstance(instance, dict):
            return
        for name, value in in_key_order(instance).items():
            matching = [part for test, part in parts if test is None or test(name)]
            for part in matching:
                part(value, (*path, name), problems)
            if not matching:
                additional(instance, name, path, problems)

    return check


def _required(schema: JsonObject, _compiler: Compiler, _scope: Scope) -> Check:
    declared = schema["required"]
    names = ahead(lambda: [(to_text(name), name) for name in declared] if isinstance(declared, list) else [])

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if isinstance(instance, dict):
            for name, argument in names():
                if name not in instance:
                    message = f"requires property {stringify(argument)}"
                    problems.append(Problem(path, message, schema, instance, "required", argument))
        elif instance is UNDEFINED and declared is True:
            problems.append(Problem(path, "is required", schema, instance, "required", UNDEFINED))

    return check


def _dependencies(schema: JsonObject, compiler: Compiler, scope: Scope) -> Check:
    parts = [(name, _dependency(part, schema, compiler, scope)) for name, part in entries(schema["dependencies"])]

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if isinstance(instance, dict):
            for name, part in parts:
                if name in instance or name in INHERITED:
                    part(instance, (*path, name), problems)

    return check


def _dependency(wanted: Json, schema: JsonObject, compiler: Compiler, scope: Scope) -> Check:
    if isinstance(wanted, str | list):
        return _dependency_on_properties([wanted] if isinstance(wanted, str) else wanted, schema)
    part = compiler.child(wanted, scope)

    def check(instance: Json, path: Path, problems: Problems) -> None:
        inner: Problems = []
        part(instance, path, inner)
        if inner:
            where = place(path)
            message = f"does not meet dependency required by {where}"
            problems.append(Problem(path[:-1], message, schema, instance, "dependencies", where))
            problems.extend(inner)

    return check


def _dependency_on_properties(wanted: list[Json], schema: JsonObject) -> Check:
    names = ahead(lambda: [to_text(name) for name in wanted])

    def check(instance: Json, path: Path, problems: Problems) -> None:
        for name in names():
            if name not in instance and name not in INHERITED:
                where = place(path)
                message = f"property {name} not found, required by {where}"
                problems.append(Problem(path[:-1], message, schema, instance, "dependencies", where))

    return check


KEYWORDS: Keywords = {
    "propertyNames": _property_names,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "required": _required,
    "dependencies": _dependencies,
}
