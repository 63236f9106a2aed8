"""The schemas of the form behind what expressions read: of a parameter, its members, and what ``each`` goes through."""

from backstage_py.lint import syntax
from backstage_py.lint.form import Form, schema_types
from backstage_py.lint.rule import Path
from backstage_py.lint.view import Step, Template
from backstage_py.lint.vocabulary import FIELDS, GIVING_TEXT, LIST_METHODS, TEXT_METHODS
from backstage_py.model.json import Json, JsonObject
from backstage_py.templating import tree

_COMPOSED = frozenset(
    ["$ref", "allOf", "anyOf", "oneOf", "if", "dependencies", "patternProperties", "additionalProperties"]
)
_OF_TEXTS_ALONE = frozenset({"EntityTagsPicker", "MultiEntityPicker", "MyGroupsPicker"})
"""Fields that give a list of texts."""
_OF_LISTS = LIST_METHODS | {"length"}
_OF_TEXTS = TEXT_METHODS | {"length"}


def of_parameter(form: Form, names: tuple[str, ...]) -> JsonObject | None:
    """Return the schema of a parameter, or of a member of it; None where it is not known for sure.

    A custom field gives what it likes, whatever its schema says; so may a schema that is put together.
    """
    declared = form.declared.get(names[0], ()) if names else ()
    if len(declared) != 1 or form.hidden:
        return None
    schema: Json = declared[0].schema
    for name in names[1:]:
        properties = schema.get("properties") if isinstance(schema, dict) and is_sure(schema) else None
        schema = properties.get(name) if isinstance(properties, dict) else None
    return schema if is_sure(schema) else None


def of_text(form: Form, value: Json) -> JsonObject | None:
    """Return the schema of what a text gives, where it is nothing but a parameter or a member of one."""
    if not isinstance(value, str) or not tree.has_code(value):
        return None
    sole = syntax.parse(value).sole
    if _is_text(sole):
        return {"type": "string"}
    is_list_else = isinstance(sole, tree.Logic) and sole.operator == "or" and isinstance(sole.right, tree.Array)
    chain = syntax.static_chain(sole.left if isinstance(sole, tree.Logic) and is_list_else else sole)
    found = of_parameter(form, chain[1:]) if chain and chain[0] == "parameters" else None
    return found if found and (not is_list_else or schema_types(found) == {"array"}) else None


def last_filter(value: Json) -> str | None:
    """Return the filter that makes what a text gives, where it is nothing but one expression."""
    sole = syntax.parse(value).sole if isinstance(value, str) and tree.has_code(value) else None
    return sole.name if isinstance(sole, tree.Filter) else None


def _is_text(node: tree.Node | None) -> bool:
    """Whether an expression surely gives a text: by its last filter, or as a part of an address or a reference."""
    if isinstance(node, tree.Filter):
        source = node.source
        return node.name in GIVING_TEXT or (node.name == "pick" and isinstance(source, tree.Filter) and _parses(source))
    target = node.target if isinstance(node, tree.Lookup) else None
    while isinstance(target, tree.Group) and len(target.items) == 1:
        target = target.items[0]
    return isinstance(target, tree.Filter) and _parses(target)


def _parses(node: tree.Filter) -> bool:
    return node.name in ("parseRepoUrl", "parseEntityRef")


def of_each(template: Template, path: Path) -> JsonObject | None:
    """Return the schema of ``each.value`` at a place of a template."""
    step = next((one for one in template.steps if path[: len(one.path)] == one.path), None)
    return items(of_text(template.form, step.value.get("each"))) if isinstance(step, Step) else None


def items(schema: JsonObject | None) -> JsonObject | None:
    """Return the schema of the items of a list, None where it is none or not known for sure."""
    if schema and schema.get("ui:field") in _OF_TEXTS_ALONE and "items" not in schema:
        return {"type": "string"}
    found = schema.get("items") if schema and schema_types(schema) == {"array"} else None
    return found if is_sure(found) else None


def unknown(schema: JsonObject | None, names: tuple[str, ...]) -> tuple[int, frozenset[str]] | None:
    """Return which of the names that are looked up one after another is not there, with what is."""
    node: Json = schema
    for index, name in enumerate(names):
        known = members(node) if is_sure(node) else frozenset()
        if known and name not in known and not name.isdigit():
            return index, known
        properties = node.get("properties") if isinstance(node, dict) and schema_types(node) == {"object"} else None
        node = properties.get(name) if isinstance(properties, dict) else None
    return None


def members(schema: JsonObject) -> frozenset[str]:
    """Return what values of a schema have; empty if that is open."""
    properties = schema.get("properties")
    match schema_types(schema):
        case kinds if kinds == {"object"} and isinstance(properties, dict) and properties:
            return frozenset(str(name) for name in properties)
        case kinds if kinds == {"array"}:
            return _OF_LISTS
        case kinds if kinds == {"string"}:
            return _OF_TEXTS
        case _:
            return frozenset()


def is_sure(schema: Json) -> bool:
    """Whether a schema says all about its values."""
    if not isinstance(schema, dict) or str(schema.get("ui:field", "Secret")) not in FIELDS:
        return False
    return all(key not in schema or schema[key] is False for key in _COMPOSED)
