"""Which fields of which kinds refer to other entities, and the relations that follow from them."""

from collections.abc import Iterator
from dataclasses import dataclass

from backstage_py.errors import InputError
from backstage_py.model import entity_ref, json
from backstage_py.model.entity_ref import EntityRef
from backstage_py.model.json import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Relation:
    """One directed relation, by references in the form in which they are stored."""

    source: str
    type: str
    target: str


@dataclass(frozen=True, slots=True)
class RelationField:
    """A field of ``spec`` that holds one reference or a list of them, and the relations in both directions."""

    field: str
    outgoing: str
    incoming: str
    default_kind: str | None = None
    allowed_kinds: tuple[str, ...] | None = None


_OWNER = RelationField("owner", "ownedBy", "ownerOf", "Group")
_SYSTEM = RelationField("system", "partOf", "hasPart", "System")
_DEPENDS_ON = RelationField("dependsOn", "dependsOn", "dependencyOf")
_DEPENDENCY_OF = RelationField("dependencyOf", "dependencyOf", "dependsOn")

FIELDS: dict[str, tuple[RelationField, ...]] = {
    "Component": (
        _OWNER,
        RelationField("subcomponentOf", "partOf", "hasPart", "Component"),
        RelationField("providesApis", "providesApi", "apiProvidedBy", "API"),
        RelationField("consumesApis", "consumesApi", "apiConsumedBy", "API"),
        _DEPENDS_ON,
        _DEPENDENCY_OF,
        _SYSTEM,
    ),
    "API": (_OWNER, _SYSTEM),
    "Resource": (_OWNER, _DEPENDS_ON, _DEPENDENCY_OF, _SYSTEM),
    "User": (RelationField("memberOf", "memberOf", "hasMember", "Group"),),
    "Group": (
        RelationField("parent", "childOf", "parentOf", "Group"),
        RelationField("children", "parentOf", "childOf", "Group"),
        RelationField("members", "hasMember", "memberOf", "User"),
    ),
    "System": (_OWNER, RelationField("domain", "partOf", "hasPart", "Domain")),
    "Domain": (_OWNER, RelationField("subdomainOf", "partOf", "hasPart", "Domain")),
    "Template": (_OWNER,),
    "AiResource": (
        RelationField("owner", "ownedBy", "ownerOf", "Group", ("group", "user")),
        RelationField("system", "partOf", "hasPart", "System", ("system",)),
        RelationField("dependsOn", "dependsOn", "dependencyOf", "AiResource", ("airesource",)),
        RelationField("skills", "hasPart", "partOf", "AiResource", ("airesource",)),
        RelationField("plugins", "hasPart", "partOf", "AiResource", ("airesource",)),
    ),
}

SORTED_FIELDS = ("providesApis", "consumesApis", "dependsOn", "dependencyOf", "memberOf", "children", "members")
"""Lists of references whose order says nothing; sorting them keeps an unstable source from looking changed."""


def of(entity: JsonObject) -> Iterator[Relation]:
    """Yield the relations that the fields of a valid entity stand for, each in both directions.

    Raises:
        InputError: a field holds a text that is no reference.
    """
    fields = FIELDS.get(entity["kind"])
    if not fields:
        return
    spec = entity["spec"]
    namespace = entity["metadata"].get("namespace") or entity_ref.DEFAULT_NAMESPACE
    source = str(EntityRef(entity["kind"], namespace, entity["metadata"]["name"]))
    for field in fields:
        value = spec.get(field.field)
        if not value:
            continue
        for one in value if isinstance(value, list) else (value,):
            target = _target(one, field, namespace)
            if field.allowed_kinds and target.kind.lower() not in field.allowed_kinds:
                continue
            yield Relation(source, field.outgoing, str(target))
            yield Relation(str(target), field.incoming, source)


def _target(value: Json, field: RelationField, namespace: str) -> EntityRef:
    """Return what a field refers to; the schemas leave ``dependencyOf`` open to objects and to anything else.

    Raises:
        InputError: it is no reference.
    """
    if isinstance(value, str):
        return entity_ref.parse(value, default_kind=field.default_kind, default_namespace=namespace)
    if not value and not isinstance(value, list | dict):
        raise InputError("Entity reference must not be empty")
    parts = value if isinstance(value, dict) else {}
    kind, name = parts.get("kind") or field.default_kind, parts.get("name")
    for word, part in (("kind", kind), ("name", name)):
        if not part:
            hint = ' (e.g. did not start with "component:" or similar)' if word == "kind" else ""
            raise InputError(f"Entity reference {json.text(value)} had missing or empty {word}{hint}")
    return EntityRef(str(kind), str(parts.get("namespace") or namespace), str(name))


def ownership_of(user: JsonObject) -> tuple[str, ...]:
    """Return the references that a User entity owns by: its own and its groups', each once."""
    relations: list[Json] = user.get("relations") or []
    groups = [
        relation["targetRef"]
        for relation in relations
        if relation["type"] == "memberOf" and relation["targetRef"].startswith("group:")
    ]
    return tuple(dict.fromkeys([entity_ref.of(user), *groups]))
