"""The JSON Schema that editors complete and check templates with: the form of a template, with the known actions."""

import copy
from collections.abc import Mapping
from pathlib import Path

from backstage_py import bundled
from backstage_py.lint.actions import Catalogue, KnownAction
from backstage_py.lint.vocabulary import FIELDS, SCHEMA_TYPES, WIDGETS
from backstage_py.model.json import Json, JsonObject

MODELINE = "# yaml-language-server: $schema={schema}"
_EXPRESSION: JsonObject = {"type": "string", "pattern": r"\$\{\{[\s\S]*\}\}"}


def build(catalogue: Catalogue) -> JsonObject:
    """Return a schema (draft 7) of v1beta3 templates: ids of actions are offered, and each action's input is checked.

    Wherever an input is expected, an expression is accepted too. Actions that are not known stay allowed.
    """
    known = sorted(catalogue.actions.values(), key=lambda one: one.id)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Backstage software template",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {"const": "scaffolder.backstage.io/v1beta3"},
            "kind": {"const": "Template"},
            "metadata": copy.deepcopy(_metadata()),
            "spec": _spec(known),
        },
        "definitions": {"parameter": _parameter(), "page": _page()},
    }


def _metadata() -> JsonObject:
    schema: JsonObject = copy.deepcopy(bundled.schema("entities/metadata"))
    schema.pop("$schema", None)
    schema.pop("$id", None)
    return schema


def _spec(known: list[KnownAction]) -> JsonObject:
    template = copy.deepcopy(bundled.schema("entities/template"))
    spec: JsonObject = template["allOf"][1]["properties"]["spec"]
    properties: JsonObject = spec["properties"]
    page = {"$ref": "#/definitions/page"}
    several = {"allOf": [page, {"properties": {"when": _condition()}}]}
    properties["parameters"] = {"anyOf": [{"type": "array", "items": several}, page]}
    step: JsonObject = properties["steps"]["items"]
    step["properties"] = {**step["properties"], **_step(known)}
    step["allOf"] = [_input(one) for one in known if one.input]
    return spec


def _step(known: list[KnownAction]) -> JsonObject:
    return {
        "id": {"type": "string", "pattern": "^[^.\\s]+$", "description": "Name of the step in expressions."},
        "action": {
            "anyOf": [
                {"enum": [one.id for one in known], "enumDescriptions": [one.description for one in known]},
                {"type": "string"},
            ],
            "description": "Id of the action.",
        },
        "each": {"type": ["string", "array", "object"], "description": "Runs the step for each item."},
    }


def _input(action: KnownAction) -> JsonObject:
    condition = {"properties": {"action": {"const": action.id}}, "required": ["action"]}
    schema = relaxed(action.input)
    needs: JsonObject = {"required": ["input"]} if action.input.get("required") else {}
    return {"if": condition, "then": {"properties": {"input": schema}, **needs}}


def relaxed(schema: Json) -> Json:
    """Return a schema that accepts an expression wherever it asks for another type than text."""
    if not isinstance(schema, dict):
        return schema
    inner = {key: _relaxed_part(key, value) for key, value in schema.items() if key not in ("$schema", "$id")}
    declared = inner.get("type")
    closed = "enum" in inner or "const" in inner or "pattern" in inner
    if (declared is not None and "string" not in (declared if isinstance(declared, list) else [declared])) or closed:
        described = {key: inner[key] for key in ("description", "title") if key in inner}
        return {**described, "anyOf": [inner, _EXPRESSION]}
    return inner


def _relaxed_part(key: str, value: Json) -> Json:
    if key == "properties" and isinstance(value, dict):
        return {name: relaxed(one) for name, one in value.items()}
    if key in ("items", "additionalProperties"):
        return relaxed(value)
    if key in ("anyOf", "oneOf", "allOf") and isinstance(value, list):
        return [relaxed(one) for one in value]
    return value


def _parameter() -> JsonObject:
    this = {"$ref": "#/definitions/parameter"}
    return {
        "type": "object",
        "properties": {
            "type": {"anyOf": [{"enum": sorted(SCHEMA_TYPES)}, {"type": "array"}]},
            "title": {"type": "string"},
            "description": {"type": "string"},
            "default": {},
            "enum": {"type": "array"},
            "enumNames": {"type": "array", "items": {"type": "string"}},
            "pattern": {"type": "string", "format": "regex"},
            "format": {"type": "string"},
            "minLength": {"type": "integer"},
            "maxLength": {"type": "integer"},
            "minimum": {"type": "number"},
            "maximum": {"type": "number"},
            "items": {"anyOf": [this, {"type": "array"}]},
            "properties": {"type": "object", "additionalProperties": this},
            "required": {"type": "array", "items": {"type": "string"}},
            "ui:field": {"anyOf": [{"enum": sorted(FIELDS)}, {"type": "string"}]},
            "ui:widget": {"anyOf": [{"enum": sorted(WIDGETS)}, {"type": "string"}]},
            "ui:options": {"type": "object"},
            "ui:autofocus": {"type": "boolean"},
            "ui:placeholder": {"type": "string"},
            "ui:help": {"type": "string"},
            "ui:disabled": {"type": "boolean"},
            "ui:readonly": {"type": "boolean"},
        },
    }


def _page() -> JsonObject:
    parameter = {"$ref": "#/definitions/parameter"}
    return {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "description": {"type": "string"},
            "required": {"type": "array", "items": {"type": "string"}},
            "properties": {"type": "object", "additionalProperties": parameter},
            "dependencies": {"type": "object"},
            "ui:order": {"type": "array", "items": {"type": "string"}},
        },
    }


def _condition() -> JsonObject:
    return {
        "type": ["string", "boolean"],
        "description": "Shows the page when this holds for the values of the pages before it; an expression of "
        "`parameters`, which needs no ${{ }}. Without filters of Backstage.",
    }


def instructions(schemas: Mapping[str, Path]) -> str:
    """Return how to tell editors of schemas, which are given by the glob of the files that they are for."""
    import json

    first = next(iter(schemas.values())).as_posix()
    setting = json.dumps({"yaml.schemas": {_local(file): [glob] for glob, file in schemas.items()}}, indent=2)
    return (
        f"First line of a file:\n\n  {MODELINE.format(schema=first)}\n\n"
        f"Or, in VS Code's settings.json (extension redhat.vscode-yaml):\n\n{setting}\n"
    )


def _local(file: Path) -> str:
    shown = file.as_posix()
    return shown if shown.startswith(("/", ".")) else f"./{shown}"
