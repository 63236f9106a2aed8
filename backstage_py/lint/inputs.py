"""Checks a step's input, with its expressions still in it, against the schema of its action."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from backstage_py.lint import placeholders, syntax, types
from backstage_py.lint.rule import Path
from backstage_py.lint.undefined import is_undefined_name
from backstage_py.lint.view import Template, Use
from backstage_py.model.json import Json, JsonObject
from backstage_py.templating import tree

Kind = Literal["missing", "unknown", "type", "value"]
_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Where input and schema disagree; ``name`` is the property that is missing or unknown.

    For a wrong type, ``name`` has the types that an expression gives, and ``given`` that of a written value.
    """

    kind: Kind
    path: Path
    name: str
    expected: str
    known: tuple[str, ...] = ()
    given: str = ""


def mismatches(template: Template, value: Json, schema: Json, path: Path, depth: int = 0) -> Iterator[Mismatch]:
    """Yield what surely is refused, whatever the expressions give."""
    if not isinstance(schema, dict) or depth > _DEEPEST or "$ref" in schema or placeholders.is_placeholder(value):
        return
    if branches := schema.get("anyOf") or schema.get("oneOf"):
        yield from _best_branch(template, value, branches, path, depth)
        if "properties" not in schema:
            return
    if isinstance(value, str) and tree.has_code(value):
        yield from _expression(template, value, schema, path)
        return
    accepted = types.accepted(schema)
    if accepted is not None and not accepted & _types_of(value):
        yield Mismatch("type", path, "", " or ".join(sorted(accepted)), given=" or ".join(_types_of(value)))
        return
    enum = schema.get("enum")
    if isinstance(enum, list) and value not in enum:
        yield Mismatch("value", path, "", ", ".join(str(one) for one in enum))
    if isinstance(value, dict):
        yield from _object(template, value, schema, path, depth)
    if isinstance(value, list) and isinstance(items := schema.get("items"), dict):
        for index, item in enumerate(value):
            yield from mismatches(template, item, items, (*path, index), depth + 1)


def _best_branch(template: Template, value: Json, branches: Json, path: Path, depth: int) -> Iterator[Mismatch]:
    """The branch that was meant: of the value's type, with the fewest wrong names; nothing if one fits."""
    found = [
        list(mismatches(template, value, branch, path, depth + 1)) for branch in branches if isinstance(branch, dict)
    ]
    if found and all(found):
        yield from min(found, key=lambda one: _strangeness(one, path))


def _strangeness(found: list[Mismatch], path: Path) -> tuple[bool, int, int]:
    other_type = any(one.kind == "type" and one.path == path for one in found)
    return other_type, sum(one.kind in ("missing", "unknown") for one in found), len(found)


def _expression(template: Template, text: str, schema: JsonObject, path: Path) -> Iterator[Mismatch]:
    accepted = types.accepted(schema)
    given = types.of_use(template, Use(path, text, syntax.parse(text), "input", None))
    if accepted and given and not accepted & given:
        yield Mismatch("type", path, " or ".join(sorted(given)), " or ".join(sorted(accepted)))


def _object(template: Template, value: JsonObject, schema: JsonObject, path: Path, depth: int) -> Iterator[Mismatch]:
    declared = schema.get("properties")
    properties: JsonObject = declared if isinstance(declared, dict) else {}
    for name in schema.get("required") or ():
        if isinstance(name, str) and value.get(name, "") == "":
            yield Mismatch("missing", path, name, "", tuple(properties))
    closed = schema.get("additionalProperties") is False and not schema.get("patternProperties")
    for name, item in value.items():
        if isinstance(item, str) and tree.has_code(item) and is_undefined_name(template, syntax.parse(item)):
            continue  # it is dropped; another rule reports it
        if name in properties and item == "":
            continue  # dropped as well: Backstage's runner gives nothing for an empty text
        if name in properties:
            yield from mismatches(template, item, properties[name], (*path, name), depth + 1)
        elif closed or (depth == 0 and properties and "additionalProperties" not in schema):
            yield Mismatch("unknown", (*path, name), name, "", tuple(properties))
        elif isinstance(more := schema.get("additionalProperties"), dict) and more:
            yield from mismatches(template, item, more, (*path, name), depth + 1)


def _types_of(value: Json) -> frozenset[str]:
    if value is None:
        return frozenset({"null"})
    if isinstance(value, bool):
        return frozenset({"boolean"})
    names = {str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return frozenset({names[type(value)]})
