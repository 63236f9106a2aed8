"""Keywords that say of which types and subschemas a value must be."""

from collections.abc import Callable

from backstage_py.js.convert import to_string
from backstage_py.js.numbers import is_finite
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.json_schema.problem import MISSING, Check, Compiler, Keyword, Path, Problem, Problems, suffix

_TYPES: dict[str, Callable[[Json], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": is_finite,
    "integer": lambda value: is_finite(value) and value % 1 == 0,
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
    "object": lambda value: isinstance(value, dict),
    "any": lambda _: True,
    "date": lambda _: False,
}


def _type(schema: JsonObject, compiler: Compiler) -> Check:
    declared = schema["type"]
    types = declared if isinstance(declared, list) else [declared]
    tests = [_type_test(one, compiler) for one in types]
    names = [f"<{one['$id']}>" if isinstance(one, dict) and "$id" in one else to_string(one) for one in types]

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if instance is MISSING or any(test(instance, path) for test in tests):
            return
        problems.append(Problem(path, f"is not of a type(s) {','.join(names)}", schema, instance, "type", names))

    return check


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
                    Problem(path, f"is of prohibited type {to_string(name)}", schema, instance, "not", name)
                )

    return check


def _type_test(declared: Json, compiler: Compiler) -> Callable[[Json, Path], bool]:
    if isinstance(declared, dict):
        return lambda instance, path: compiler.accepts(declared, instance, path)
    test = _TYPES.get(declared) if isinstance(declared, str) else None
    return (lambda instance, _path: test(instance)) if test else (lambda _instance, _path: True)


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


def _subschemas(schema: JsonObject, keyword: str) -> list[Json]:
    declared = schema[keyword]
    if not isinstance(declared, list):
        raise ValueError(f"{keyword} must be an array")  # noqa: TRY004  # a wrong schema is a wrong value
    return declared


KEYWORDS: dict[str, Keyword] = {
    "type": _type,
    "anyOf": _any_of,
    "allOf": _all_of,
    "oneOf": _one_of,
    "if": _if,
    "not": _not,
    "disallow": _not,
}
