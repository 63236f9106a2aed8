"""Which JSON types an expression can give, as far as that is sure."""

from backstage_py.lint import syntax
from backstage_py.lint.form import schema_types
from backstage_py.lint.view import Template, Use
from backstage_py.lint.vocabulary import GIVING_TEXT, SCHEMA_TYPES
from backstage_py.model.json import Json, JsonObject
from backstage_py.templating import tree
from backstage_py.templating.tree import Node

Types = frozenset[str]

_TEXT = frozenset({"string"})
_NUMBER = frozenset({"number"})
_BOOLEAN = frozenset({"boolean"})
_RESULTS: dict[str, Types] = {
    **dict.fromkeys(GIVING_TEXT, _TEXT),
    **dict.fromkeys(("length", "wordcount", "int", "float", "round"), _NUMBER),
    **dict.fromkeys(("parseRepoUrl", "parseEntityRef"), frozenset({"object"})),
    "list": frozenset({"array"}),
}
_LITERALS: dict[type, Types] = {str: _TEXT, bool: _BOOLEAN, int: _NUMBER, float: _NUMBER}


def of_use(template: Template, use: Use) -> Types | None:
    """Return the types of what a text gives, None if they are not known."""
    if use.parsed.problems:
        return _TEXT
    if use.parsed.is_tag:
        return None
    if use.parsed.sole is None:
        return _TEXT
    if use.parsed.subtractions:  # a dash that was meant as part of a name; it has a rule of its own
        return None
    return of_node(template, use.parsed.sole)


def of_node(template: Template, node: Node | None) -> Types | None:
    """Return the types of an expression, None if not known; that it may be undefined too does not count."""
    match node:
        case tree.Literal():
            return _LITERALS.get(type(node.value))
        case tree.Array():
            return frozenset({"array"})
        case tree.Dict():
            return frozenset({"object"})
        case tree.Filter():
            return _RESULTS.get(node.name)
        case tree.Test() | tree.In() | tree.Compare():
            return _BOOLEAN
        case tree.Unary():
            return _BOOLEAN if node.operator == "not" else _NUMBER
        case tree.Binary():
            return _TEXT if node.operator == "~" else _NUMBER if node.operator != "+" else None
        case tree.InlineIf():
            return _union(of_node(template, node.body), of_node(template, node.otherwise)) if node.otherwise else None
        case tree.Lookup():
            return of_names(template, syntax.static_chain(node))
        case _:
            return None


def _union(left: Types | None, right: Types | None) -> Types | None:
    return left | right if left and right else None


def of_names(template: Template, names: tuple[str, ...] | None) -> Types | None:
    """Return the types of a parameter or an output, None if they are not known."""
    match names:
        case ("parameters", name):
            return _parameter(template, name)
        case ("steps", step_id, "output", name):
            return _output(template, step_id, name)
        case _:
            return None


def _parameter(template: Template, name: str) -> Types | None:
    found: Types = frozenset()
    for declared in template.form.declared.get(name, ()):
        types = schema_types(declared.schema)
        if not types or not types <= SCHEMA_TYPES:
            return None
        found |= types
    return _normal(found) if found and not template.form.hidden else None


def _output(template: Template, step_id: str, name: str) -> Types | None:
    steps = template.steps_by_id.get(step_id, [])
    if len(steps) != 1 or "each" in steps[0].value:
        return None
    known = template.action_of(steps[0])
    schema: Json = known.output.get("properties", {}).get(name) if known and known.exact else None
    types = schema_types(schema) if isinstance(schema, dict) else frozenset()
    return _normal(types) or None


def _normal(types: Types) -> Types:
    return frozenset("number" if name == "integer" else name for name in types)


def accepted(schema: JsonObject) -> Types | None:
    """Return the types that a schema accepts, None if it does not say."""
    if types := schema_types(schema):
        return _normal(types)
    if isinstance(enum := schema.get("enum"), list):
        return frozenset(name for value in enum for name in _LITERALS.get(type(value), {"null"}))
    for keyword in ("anyOf", "oneOf"):
        if isinstance(branches := schema.get(keyword), list):
            each = [accepted(branch) if isinstance(branch, dict) else None for branch in branches]
            known = [types for types in each if types]
            return frozenset().union(*known) if len(known) == len(each) and known else None
    return None
