"""Keywords for arrays: their items."""

from backstage_py.js.values import UNDEFINED
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.npm_jsonschema.javascript import is_schema, same
from backstage_py.model.npm_jsonschema.problem import (
    Check,
    Compiler,
    Keywords,
    Path,
    Problem,
    Problems,
    SchemaProblem,
    accepts,
)
from backstage_py.model.npm_jsonschema.scope import Scope


def _items(schema: JsonObject, compiler: Compiler, scope: Scope) -> Check:
    declared, others = schema["items"], schema.get("additionalItems", UNDEFINED)
    by_place = [_item(one, compiler, scope) for one in declared] if isinstance(declared, list) else []
    rest = _item(others if isinstance(declared, list) else declared, compiler, scope)

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if not isinstance(instance, list):
            return
        for index, value in enumerate(instance):
            part = by_place[index] if index < len(by_place) else rest
            if part is None:
                message = "additionalItems not permitted"
                problems.append(Problem(path, message, schema, instance, "items", UNDEFINED))
                return
            part(value, (*path, index), problems)

    return check


def _item(schema: Json, compiler: Compiler, scope: Scope) -> Check | None:
    """Return the check of an item, None where no item may be."""
    return None if schema is False else compiler.child(True if schema is UNDEFINED else schema, scope)


def _contains(schema: JsonObject, compiler: Compiler, scope: Scope) -> Check:
    wanted = schema["contains"]
    part = compiler.child(wanted, scope)

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if not isinstance(instance, list):
            return
        if not is_schema(wanted):
            raise SchemaProblem('Expected "contains" keyword to be a schema')
        if not any(accepts(part, value, (*path, index)) for index, value in enumerate(instance)):
            message = "must contain an item matching given schema"
            problems.append(Problem(path, message, schema, instance, "contains", wanted))

    return check


def _unique_items(schema: JsonObject, _compiler: Compiler, _scope: Scope) -> Check:
    wanted = schema["uniqueItems"] is True

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if wanted and isinstance(instance, list) and _has_duplicates(instance):
            message = "contains duplicate item"
            problems.append(Problem(path, message, schema, instance, "uniqueItems", UNDEFINED))

    return check


def _has_duplicates(items: list[Json]) -> bool:
    plain = [item for item in items if isinstance(item, str)]
    if len(set(plain)) != len(plain):
        return True
    others = [item for item in items if not isinstance(item, str)]
    return any(same(one, other) for index, one in enumerate(others) for other in others[index + 1 :])


KEYWORDS: Keywords = {"items": _items, "contains": _contains, "uniqueItems": _unique_items}
