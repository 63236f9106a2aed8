"""The catalog for callers who may not do everything. Code that may do everything uses ``CatalogService`` itself.

What a caller may read becomes a filter, so pages, counts, facets and cursors know nothing of what is hidden.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from backstage_py.catalog.faults import Fault
from backstage_py.catalog.service import CatalogService, Registered
from backstage_py.errors import NotAllowedError, NotFoundError
from backstage_py.identity.principals import Credentials
from backstage_py.model import entity_filter, json
from backstage_py.model.entity_filter import Filter, Matches
from backstage_py.model.json import JsonObject
from backstage_py.permissions import criteria, names
from backstage_py.permissions.authority import Authority
from backstage_py.permissions.backend import Query
from backstage_py.permissions.conditions import ResourceType
from backstage_py.permissions.decisions import Conditional, Verdict
from backstage_py.permissions.entity_rules import ENTITY_RULES
from backstage_py.permissions.names import Permission
from backstage_py.storage.catalog.entities import EntityReader
from backstage_py.storage.catalog.locations import Location, LocationPage

Ancestor = tuple[str, bytes, list[str]]
"""Reference, JSON text, references of what brought it."""


@dataclass(frozen=True, slots=True)
class AuthorizedCatalog:
    """The operations of ``CatalogService``, each within what its caller may do.

    Every method raises a BackstageError when the policy cannot be asked.
    """

    service: CatalogService
    authority: Authority

    @property
    def reader(self) -> EntityReader:
        """Readers of entities; whoever uses it filters by ``visible``."""
        return self.service.reader

    async def visible(self, credentials: Credentials) -> Filter | None:
        """Return what the caller's view of entities is filtered by, None when nothing is hidden."""
        return await self._filter(names.ENTITY_READ, credentials)

    async def by_refs(
        self, refs: Sequence[str], credentials: Credentials, filter_: Filter | None = None
    ) -> list[bytes | None]:
        """Return entities in the order of the references, None where the caller sees none that matches.

        References are taken in any case, but not completed.
        """
        visible = await self.visible(credentials)
        return await self._by_refs(refs, entity_filter.all_of(visible, filter_))

    async def by_uid(self, uid: str, credentials: Credentials) -> bytes | None:
        """Return an entity by its UUID, if the caller sees it."""
        return await self._by_uid(uid, await self.visible(credentials))

    async def remove_entity(self, uid: str, credentials: Credentials) -> None:
        """Remove an entity.

        Raises:
            NotAllowedError: the caller may not, or may under conditions that no entity of that UUID meets.
        """
        bounds = await self._filter(names.ENTITY_DELETE, credentials)
        if bounds is not None and await self._by_uid(uid, bounds) is None:
            raise NotAllowedError("")
        await self.service.remove_entity(uid)

    async def ancestry(self, ref: str, credentials: Credentials) -> list[Ancestor]:
        """Return an entity and then its ancestors, without those that the caller may not read and what they hide.

        Raises:
            NotAllowedError: the caller may not read the entity itself, or under conditions, and there is none.
        """
        if self.authority.allows_all(credentials):
            return await self.reader.ancestry(ref)
        await self.authority.require(credentials, names.ENTITY_READ, resource=ref)
        found = await self.reader.ancestry(ref)
        answers = await self.authority.allowed([Query(names.ENTITY_READ, one[0]) for one in found], credentials)
        return _without_hidden(found, [one[0] for one, shown in zip(found, answers, strict=True) if not shown])

    async def refresh(self, ref: str, credentials: Credentials) -> None:
        """Have an entity processed soon. Raises NotAllowedError, NotFoundError."""
        await self._require(credentials, names.ENTITY_REFRESH, resource=ref)
        await self.service.refresh(ref)

    async def register(
        self, type_: str, target: str, credentials: Credentials, *, on_conflict: str | None = None
    ) -> Registered:
        """Register a location. Raises NotAllowedError and what ``CatalogService.register`` raises."""
        self.service.check_writable()
        await self._require(credentials, names.LOCATION_CREATE)
        return await self.service.register(type_, target, on_conflict=on_conflict)

    async def preview(self, type_: str, target: str, credentials: Credentials) -> Registered:
        """Return what registering a location would bring. Raises NotAllowedError, InputError."""
        await self._require(credentials, names.LOCATION_CREATE)
        return await self.service.preview(type_, target)

    async def update_location(self, id_: str, type_: str, target: str, credentials: Credentials) -> Location:
        """Give a location another target. What it brought is removed, so the right to delete is needed, too.

        Backstage asks only for the right to create. Raises NotAllowedError and what the service's method raises.
        """
        self.service.check_writable()
        await self._require(credentials, names.LOCATION_CREATE)
        await self._require(credentials, names.LOCATION_DELETE)
        return await self.service.update_location(id_, type_, target)

    async def delete_location(self, id_: str, credentials: Credentials) -> None:
        """Delete a location. Raises NotAllowedError, NotFoundError."""
        self.service.check_writable()
        await self._require(credentials, names.LOCATION_DELETE)
        await self.service.delete_location(id_)

    async def location(self, id_: str, credentials: Credentials) -> Location:
        """Return a registered location. Raises NotFoundError, also for one who may not read locations."""
        if not await self._reads_locations(credentials):
            raise NotFoundError(f"Found no location with ID {id_}")
        return await self.service.location(id_)

    async def locations(self, credentials: Credentials) -> list[Location]:
        """Return all registered locations; none to one who may not read them."""
        return await self.service.locations() if await self._reads_locations(credentials) else []

    async def query_locations(
        self, predicate: JsonObject | None, credentials: Credentials, *, limit: int, after: str | None
    ) -> LocationPage:
        """Return a page of registered locations; an empty one to one who may not read them."""
        if not await self._reads_locations(credentials):
            return LocationPage([], 0)
        return await self.service.query_locations(predicate, limit=limit, after=after)

    async def location_of(self, ref: str, credentials: Credentials) -> Location:
        """Return the location that an entity comes from. Raises NotFoundError, also for one who may not read them."""
        if not await self._reads_locations(credentials):
            raise NotFoundError("")
        return await self.service.location_of(ref)

    async def providers(self, credentials: Credentials) -> list[JsonObject]:
        """Return how each provider does; none to one who may not read locations."""
        return await self.service.providers() if await self._reads_locations(credentials) else []

    async def analyze(self, target: str, credentials: Credentials) -> JsonObject:
        """Return a proposal of an entity for a repository. Raises NotAllowedError, InputError."""
        await self._require(credentials, names.LOCATION_ANALYZE)
        return await self.service.analyze(target)

    async def validate(self, entity: JsonObject, location: str, credentials: Credentials) -> Sequence[Fault]:
        """Return what is wrong with an entity. Raises NotAllowedError."""
        await self._require(credentials, names.ENTITY_VALIDATE)
        return await self.service.validate(entity, location)

    def resource_type(self) -> ResourceType[JsonObject]:
        """Return the entities as what a permission backend may have conditions applied to; nothing is hidden there."""

        async def find(refs: Sequence[str]) -> Sequence[JsonObject | None]:
            return [None if text is None else json.parse(text) for text in await self._by_refs(refs)]

        return ResourceType(ENTITY_RULES, find)

    async def _reads_locations(self, credentials: Credentials) -> bool:
        return self.authority.allows_all(credentials) or await self.authority.is_allowed(
            names.LOCATION_READ, credentials
        )

    async def _require(self, credentials: Credentials, permission: Permission, *, resource: str | None = None) -> None:
        if not self.authority.allows_all(credentials):
            await self.authority.require(credentials, permission, resource=resource)

    async def _filter(self, permission: Permission, credentials: Credentials) -> Filter | None:
        if self.authority.allows_all(credentials):
            return None
        decision = (await self.authority.decide([permission], credentials))[0]
        if isinstance(decision, Conditional):
            return criteria.as_filter(decision.criteria, ENTITY_RULES)
        return None if decision is Verdict.ALLOW else entity_filter.NOTHING

    async def _by_refs(self, refs: Sequence[str], filter_: Filter | None = None) -> list[bytes | None]:
        """Return entities whose references are written in any case."""
        return await self.reader.by_refs([ref.lower() for ref in refs], filter_)

    async def _by_uid(self, uid: str, bounds: Filter | None) -> bytes | None:
        if bounds is None:
            return await self.reader.by_uid(uid)
        found = await self.reader.all(entity_filter.AllOf((Matches("metadata.uid", (uid.lower(),)), bounds)))
        return found[0] if found else None


def _without_hidden(found: Sequence[Ancestor], hidden: Sequence[str]) -> list[Ancestor]:
    """Return the ancestry without hidden entities and those that are reached only through them."""
    parents = {ref: brought_by for ref, _, brought_by in found}
    gone, todo = set(hidden), list(hidden)
    while todo:
        for parent in parents.get(todo.pop(), ()):
            if parent in parents and parent not in gone:
                gone.add(parent)
                todo.append(parent)
    return [one for one in found if one[0] not in gone]
