"""Keywords for objects: their properties and which of them there must be."""

from collections.abc import Callable

from backstage_py.js import regex
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.json_schema.problem import (
    MISSING,
    NO_ARGUMENT,
    Check,
    Compiler,
    Keyword,
    Path,
    Problem,
    Problems,
    suffix,
)


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
    parts = [(regex.tester(pattern), compiler.check(part)) for pattern, part in declared.items()]
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


def _required(schema: JsonObject, _compiler: Compiler) -> Check:
    names = schema["required"]

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is MISSING and names is True:
            problems.append(Problem(path, "is required", schema, instance, "required", NO_ARGUMENT))
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


KEYWORDS: dict[str, Keyword] = {
    "propertyNames": _property_names,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "required": _required,
    "dependencies": _dependencies,
}
