"""Checks of what an author writes above and into an action, made when it is declared and not when it runs.

Each message names the action, what is wrong with it and what to write instead.
"""

import dataclasses
import functools
import inspect
import re
import typing
from collections.abc import Callable
from typing import Any

from backstage_py.model.json import JsonObject
from backstage_py.plugin import schema as schemas

_ID = re.compile(r"[\w$@./-]+(:[\w$@./-]+)*")
_TYPES = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
_ONE_SCHEMA = frozenset({"additionalProperties", "additionalItems", "items", "not", "if", "then", "else", "contains"})
_SCHEMAS_BY_NAME = frozenset({"properties", "patternProperties", "definitions", "$defs"})
_SCHEMAS_IN_LIST = frozenset({"allOf", "anyOf", "oneOf"})
_OF_AN_OBJECT = frozenset({"type", "properties", "$ref", "allOf", "anyOf", "oneOf", "if", "required", "not", "enum"})


def check_id(id_: Any) -> None:
    """Raise TypeError or ValueError unless an action's id is one."""
    if not isinstance(id_, str):
        raise TypeError(f"'@action' begins with the id: write '@action(\"acme:greet\", Input)', not {id_!r:.60}")
    if not _ID.fullmatch(id_):
        raise ValueError(f"An action's id is one word like 'acme:greet' or 'acme:repo:create', not '{id_}'")


def check_option(id_: str, name: str, value: object, kind: type | tuple[type, ...], example: str) -> None:
    """Raise TypeError unless an optional argument of ``@action`` has its type."""
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"'{name}' of '{id_}' is {value!r:.60}; write '{name}={example}'")


def check_function(id_: str, function: Any, declared: Any, *, is_told_apart: bool = False) -> None:
    """Raise TypeError unless a function can be the handler of an action with the input ``declared``.

    ``is_told_apart``: the schema and the class of the input are given apart from each other.
    """
    inner = function.func if isinstance(function, functools.partial) else function
    if not inspect.isroutine(inner):
        raise TypeError(f"'@action(\"{id_}\")' stands above a function, not above {function!r:.60}")
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise TypeError(
            f"The function of '{id_}' has a 'yield'; return the outputs, and tell of progress by 'ctx.progress'"
        )
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        raise TypeError(
            f"The function of '{id_}' must take one argument, as in 'def {inner.__name__}(ctx: ActionContext[Input])'"
        ) from None
    if not is_told_apart:
        _check_annotation(id_, inner, declared)


def _check_annotation(id_: str, function: Callable[..., Any], declared: Any) -> None:
    """Compare the decorator's input with the one that the function's annotation names, if that is a class of fields."""
    try:
        hints = typing.get_type_hints(function)
    except Exception:  # noqa: BLE001  # names that are not there at run time, as under TYPE_CHECKING; no fault here
        return
    named = [hint for name, hint in hints.items() if name != "return"]
    found = typing.get_args(named[0]) if named else ()
    if not found or found[0] is declared or not _has_fields(found[0]):
        return
    wanted = found[0].__name__
    if declared is None:
        raise TypeError(
            f"The function of '{id_}' takes an ActionContext[{wanted}]; write '@action(\"{id_}\", {wanted})'"
        )
    if isinstance(declared, type):
        raise TypeError(
            f"'@action(\"{id_}\", {declared.__name__})' stands above a function that takes an ActionContext[{wanted}]; "
            "name the same class in both"
        )


def _has_fields(found: Any) -> bool:
    return isinstance(found, type) and (dataclasses.is_dataclass(found) or hasattr(found, "model_fields"))


def schema_of(id_: str, what: str, declared: Any) -> JsonObject:
    """Return the JSON Schema of an input, output or secrets declaration.

    Raises:
        TypeError: it is no class of fields, one of its fields has no JSON Schema, or the schema given is not valid.
    """
    if isinstance(declared, type) and not _is_known_class(declared):
        raise TypeError(
            f"The {what} of '{id_}' is the plain class {declared.__name__}; write '@dataclass(frozen=True)' above it, "
            "or make it a pydantic model"
        )
    try:
        found = schemas.of(declared)
    except NameError as error:
        raise TypeError(
            f"The {what} of '{id_}' cannot be read: {error}; define what its fields mention at the top of the module"
        ) from error
    except TypeError as error:
        raise TypeError(f"The {what} of '{id_}' is not usable: {error}") from error
    if isinstance(declared, dict) and (problem := _problem_of(declared)):
        raise TypeError(f"The {what} of '{id_}' is not a JSON Schema: {problem}")
    return found


def _is_known_class(declared: type) -> bool:
    is_typed_dict = issubclass(declared, dict) and hasattr(declared, "__total__")  # also of typing_extensions
    return _has_fields(declared) or is_typed_dict


def _problem_of(schema: JsonObject) -> str | None:
    if schema and not _OF_AN_OBJECT & schema.keys() and all(isinstance(one, dict) for one in schema.values()):
        return 'members belong into {"type": "object", "properties": {…}}'
    if schema.get("type", "object") != "object":
        return f"inputs and outputs have names, so its type is 'object', not {schema['type']!r}"
    return _problem_in(schema, "")


def _problem_in(schema: Any, path: str) -> str | None:
    """Return what is wrong with a schema or one in it: a misshapen keyword. What it does not know, it leaves alone."""
    if isinstance(schema, bool):
        return None
    where = path or "the schema"
    if not isinstance(schema, dict):
        return f"{where} is {schema!r:.60}; write a schema there, such as {{'type': 'string'}}"
    types = schema.get("type", [])
    unknown = [one for one in (types if isinstance(types, list) else [types]) if one not in _TYPES]
    if unknown:
        return f"{where} has the type {unknown[0]!r}; there are {', '.join(sorted(_TYPES))}"
    required = schema.get("required", [])
    if not isinstance(required, list):
        return f"'required' of {where} is {required!r:.60}; it is a list of names, beside 'properties'"
    for at, inner in _schemas_in(schema, path):
        if problem := _problem_in(inner, at):
            return problem
    return None


def _schemas_in(schema: JsonObject, path: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in schema.items():
        at = f"{path}.{key}" if path else key
        if key in _SCHEMAS_BY_NAME:
            found += (
                [(f"{at}.{name}", one) for name, one in value.items()] if isinstance(value, dict) else [(at, value)]
            )
        elif key in _SCHEMAS_IN_LIST:
            found += [(f"{at}[{n}]", one) for n, one in enumerate(value)] if isinstance(value, list) else [(at, value)]
        elif key in _ONE_SCHEMA and not isinstance(value, list):
            found.append((at, value))
    return found
