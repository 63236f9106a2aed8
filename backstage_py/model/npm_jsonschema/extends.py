"""The keyword ``extends`` of the third draft: another schema is merged into the one that has it."""

from backstage_py.js.convert import truthy
from backstage_py.js.values import UNDEFINED, in_key_order
from backstage_py.model.json import Json
from backstage_py.model.npm_jsonschema.javascript import FUNCTION, entries, member, to_text
from backstage_py.model.npm_jsonschema.problem import SchemaProblem
from backstage_py.model.npm_jsonschema.scope import Scope


def extended(schema: Json, scope: Scope) -> Json:
    """Return a schema with what it extends merged into it.

    Raises:
        SchemaProblem: that cannot be merged.
    """
    declared = schema.get("extends")
    if not truthy(declared):
        return schema
    for other in declared if isinstance(declared, list) else [declared]:
        if other is None:
            raise SchemaProblem("Cannot read properties of null (reading '$ref')")
        reference = reference_of(other)
        schema = _merged(schema, scope.resolve(reference)[0] if reference else other)
    return schema


def reference_of(schema: Json) -> str:
    """Return the reference that a schema is, empty when it is none."""
    reference = schema if isinstance(schema, str) else member(schema, "$ref")
    return reference if isinstance(reference, str) else ""


def _merged(target: Json, source: Json) -> Json:
    if isinstance(source, list):
        return _merged_lists(target, source)
    if source is None:
        raise SchemaProblem("Cannot convert undefined or null to object")
    merged = dict(entries(target)) if isinstance(target, dict | list) else {}
    for key, value in entries(source):
        is_object = isinstance(value, dict | list)
        if is_object and (target is None or target is UNDEFINED):
            raise SchemaProblem(f"Cannot read properties of {to_text(target)} (reading '{key}')")
        there = member(target, key)
        merged[key] = _merged(there, value) if is_object and truthy(there) else value
    return in_key_order(merged)


def _merged_lists(target: Json, source: list[Json]) -> list[Json]:
    target = target if truthy(target) else []
    merged = [*target] if isinstance(target, list) else [None if target is FUNCTION else target]
    for index, item in enumerate(source):
        if item is None or isinstance(item, dict | list):
            there = member(target, str(index))
            both = _merged(there, item)
            merged[index : index + 1] = [both]
        elif not isinstance(target, list | str):
            raise SchemaProblem("target.indexOf is not a function")
        elif not _has(target, item):
            merged.append(item)
    return merged


def _has(target: Json, item: Json) -> bool:
    """Return whether ``target.indexOf(item)`` finds a value that is no object."""
    if isinstance(target, str):
        return str(item) in target
    return any(type(one) is type(item) and one == item for one in target if one is not UNDEFINED)
