"""The catalog's six rules: about an entity, and as filters of the search index."""

from backstage_py.model import search_rows
from backstage_py.model.entity_filter import Exists, Filter, Matches
from backstage_py.model.json import Json, JsonObject
from backstage_py.permissions.rules import Kind, Param, Rule, RuleSet

_KEY = {"key": Param(Kind.TEXT), "value": Param(Kind.TEXT, required=False)}


def _is_kind(entity: JsonObject, params: JsonObject) -> bool:
    return str(entity["kind"]).lower() in {kind.lower() for kind in params["kinds"]}


def _is_owned(entity: JsonObject, params: JsonObject) -> bool:
    return any(
        relation["type"] == "ownedBy" and relation["targetRef"] in params["claims"]
        for relation in entity.get("relations") or ()
    )


def _property_rule(part: str) -> Rule[JsonObject]:
    def applies(entity: JsonObject, params: JsonObject) -> bool:
        key, wanted = f"{part}.{params['key']}".lower(), params.get("value")
        rows = search_rows.of(entity)
        if wanted is None:
            return key in rows.nulls or any(row[0] == key for row in rows.values)
        return any(row[0] == key and row[1] == wanted.lower() for row in rows.values)

    def filter_of(params: JsonObject) -> Filter:
        return _with_value(f"{part}.{params['key']}", params.get("value"))

    return Rule(f"HAS_{part.upper()}", _KEY, applies, filter_of)


def _named_rule(name: str, part: str) -> Rule[JsonObject]:
    """Return a rule about an annotation or a label, whose own parameter is its name."""

    def applies(entity: JsonObject, params: JsonObject) -> bool:
        wanted = params.get("value")
        return any(
            key.lower() == params[name].lower() and (wanted is None or str(value).lower() == wanted.lower())
            for key, value in (entity["metadata"].get(part) or {}).items()
        )

    def filter_of(params: JsonObject) -> Filter:
        return _with_value(f"metadata.{part}.{params[name]}", params.get("value"))

    checks = {name: Param(Kind.TEXT), "value": Param(Kind.TEXT, required=False)}
    return Rule(f"HAS_{name.upper()}", checks, applies, filter_of)


def _with_value(key: str, value: Json) -> Filter:
    return Exists(key.lower()) if value is None else Matches(key.lower(), (value.lower(),))


def _one_of(key: str, values: Json) -> Filter:
    return Matches(key, tuple(dict.fromkeys(value.lower() for value in values)))


ENTITY_RULES: RuleSet[JsonObject] = RuleSet.of(
    "catalog-entity",
    _named_rule("annotation", "annotations"),
    _named_rule("label", "labels"),
    _property_rule("metadata"),
    _property_rule("spec"),
    Rule("IS_ENTITY_KIND", {"kinds": Param(Kind.TEXTS)}, _is_kind, lambda params: _one_of("kind", params["kinds"])),
    Rule(
        "IS_ENTITY_OWNER",
        {"claims": Param(Kind.TEXTS)},
        _is_owned,
        lambda params: _one_of("relations.ownedby", params["claims"]),
    ),
)
