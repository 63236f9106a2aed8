"""What an author of catalog plugins imports: processors, providers of entities, and custom kinds.

A package names its module in the entry point group ``backstage_py.catalog``. Public names of the module that are
processors, providers or transformers count, or a list ``CATALOG``; where they need configuration or services, the
module offers ``catalog_plugins(services)`` that returns them.
"""

import types
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import metadata
from typing import TYPE_CHECKING, Protocol

import structlog

from backstage_py.js import regex
from backstage_py.model import entity_ref
from backstage_py.model.entity_ref import EntityRef
from backstage_py.model.entity_relations import Relation, RelationField
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.location_ref import LocationRef
from backstage_py.plugin.organisations import OrganisationTransformer
from backstage_py.plugin.services import Services
from backstage_py.settings import schedules
from backstage_py.settings.schedules import Schedule

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

__all__ = [
    "ENTRY_POINT_GROUP",
    "CatalogPlugins",
    "CustomKind",
    "Emit",
    "EntityProvider",
    "EntityRef",
    "Event",
    "LocationRef",
    "OrganisationTransformer",
    "ProcessingContext",
    "Processor",
    "ProviderConnection",
    "Relation",
    "RelationField",
    "Schedule",
    "load_catalog_plugins",
    "parse_schedule",
]

ENTRY_POINT_GROUP = "backstage_py.catalog"
"""Where a package names its module of catalog plugins."""

parse_schedule = schedules.parse

_log = structlog.get_logger(__name__)


class Emit(Protocol):
    """What a processor may add besides the entity that it returns; as ``emit`` of Backstage's catalog processors."""

    def entity(self, entity: JsonObject, location: LocationRef) -> None:
        """Bring another entity; whoever has ``location`` may change it later."""

    def location(self, location: LocationRef, *, optional: bool = False) -> None:
        """Bring a location to be read."""

    def relation(self, source: EntityRef, kind: str, target: EntityRef) -> None:
        """Add one directed relation, of a type such as ``ownedBy``; the opposite one is a relation of its own."""

    def error(self, message: str, *, name: str = "Error") -> None:
        """Report a problem; the entity keeps what it had before and shows the problem in ``status``."""

    def refresh_key(self, key: str) -> None:
        """Name something that the entity was made from, e.g. ``url:https://…``."""


@dataclass(frozen=True, slots=True)
class ProcessingContext:
    """Where an entity comes from, and what the processor may do.

    Attributes:
        location: where the entity was read.
        origin: where the first of its ancestors was read: what somebody registered.
        emit: to add entities, relations and problems.
        cache: JSON values that this processor kept for this entity; change it to keep others.
    """

    location: LocationRef
    origin: LocationRef
    emit: Emit
    cache: dict[str, Json]


class Processor:
    """Takes part in the processing of each entity. Override what is needed; methods run on the event loop.

    Attributes:
        name: shown in errors and used in ``catalog.processorOptions``.
        priority: processors with lower numbers run first, built-in ones before all of them;
            ``catalog.processorOptions.<name>.priority`` wins.
        location_types: types that ``read_location`` reads and that users may register by the API, besides ``url``;
            ``catalog.locations`` may have any type.
    """

    name: str = ""
    priority: int = 20
    location_types: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.name = self.name or type(self).__name__

    async def pre_process(self, entity: JsonObject, context: ProcessingContext) -> JsonObject:
        """Return the entity, changed or not, before it is validated."""
        del context
        return entity

    async def validate_kind(self, entity: JsonObject) -> bool:
        """Return whether this processor knows the kind; raise ``ValueError`` when it does and the entity is wrong."""
        del entity
        return False

    async def read_location(self, location: LocationRef, *, optional: bool, context: ProcessingContext) -> bool:
        """Read a location, emit what is there and return True; return False for a type that is not known here.

        ``optional``: nothing being there is no problem. An exception becomes a problem of the entity that names it.
        """
        del location, optional, context
        return False

    async def post_process(self, entity: JsonObject, context: ProcessingContext) -> JsonObject:
        """Return the entity after validation; the place to emit relations."""
        del context
        return entity


@dataclass(frozen=True, slots=True)
class Event:
    """What another system told, as ``POST /api/events/http/<topic>`` received it.

    Attributes:
        topic: such as ``github.push``: the topic of the address, and the event's own kind.
        payload: the body.
        metadata: headers of the request, with names in lower case.
    """

    topic: str
    payload: JsonObject
    metadata: JsonObject


class ProviderConnection(Protocol):
    """How a provider tells the catalog what it has.

    A connection belongs to one replica for as long as that one has the provider; then its changes are refused with a
    ``ConflictError``.
    """

    async def apply_full(self, added: Sequence[JsonObject], *, location_key: str | None = None) -> None:
        """Make these all of the provider's entities; what it had besides is removed.

        Each needs the annotations ``backstage.io/managed-by-location`` and ``…-origin-location``. ``location_key`` says
        who may replace an entity of the same reference: a provider with the same key.
        """

    async def apply_delta(
        self, *, added: Sequence[JsonObject] = (), removed: Sequence[str] = (), location_key: str | None = None
    ) -> None:
        """Add or change entities, and remove others by complete reference; ``location_key`` as above."""

    async def refresh(self, keys: Sequence[str]) -> None:
        """Have everything processed again that was made from these, see ``Emit.refresh_key``."""

    def every(self, seconds: float, refresh: Callable[[], Awaitable[None]], *, name: str = "refresh") -> None:
        """Call ``refresh`` once in each period, in one replica; a restart does not begin a new period.

        The first call is due at once where there was none before. One that raises is recorded and waits for its next
        time. It ends when the provider is closed. ``name`` tells several schedules of a provider apart.
        """

    def on_schedule(self, schedule: Schedule, refresh: Callable[[], Awaitable[None]], *, name: str = "refresh") -> None:
        """Do as ``every`` by a schedule of the configuration, see ``parse_schedule``.

        A round that takes longer than the schedule's timeout is broken off. How the newest round went is shown by
        ``GET /api/catalog/providers``; what the provider gave before stays when one fails.
        """

    def on_events(self, topics: Sequence[str], handle: Callable[[Event], Awaitable[None]]) -> None:
        """Call ``handle`` for each event of these topics, one after the other, whichever replica received it.

        Events that came while no replica had the provider come first, for a day. An event comes again when a replica
        is lost while it handles it. One whose handling raises is recorded and left out.
        """


class EntityProvider(Protocol):
    """A source of entities.

    All replicas on one database have a provider, and one of them connects it; another one does when that one stops or
    is silent. ``connect`` should return soon; a provider that polls has the connection call it (``every``), or starts a
    task of its own and ends it in ``close``. After ``close`` the same object may be connected again.
    """

    name: str

    async def connect(self, connection: ProviderConnection) -> None:
        """Remember the connection and tell what there is."""

    async def close(self) -> None:
        """Stop."""


def _pattern_problems(_validator: Json, pattern: str, instance: Json, _schema: Json) -> "Iterator[ValidationError]":
    """Checks the keyword ``pattern`` with JavaScript's expressions in bounded time, in the words of ``jsonschema``."""
    from jsonschema.exceptions import ValidationError

    if isinstance(instance, str) and not regex.tester(pattern)(instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


@dataclass(frozen=True)
class CustomKind(Processor):
    """A kind of your own: its JSON Schema, and the fields that refer to other entities.

    Attributes:
        kind: e.g. ``Service``.
        api_versions: the versions that the schema is for.
        schema: JSON Schema of the whole entity; ``{}`` accepts everything.
        relations: fields of ``spec`` that hold references.
    """

    kind: str
    api_versions: tuple[str, ...]
    schema: Mapping[str, Json] = field(default_factory=dict)
    relations: tuple[RelationField, ...] = ()

    @property
    def name(self) -> str:  # type: ignore[override]  # each kind has a name of its own, and it cannot be set
        """The name in errors."""
        return f"{self.kind}EntityProcessor"

    @cached_property
    def _check(self) -> Callable[[JsonObject], str | None]:
        from jsonschema import Draft7Validator
        from jsonschema.exceptions import best_match
        from jsonschema.validators import extend

        bounded = extend(Draft7Validator, {"pattern": _pattern_problems})  # type: ignore[no-untyped-call]  # the stub has no types for it
        validator = bounded(dict(self.schema))

        def check(entity: JsonObject) -> str | None:
            error = best_match(validator.iter_errors(entity))
            return f"/{'/'.join(map(str, error.absolute_path))} {error.message}" if error else None

        return check

    async def validate_kind(self, entity: JsonObject) -> bool:
        """Accept entities of this kind that fit the schema."""
        if entity["kind"] != self.kind or entity["apiVersion"] not in self.api_versions:
            return False
        if problem := self._check(entity):
            raise ValueError(problem)
        return True

    async def post_process(self, entity: JsonObject, context: ProcessingContext) -> JsonObject:
        """Emit the relations in both directions."""
        if entity["kind"] != self.kind:
            return entity
        namespace = entity["metadata"].get("namespace") or entity_ref.DEFAULT_NAMESPACE
        own = EntityRef(entity["kind"], namespace, entity["metadata"]["name"])
        for one in self.relations:
            value = entity.get("spec", {}).get(one.field)
            for text in value if isinstance(value, list) else [value] if value else ():
                target = entity_ref.parse(text, default_kind=one.default_kind, default_namespace=namespace)
                context.emit.relation(own, one.outgoing, target)
                context.emit.relation(target, one.incoming, own)
        return entity


@dataclass(slots=True)
class CatalogPlugins:
    """What was found.

    Attributes:
        has_failed: some could not be loaded, so that nobody knows which providers are gone.
    """

    processors: list[Processor] = field(default_factory=list)
    providers: list[EntityProvider] = field(default_factory=list)
    transformers: list[OrganisationTransformer] = field(default_factory=list)
    has_failed: bool = False

    def add(self, found: Iterable[object]) -> None:
        """Take in processors, providers and transformers, and leave everything else."""
        for one in found:
            if isinstance(one, Processor):
                self.processors.append(one)
            elif isinstance(one, OrganisationTransformer):
                self.transformers.append(one)
            elif not isinstance(one, type) and callable(getattr(one, "connect", None)) and hasattr(one, "name"):
                self.providers.append(one)  # type: ignore[arg-type]  # it has the protocol's members


def load_catalog_plugins(services: Services) -> CatalogPlugins:
    """Collect the plugins of all installed packages. One that fails to load is reported and does not stop the rest."""
    plugins = CatalogPlugins()
    for entry_point in metadata.entry_points(group=ENTRY_POINT_GROUP):
        try:
            plugins.add(_members(entry_point.load(), services))
        except Exception as error:  # noqa: BLE001  # a plugin may fail in any way; the service starts without it
            _log.exception("plugin_import_failed", plugin=entry_point.name, value=entry_point.value, error=str(error))
            plugins.has_failed = True
    return plugins


def _members(loaded: object, services: Services) -> Iterable[object]:
    if isinstance(loaded, types.ModuleType):
        make: Callable[[Services], Iterable[object]] | None = getattr(loaded, "catalog_plugins", None)
        if make is not None:
            return make(services)
        listed: Iterable[object] | None = getattr(loaded, "CATALOG", None)
        return vars(loaded).values() if listed is None else listed
    if callable(loaded):
        return _members(loaded(services), services)
    return loaded if isinstance(loaded, list | tuple) else [loaded]
