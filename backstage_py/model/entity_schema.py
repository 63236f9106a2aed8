"""Whether an entity is valid: the envelope, what all kinds share, and the schema of its kind."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from backstage_py import bundled
from backstage_py.model import field_format
from backstage_py.model.ajv import Check, Compiler, Problem
from backstage_py.model.field_format import FormatError
from backstage_py.model.json import JsonObject

_KNOWN_AT_ROOT = frozenset({"apiVersion", "kind", "metadata", "spec"})

_FILES: dict[str, tuple[str, ...]] = {
    "Component": ("component",),
    "API": ("api.mcp-server", "api"),
    "Resource": ("resource",),
    "System": ("system",),
    "Domain": ("domain",),
    "Group": ("group",),
    "User": ("user",),
    "Location": ("location",),
    "Template": ("template",),
    "AiResource": (
        "airesource.skill",
        "airesource.rule",
        "airesource.plugin",
        "airesource.marketplace",
        "airesource",
    ),
}
"""The schemas of each kind; those with a ``.`` are for one ``spec.type`` only and come first."""

KINDS = tuple(_FILES)


def files_of(kind: str) -> tuple[str, ...]:
    """Return the names below ``schemas/entities`` of the schemas of a kind."""
    return _FILES[kind]


@dataclass(frozen=True, slots=True)
class _KindSchema:
    versions: tuple[str, ...]
    spec_type: str | None
    check: Check


def versions_of(kind: str) -> tuple[str, ...]:
    """Return the apiVersions of a kind that is built in; none of any other."""
    found = (version for schema in _kind_schemas(kind) for version in schema.versions)
    return tuple(dict.fromkeys(found))


def envelope_problem(entity: object) -> Problem | None:
    """Return why something cannot even have an entity reference, None when it can."""
    return _first(_check("envelope"), entity)


def entity_problem(entity: JsonObject) -> Problem | None:
    """Return why an entity does not have the shape that all kinds share, None when it has."""
    return _first(_check("entity"), entity)


def kind_problem(entity: JsonObject) -> Problem | None:
    """Return why an entity without an ``entity_problem`` is not valid for its kind.

    Raises:
        LookupError: the kind and apiVersion are not among those that are built in.
    """
    for schema in _kind_schemas(entity["kind"]):
        if entity["apiVersion"] not in schema.versions:
            continue
        if schema.spec_type and schema.spec_type != _spec_type(entity):
            continue
        return _first(schema.check, entity)
    raise LookupError(entity["kind"])


def spec_schemas(kind: str) -> Iterator[JsonObject]:
    """Yield the schemas of ``spec`` for a kind: one, or one for each ``spec.type`` that has its own."""
    for file in _FILES.get(kind, ()):
        yield bundled.schema(f"entities/{file}")["allOf"][1]["properties"]["spec"]


def policy_problem(entity: JsonObject) -> str | None:
    """Return why an entity breaks the rules for all kinds, in Backstage's words, None when it does not."""
    if problem := entity_problem(entity):
        return f"Malformed envelope, {problem.path or '<root>'} {problem.message}"
    if not _KNOWN_AT_ROOT.issuperset(entity):
        return f"Unknown field {next(name for name in entity if name not in _KNOWN_AT_ROOT)}"
    try:
        field_format.check(entity)
    except FormatError as problem_with_field:
        return str(problem_with_field)
    return None


def _first(check: Check, entity: object) -> Problem | None:
    return next(iter(check(entity)), None)


def _spec_type(entity: JsonObject) -> object:
    spec = entity.get("spec")
    return spec.get("type") if isinstance(spec, dict) else None


@cache
def _check(name: str) -> Check:
    shared = {
        id_: bundled.schema(f"entities/{file}") for id_, file in (("Entity", "entity"), ("EntityMeta", "metadata"))
    }
    schema = bundled.schema(f"entities/{name}")
    return Compiler(schema, shared).compile(schema)


@cache
def _kind_schemas(kind: str) -> tuple[_KindSchema, ...]:
    return tuple(_kind_schema(file) for file in _FILES.get(kind, ()))


def _kind_schema(file: str) -> _KindSchema:
    own = bundled.schema(f"entities/{file}")["allOf"][1]
    _, _, spec_type = file.partition(".")
    check = Compiler(own).compile(own)  # the other half is what all kinds share
    return _KindSchema(tuple(own["properties"]["apiVersion"]["enum"]), spec_type or None, check)
