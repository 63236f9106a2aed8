"""Holds an object against the schema of its definition before anything is applied.

The API server drops members that a schema does not know without a word, and checks the rest only when it is applied;
here both are said, with the place. Schemas are structural ones, as Kubernetes publishes them.
"""

from backstage_py.errors import InputError
from backstage_py.integrations.crossplane.definitions import Definition
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.npm_jsonschema import compile_schema

_OPEN = "x-kubernetes-preserve-unknown-fields"
_TEXT_OR_NUMBER = "x-kubernetes-int-or-string"
_KEPT = (
    "enum",
    "maximum",
    "minimum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxItems",
    "minItems",
    "maxLength",
    "minLength",
    "multipleOf",
    "pattern",
    "uniqueItems",
)
_MOST_SHOWN = 8


def refuse_unless_valid(definition: Definition, value: JsonObject) -> None:
    """Return when the definition's schema takes the object's spec.

    Raises:
        InputError: it does not; the message has each place and what is wrong there.
    """
    schema = (definition.schema.get("properties") or {}).get("spec") or {}
    spec = {key: one for key, one in (value.get("spec") or {}).items() if key not in definition.own_fields}
    found = [str(one).replace("instance", "spec", 1) for one in compile_schema(_plain(schema)).problems(spec)]
    if found:
        more = f"; and {len(found) - _MOST_SHOWN} more" if len(found) > _MOST_SHOWN else ""
        raise InputError(
            f"{definition.kind} is not as the definition {definition.name} wants it: "
            + "; ".join(found[:_MOST_SHOWN])
            + more
        )


def _plain(schema: JsonObject) -> JsonObject:
    """Return a structural schema as JSON Schema in which unknown members are refused, too."""
    made: JsonObject = {key: schema[key] for key in _KEPT if key in schema}
    if schema.get(_TEXT_OR_NUMBER):
        return {**made, "type": ["integer", "string"]}
    if kind := schema.get("type"):
        made["type"] = [kind, "null"] if schema.get("nullable") else kind
    if "items" in schema:
        made["items"] = _plain(schema["items"])
    properties: JsonObject = schema.get("properties") or {}
    if properties:
        made["properties"] = {name: _plain(one) for name, one in properties.items()}
    # what has a default is filled in before it is asked for
    required = [one for one in schema.get("required") or [] if "default" not in properties.get(one, {})]
    if required:
        made["required"] = required
    made |= _others(schema)
    return made


def _others(schema: JsonObject) -> JsonObject:
    more: Json = schema.get("additionalProperties")
    if isinstance(more, dict):
        return {"additionalProperties": _plain(more)}
    is_closed = schema.get("type") == "object" and not schema.get(_OPEN) and more is not True
    return {"additionalProperties": False} if is_closed and schema.get("properties") else {}
