"""The catalog as HTTP and actions use it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from backstage_py.catalog.faults import Fault
from backstage_py.catalog.pipeline import preview, processor_options, rules
from backstage_py.catalog.pipeline.processing import Pipeline
from backstage_py.catalog.sources import analyze, providers, state
from backstage_py.catalog.sources.bounded_reading import BoundedReading
from backstage_py.catalog.sources.known_files import KnowingReader
from backstage_py.catalog.worker import CatalogWorker
from backstage_py.errors import InputError, NotAllowedError, NotFoundError
from backstage_py.js.values import spread
from backstage_py.model import entity as entities
from backstage_py.model import entity_ref, location_ref
from backstage_py.model.json import JsonObject
from backstage_py.model.location_ref import LocationRef
from backstage_py.plugin.catalog import CatalogPlugins
from backstage_py.plugin.services import ScmIntegrations, UrlReader
from backstage_py.settings.sections import CatalogSettings
from backstage_py.storage.catalog import marks
from backstage_py.storage.catalog.entities import EntityReader
from backstage_py.storage.catalog.events import EventStore
from backstage_py.storage.catalog.locations import SOURCE_KEY, Location, LocationPage, LocationStore
from backstage_py.storage.catalog.providers import ProviderStore
from backstage_py.storage.catalog.reads import ReadStore
from backstage_py.storage.catalog.refresh import RefreshStore
from backstage_py.storage.catalog.stitching import StitchStore
from backstage_py.storage.database import Database

_log = structlog.get_logger(__name__)

_DEEPEST_ANCESTRY = 32
_OWN_PROVIDERS = (providers.CONFIG, SOURCE_KEY)


@dataclass(frozen=True, slots=True)
class Registered:
    """The answer of a registration."""

    location: JsonObject
    entities: list[JsonObject]
    exists: bool | None = None

    def as_json(self) -> JsonObject:
        """Return the answer as the API shows it; ``exists`` is there for a preview only."""
        shown: JsonObject = {"location": self.location, "entities": self.entities}
        return shown if self.exists is None else {"exists": self.exists, **shown}


class CatalogService:
    """The catalog.

    Args:
        database: open, with the catalog's tables.
        url_reader: reads URLs, within what may be read.
        settings: the section ``catalog``.
        integrations: the git hosts, for annotations and proposals.
        plugins: processors and providers of other packages.
        file_roots: ``backend.reading.fileRoots``.
    """

    def __init__(
        self,
        database: Database,
        url_reader: UrlReader,
        settings: CatalogSettings,
        *,
        integrations: ScmIntegrations | None = None,
        plugins: CatalogPlugins | None = None,
        file_roots: Sequence[str] = (),
    ) -> None:
        self.settings = settings
        self._file_roots = file_roots
        self.reader = EntityReader(database)
        self._plugins = plugins or CatalogPlugins()
        self._providers = [one for one in self._plugins.providers if one.name not in settings.disabled_providers]
        self._integrations = integrations
        self._allowed_types = processor_options.registrable_types(self._plugins.processors, settings.processors)
        self._database = database
        self._refresh = RefreshStore(
            database, keep_orphans=settings.orphan_strategy == "keep", interval=settings.processing_interval
        )
        self._locations = LocationStore(database, self._refresh)
        self._stitches = StitchStore(database)
        self._states = ProviderStore(database)
        self.events = EventStore(database)
        self._urls = url_reader
        self._rules = rules.from_settings(settings)
        knowing = KnowingReader(url_reader, ReadStore(database))
        pipeline = self._pipeline_over(knowing) if settings.processing_interval is not None else None
        self._worker = CatalogWorker(database, self._refresh, self._stitches, pipeline, settings.lease)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take part in processing until the block is left, and connect the providers that no other process has.

        Work under way is then cancelled, and done by others or after the next start.
        """
        for problem in processor_options.problems(self.settings, self._plugins, _OWN_PROVIDERS):
            _log.warning("catalog_option_without_effect", problem=problem)
        own = [name for name in _OWN_PROVIDERS if name not in self.settings.disabled_providers]
        configured = [providers.Configured(self.settings.locations)] if providers.CONFIG in own else []
        known = [*own, *(provider.name for provider in self._providers)]
        # what a plugin gave that cannot be loaded just now stays: it is broken, not gone
        keeps_others = self.settings.orphan_provider_strategy == "keep" or self._plugins.has_failed
        async with self._worker.running([*configured, *self._providers], None if keeps_others else known):
            yield

    async def settle(self, seconds: float) -> bool:
        """Wait until nothing is marked any more; False when that takes longer."""
        try:
            async with asyncio.timeout(seconds):
                with self._database.wakes.subscribe(marks.PROCESSED, marks.STITCHED, marks.STITCH) as wake:
                    while not await self._is_idle():
                        await wake.wait(0.2)
        except TimeoutError:
            return False
        return True

    async def _is_idle(self) -> bool:
        return await self._refresh.is_idle() and await self._stitches.is_idle()

    async def refresh(self, ref: str) -> None:
        """Have an entity and the locations that lead to it processed soon.

        Raises:
            NotFoundError: there is no such entity.
        """
        lower = ref.lower()
        if not await self._locations.entity_exists(lower):
            raise NotFoundError(f"Entity {lower} not found")
        refs, frontier = {lower}, [lower]
        for _ in range(_DEEPEST_ANCESTRY):
            parents = {parent for one in frontier for parent in await self._refresh.holders(one)} - refs
            if not parents:
                break
            refs |= parents
            frontier = sorted(parents)
        await self._refresh.request_refresh(sorted(one for one in refs if one == lower or one.startswith("location:")))

    async def register(self, type_: str, target: str, *, on_conflict: str | None = None) -> Registered:
        """Register a location; its entities come soon after.

        Raises:
            InputError: the type may not be registered. ConflictError: it is registered already.
            NotAllowedError: the catalog is read-only.
        """
        self.check_writable()
        self._check_type(type_)
        strategy = on_conflict or self.settings.conflict_strategy
        location = await self._locations.create(
            type_,
            target,
            _ref_of(type_, target),
            providers.deferred_location,
            refresh_existing=strategy == "refresh",
        )
        return Registered(location.as_json(), [])

    async def preview(self, type_: str, target: str) -> Registered:
        """Return what registering a location would bring.

        Raises:
            InputError: the type may not be registered, or anything is wrong with the entities.
        """
        return await self._preview(self._pipeline_for_previews(), type_, target)

    async def _preview(self, pipeline: Pipeline, type_: str, target: str) -> Registered:
        self._check_type(type_)
        exists = await self._locations.by_target(type_, target) is not None
        found = await preview.entities_of(pipeline, LocationRef(type_, target))
        location = {"type": type_, "target": target, "id": f"{type_}:{target}", "entityRef": _ref_of(type_, target)}
        return Registered(location, found, exists)

    async def update_location(self, id_: str, type_: str, target: str) -> Location:
        """Give a registered location another target.

        Raises:
            InputError: the type may not be registered. NotFoundError: there is no such location.
            ConflictError: another location has that target. NotAllowedError: the catalog is read-only.
        """
        self.check_writable()
        self._check_type(type_)
        return await self._locations.update(id_, type_, target, providers.deferred_location)

    async def delete_location(self, id_: str) -> None:
        """Delete a location; its entities are gone when this returns.

        Raises:
            NotFoundError: there is no such location. NotAllowedError: the catalog is read-only.
        """
        self.check_writable()
        await self._locations.delete(id_)

    async def location(self, id_: str) -> Location:
        """Return a registered location.

        Raises:
            NotFoundError: there is no such location.
        """
        return await self._locations.get(id_)

    async def locations(self) -> list[Location]:
        """Return all registered locations."""
        return await self._locations.all()

    async def query_locations(self, predicate: JsonObject | None, *, limit: int, after: str | None) -> LocationPage:
        """Return a page of registered locations.

        Raises:
            InputError: the predicate asks for something that locations do not have.
        """
        return await self._locations.query(predicate, limit=limit, after=after)

    async def location_of(self, ref: str) -> Location:
        """Return the registered location that an entity comes from.

        Raises:
            NotFoundError: there is no such entity, or it does not come from a registered location.
        """
        if not await self._locations.entity_exists(ref):
            raise NotFoundError(f"found no entity for ref {ref}")
        text = await self.reader.annotation(ref, entities.ORIGIN)
        if not text:
            raise NotFoundError(f"found no origin annotation for ref {ref}")
        origin = location_ref.parse(text)
        location = await self._locations.by_target(origin.type, origin.target)
        if location is None:
            raise NotFoundError(f"Found no location with type {origin.type} and target {origin.target}")
        return location

    async def providers(self) -> list[JsonObject]:
        """Return how each provider does, as ``GET /providers`` answers."""
        return [state.as_json(one) for one in await self._states.all()]

    async def remove_entity(self, uid: str) -> None:
        """Remove an entity; it comes back if a location still brings it."""
        await self._refresh.remove_by_uid(uid)

    async def analyze(self, target: str) -> JsonObject:
        """Return the catalog files that a repository has, or a proposal of an entity for it.

        Raises:
            InputError: the target is no URL. BackstageError: the git host cannot be asked.
        """
        pipeline = self._pipeline_for_previews()

        async def preview_url(url: str) -> tuple[bool, list[JsonObject]]:
            found = await self._preview(pipeline, "url", url)
            return bool(found.exists), found.entities

        return await analyze.analyze(target, self._integrations, preview_url)

    async def validate(self, entity: JsonObject, location: str) -> Sequence[Fault]:
        """Return what is wrong with an entity that would be read from a location, which is one of type ``url``.

        The caller's annotations do not decide about the location: placeholders are read.
        """
        if problem := _unreadable_for_callers(location):
            return [problem]
        metadata = entity["metadata"]
        annotations = {**spread(metadata.get("annotations")), entities.MANAGED_BY: location, entities.ORIGIN: location}
        pipeline = self._pipeline_for_previews()
        result = await pipeline.process({**entity, "metadata": {**metadata, "annotations": annotations}})
        return result.faults

    def _pipeline_for_previews(self) -> Pipeline:
        return self._pipeline_over(BoundedReading(self._urls, preview.MOST_READS))

    def _pipeline_over(self, url_reader: UrlReader) -> Pipeline:
        return Pipeline(
            url_reader,
            self._rules,
            integrations=self._integrations,
            processors=self._plugins.processors,
            allowed_location_types=self._allowed_types,
            options=self.settings.processors,
            file_roots=self._file_roots,
        )

    def _check_type(self, type_: str) -> None:
        if type_ not in self._allowed_types:
            listed = ",".join(f'"{one}"' for one in self._allowed_types)
            raise InputError(f"Registered locations must be of an allowed type [{listed}]")

    def check_writable(self) -> None:
        """Raise NotAllowedError if the catalog is read-only."""
        if self.settings.read_only:
            raise NotAllowedError("This operation not allowed in readonly mode")


def _unreadable_for_callers(location: str) -> Fault | None:
    try:
        if location_ref.parse(location).type == "url":
            return None
        problem = f"Invalid location ref {location}, only 'url:<target>' is supported, e.g. url:https://host/path"
    except ValueError as error:
        problem = str(error)
    return Fault("TypeError", problem)


def _ref_of(type_: str, target: str) -> str:
    return f"location:{entity_ref.DEFAULT_NAMESPACE}/{location_ref.generated_name(type_, target)}"
