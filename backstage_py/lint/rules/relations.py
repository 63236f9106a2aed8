"""BPY1, third part: what entities name: keys of their kind, other entities, and files."""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from functools import lru_cache

from backstage_py.errors import InputError
from backstage_py.lint import placeholders
from backstage_py.lint.documents import Entity
from backstage_py.lint.fixes import repair
from backstage_py.lint.nearest import begun, distance, misspelled, nearest, shortened, slip_of
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.model import entity_ref, entity_relations, entity_schema
from backstage_py.model.entity_relations import RelationField
from backstage_py.model.json import Json, JsonObject

_COMPONENT = (
    "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: web\n"
    "spec:\n  type: service\n  lifecycle: production\n  owner: team-a\n"
)
_SYSTEM = "---\napiVersion: backstage.io/v1alpha1\nkind: System\nmetadata:\n  name: shops\nspec:\n  owner: team-a\n"
_API = (
    "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata:\n  name: web\n"
    "spec:\n  type: openapi\n  lifecycle: production\n  owner: team-a\n  definition:\n    $text: "
)
_LOCATION = (
    "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata:\n  name: all\n"
    "spec:\n  type: url\n  target: https://github.com/acme/web/blob/main/catalog-info.yaml\n"
)
_LOCATION_TYPES = ("url", "file")
_NO_NAME = re.compile(r"[\s:/,;@&+!?()\[\]|]")
_OTHER_WORDS = {**dict.fromkeys(("team", "squad", "org"), "group"), **dict.fromkeys(("person", "member"), "user")}
_OF_PROFILES = {"avatar": "picture", "image": "picture", "photo": "picture", "name": "displayName", "mail": "email"}
_FIELDS = ("$text", "$json", "$yaml", "$openapi", "$asyncapi")
_MOST_DEEP = 12
_MOST_NAMES = 500
"""Among more, a name that is not there is not compared with each of them."""
_KINDS = frozenset(kind.lower() for kind in entity_schema.KINDS)


@rule(
    "BPY107",
    "misspelled-spec",
    "warning",
    "entity",
    summary="A key below `spec` is a misspelling of one that the kind has.",
    why="The catalog keeps what it does not know, and nothing reads it: the relation or the profile is missing.",
    bad={"catalog-info.yaml": _COMPONENT + "  providesApi: [web-api]\n"},
    good={"catalog-info.yaml": _COMPONENT + "  providesApis: [web-api]\n"},
)
def misspelled_spec(entity: Entity) -> Iterator[Finding]:
    """Only what is surely a misspelling, and of what is not there; kinds may have keys of one's own."""
    spec = entity.value.get("spec")
    if not entity.is_built_in or not isinstance(spec, dict):
        return
    if entity.kind == "Template":  # whose other keys have rules of their own
        spec = {key: value for key, value in spec.items() if key == "presentation"}
    named: JsonObject = {one.field: True for one in entity_relations.FIELDS.get(entity.kind, ())}
    for schema in entity_schema.spec_schemas(entity.kind):
        whole = {**schema, "properties": {**named, **schema.get("properties", {})}}
        found = list(_misspelled(spec, whole, ("spec",)))
        yield from found
        if found:
            return


@rule(
    "BPY108",
    "bad-reference",
    "error",
    "entity",
    summary="A field that names another entity holds no entity reference.",
    why="The catalog refuses the entity: `[<kind>:][<namespace>/]<name>`. `dependsOn` needs the kind. It is a warning "
    "where the reference can be read, but no entity can have such a name.",
    bad={"catalog-info.yaml": _COMPONENT + "  dependsOn: [web-db]\n"},
    good={"catalog-info.yaml": _COMPONENT + "  dependsOn: ['resource:web-db']\n"},
)
def bad_reference(entity: Entity) -> Iterator[Finding]:
    """The fields from which the catalog makes relations."""
    for field, one, where in _references(entity):
        try:
            named = entity_ref.parse(one, default_kind=field.default_kind, default_namespace="default")
        except InputError as error:
            needs = field.default_kind is None and ":" not in one
            yield Finding(error.message, where, fix=f"Write component:{one}, or another kind" if needs else None)
        else:
            if _NO_NAME.search(named.name) or _NO_NAME.search(named.namespace):
                yield Finding(f'No entity can have the name "{named.name}"', where, severity="warning")


@rule(
    "BPY120",
    "nearly-named",
    "warning",
    "entity",
    summary="An entity names another that is not in the file, and one of nearly the same name is.",
    why="The relation leads nowhere. It may be another one that the catalog has from elsewhere.",
    bad={"catalog-info.yaml": _COMPONENT + "  system: shpos\n" + _SYSTEM},
    good={"catalog-info.yaml": _COMPONENT + "  system: shops\n" + _SYSTEM},
)
def nearly_named(entity: Entity) -> Iterator[Finding]:
    """Of the same kind and namespace, by one slip or by a word that is cut short."""
    for field, one, where in _references(entity):
        try:
            named = entity_ref.parse(one, default_kind=field.default_kind, default_namespace="default")
        except InputError:  # another rule speaks of it
            continue
        kind, namespace, name = named.kind.lower(), named.namespace.lower(), named.name.lower()
        beside = _names(entity.beside, kind, namespace)
        close = _meant(name, beside) if name not in beside and len(beside) <= _MOST_NAMES else None
        if close:
            yield Finding(f'There is no {kind} "{named.name}" in this file', where, fix=f'Did you mean "{close}"?')


@rule(
    "BPY123",
    "named-again",
    "warning",
    "entity",
    summary="An entity stands twice in its file: kind, namespace and name are those of one before it.",
    why="The catalog keeps one of the two; which of them is not said.",
    bad={"catalog-info.yaml": _COMPONENT + "---\n" + _COMPONENT},
    good={"catalog-info.yaml": _COMPONENT},
)
def named_again(entity: Entity) -> Iterator[Finding]:
    """Names are compared without their case, as the catalog compares them."""
    if entity.is_again:
        name = entity.value["metadata"]["name"]
        yield Finding(f'This file has another {entity.kind} "{name}"', ("metadata", "name"), fix="Give it its own name")


@rule(
    "BPY121",
    "odd-kind",
    "warning",
    "entity",
    summary="A field names an entity of a kind that it is not for.",
    why="The catalog makes the relation all the same, and no page shows it: a group has users for members, a component "
    "has a system, not a domain. A kind that is nearly one of Backstage's is a misspelling.",
    bad={"catalog-info.yaml": _COMPONENT + "  system: domain:shops\n"},
    good={"catalog-info.yaml": _COMPONENT + "  system: system:shops\n"},
)
def odd_kind(entity: Entity) -> Iterator[Finding]:
    """Kinds of one's own are left alone."""
    for field, one, where in _references(entity):
        kind = one.partition("/")[0].partition(":")[0].lower() if ":" in one.partition("/")[0] else None
        if kind is None or kind in {known.lower() for known in entity.kinds}:
            continue
        if kind not in _KINDS:
            close = (
                slip_of(kind, _KINDS, ())
                or _OTHER_WORDS.get(kind)
                or _abbreviated(kind, _meant_for(field) if field.default_kind else ())
            )
            if close:
                fix = f'Write "{close}{one[len(kind) :]}"'
                yield Finding(f'There is no kind "{kind}"', where, fix=fix)
        elif field.default_kind and kind not in _meant_for(field):
            kinds = " or a ".join(_meant_for(field))
            yield Finding(f'"{field.field}" is for a {kinds}, not for a {kind}', where)


def _abbreviated(kind: str, kinds: tuple[str, ...]) -> str | None:
    """The kind of which one has letters in their order, and no others: ``grp``."""
    for one in kinds:
        letters = iter(one)
        if kind[:1] == one[:1] and len(kind) > 1 and all(letter in letters for letter in kind):
            return one
    return None


def _meant_for(field: RelationField) -> tuple[str, ...]:
    kind = str(field.default_kind).lower()
    return (kind, "user") if field.outgoing == "ownedBy" else (kind,)


@rule(
    "BPY122",
    "location-type",
    "warning",
    "entity",
    summary="The type of a location is a misspelling of `url` or `file`.",
    why="No processor of the catalog reads it, so what it leads to does not appear.",
    bad={"catalog-info.yaml": _LOCATION.replace("type: url", "type: urls")},
    good={"catalog-info.yaml": _LOCATION},
)
def location_type(entity: Entity) -> Iterator[Finding]:
    """Other types may have processors of one's own."""
    spec = entity.value.get("spec")
    given = spec.get("type") if entity.kind == "Location" and isinstance(spec, dict) else None
    if (
        isinstance(given, str)
        and given not in _LOCATION_TYPES
        and (close := slip_of(given, _LOCATION_TYPES, (), shortest=3))
    ):
        where: Path = ("spec", "type")
        mended = repair.write(where, close)
        yield Finding(f'There is no type "{given}" of locations', where, fix=f'Write "{close}"', repair=mended)


@rule(
    "BPY109",
    "missing-file",
    "warning",
    "entity",
    summary="A file that an entity names is not there.",
    why="A location then gives no entities, and an API without its definition is refused. It may be one that is made "
    "later, before the catalog reads it.",
    bad={"catalog-info.yaml": _API + "./openapi.yml\n", "openapi.yaml": "openapi: 3.0.0\n"},
    good={"catalog-info.yaml": _API + "./openapi.yaml\n", "openapi.yaml": "openapi: 3.0.0\n"},
)
def missing_file(entity: Entity) -> Iterator[Finding]:
    """Relative paths of placeholders, and of locations."""
    if entity.folder is None:
        return
    for target, where in (*_targets(entity), *_placeholders(entity.value, ())):
        if "://" in target or target.startswith("/") or any(sign in target for sign in "*?{$\0"):
            continue
        try:
            path = entity.folder / target
            names = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() and not path.exists() else []
            missing = not path.exists()
        except OSError:
            continue
        if missing:
            close = nearest(path.name, names)
            meant = f"{target[: len(target) - len(path.name)]}{close}" if close else None
            fix = f'Did you mean "{meant}"?' if meant else "Create it, or correct the path"
            yield Finding(f'"{target}" does not exist', where, fix=fix, repair=repair.write(where, meant, sure=False))


@lru_cache(maxsize=64)
def _names(entities: frozenset[tuple[str, str, str]], kind: str, namespace: str) -> frozenset[str]:
    return frozenset(name for of, at, name in entities if (of, at) == (kind, namespace))


def _meant(name: str, beside: AbstractSet[str]) -> str | None:
    close = misspelled(name, beside)
    return close if close and distance(close, name) == 1 else shortened(name, beside)


def _references(entity: Entity) -> Iterator[tuple[RelationField, str, Path]]:
    """Yield the texts that name other entities, with their fields and where they stand."""
    found = entity.value.get("spec")
    spec: JsonObject = found if isinstance(found, dict) and entity.is_built_in else {}
    for field in entity_relations.FIELDS.get(entity.kind, ()):
        value = spec.get(field.field)
        for index, one in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(one, str) and one:
                yield field, one, ("spec", field.field, index) if isinstance(value, list) else ("spec", field.field)


def _misspelled(value: JsonObject, schema: JsonObject, path: Path) -> Iterator[Finding]:
    known = schema.get("properties", {})
    for key, item in value.items():
        close = None if key in known else slip_of(str(key), known, value) or begun(str(key), known)
        close = close or (_OF_PROFILES.get(str(key)) if path[-1] == "profile" and key not in known else None)
        if close and close not in value and close not in schema.get("required", ()):
            yield Finding(
                f'{".".join(str(part) for part in path)} has no "{key}"',
                (*path, key),
                on_key=True,
                fix=f'Did you mean "{close}"?',
                repair=repair.rename((*path, key), close, sure=False),
            )
        elif key not in known and path == ("spec", "presentation"):
            yield Finding(
                f'spec.presentation has no "{key}"', (*path, key), on_key=True, fix=f"It has {', '.join(known)}"
            )
        elif isinstance(item, dict) and isinstance(known.get(key), dict):
            yield from _misspelled(item, known[key], (*path, key))


def _targets(entity: Entity) -> Iterator[tuple[str, Path]]:
    """What a location leads to, if that is files."""
    spec = entity.value.get("spec")
    if entity.kind != "Location" or not isinstance(spec, dict) or spec.get("type") not in (None, *_LOCATION_TYPES):
        return
    if isinstance(spec.get("target"), str):
        yield spec["target"], ("spec", "target")
    targets = spec.get("targets")
    for index, one in enumerate(targets if isinstance(targets, list) else ()):
        if isinstance(one, str):
            yield one, ("spec", "targets", index)


def _placeholders(value: Json, path: Path) -> Iterator[tuple[str, Path]]:
    if len(path) > _MOST_DEEP:
        return
    if placeholders.is_placeholder(value):
        key, target = next(iter(value.items()))
        if key in _FIELDS and isinstance(target, str) and "\n" not in target:
            yield target, (*path, key)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _placeholders(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _placeholders(item, (*path, index))
