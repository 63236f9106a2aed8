"""JSON Schemas without references: Backstage's forms and editors, and those who only list fields, follow none."""

from collections.abc import Mapping
from typing import Any

from backstage_py.model.json import JsonObject

_START = "#/$defs/"


def inlined(schema: JsonObject) -> JsonObject:
    """Return a schema whose definitions stand where they are used; those that contain themselves stay as they are."""
    definitions = schema.get("$defs")
    if not isinstance(definitions, Mapping):
        return schema
    whole: JsonObject = _inlined({key: part for key, part in schema.items() if key != "$defs"}, definitions, ())
    left = _reachable(whole, definitions)
    return {**whole, "$defs": left} if left else whole


def _inlined(value: Any, definitions: Mapping[str, Any], within: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_inlined(one, definitions, within) for one in value]
    if not isinstance(value, dict):
        return value
    name = _name(value)
    if name is None or name not in definitions or name in within or _contains(name, definitions):
        return {key: _inlined(one, definitions, within) for key, one in value.items()}
    beside = {key: one for key, one in value.items() if key != "$ref"}
    return {**_inlined(definitions[name], definitions, (*within, name)), **beside}


def _name(value: Mapping[str, Any]) -> str | None:
    reference = value.get("$ref")
    return reference.removeprefix(_START) if isinstance(reference, str) and reference.startswith(_START) else None


def _contains(name: str, definitions: Mapping[str, Any]) -> bool:
    """Say whether a definition leads to itself."""
    return name in _reachable(definitions[name], definitions)


def _reachable(value: Any, definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the definitions that a value refers to, and those that they refer to."""
    found: dict[str, Any] = {}
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, list):
            todo += one
        elif isinstance(one, dict):
            todo += one.values()
            name = _name(one)
            if name is not None and name in definitions and name not in found:
                found[name] = definitions[name]
                todo.append(definitions[name])
    return found
