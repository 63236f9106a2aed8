"""Resources in the catalog for as long as they are there: each kind of resource is a source of entities.

What clusters and repositories have is looked at every half minute, by one of the replicas, and soon after something was
asked for or deleted here. A kind one of whose environments does not answer keeps the entities that it had.
"""

import asyncio
from collections.abc import Iterator, Sequence

import structlog

from backstage_py import background
from backstage_py.errors import BackstageError, ConflictError
from backstage_py.integrations.crossplane import entities
from backstage_py.integrations.crossplane.provisioned import Provisioned
from backstage_py.integrations.crossplane.provisioning import Provisioner
from backstage_py.model import entity as catalog_entities
from backstage_py.model import entity_ref, entity_schema
from backstage_py.model.json import JsonObject
from backstage_py.plugin.catalog import ProviderConnection

_SECONDS = 30.0
_LEAVING_SECONDS = 2.0
_MOST_LOOKS = 60
_log = structlog.get_logger(__name__)


class ResourceProvider:
    """The entities of one kind of resource.

    Args:
        provisioner: says what there is.
        resource: the kind's name.
        base_url: of ``/api/crossplane``, for links.
    """

    def __init__(self, provisioner: Provisioner, resource: str, base_url: str) -> None:
        self.name = f"crossplane/{resource}"
        self._provisioner, self._resource, self._base_url = provisioner, resource, base_url
        self._connection: ProviderConnection | None = None
        self._changed = asyncio.Event()
        self._following: asyncio.Task[None] | None = None

    async def connect(self, connection: ProviderConnection) -> None:
        """Look every half minute from now on, and when something changes."""
        self._connection = connection
        connection.every(_SECONDS, self._look)
        loop = background.supervised(f"provisioning.{self.name}", self._follow)
        self._following = asyncio.create_task(loop, name=self.name)

    async def close(self) -> None:
        """Stop."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        self._connection = self._following = None

    def change(self) -> None:
        """Look soon, since something was asked for or deleted here; another replica that is connected looks later."""
        self._changed.set()

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            for _ in range(_MOST_LOOKS):
                try:
                    found = await self._refresh()
                except ConflictError:  # another replica is connected by now
                    return
                if not any(one.is_leaving for one in found):
                    break
                await asyncio.sleep(_LEAVING_SECONDS)

    async def _look(self) -> None:
        await self._refresh()

    async def _refresh(self) -> Sequence[Provisioned]:
        """Tell the catalog what there is, and return it."""
        if self._connection is None:
            return ()
        try:
            await self._provisioner.merge_open(self._resource)
            found = await self._provisioner.all(self._resource)
        except BackstageError as error:  # the next look may do better; what was known stays
            _log.warning("resources_not_listed", resource=self._resource, problem=error.message)
            return ()
        await self._connection.apply_full(list(self._entities(found)), location_key=self.name)
        return found

    def _entities(self, found: Sequence[Provisioned]) -> Iterator[JsonObject]:
        """Yield an entity for each resource that is where its team's are; of several of one name, the first."""
        seen: set[str] = set()
        for one in found:
            where = f"crossplane:{self._resource}/{one.namespace}/{one.name}"
            made = entities.entity(one, self._base_url)
            origin = {catalog_entities.MANAGED_BY: where, catalog_entities.ORIGIN: where}
            made["metadata"]["annotations"] |= origin
            if one.offer.namespace.format(team=one.team) != one.namespace or entity_schema.envelope_problem(made):
                _log.warning("resource_has_no_entity", resource=where, hint="labels do not fit its name and namespace")
                continue
            ref = entity_ref.of(made)
            if ref in seen:
                _log.warning("resource_has_no_entity", resource=where, hint=f"another one is {ref} already")
                continue
            seen.add(ref)
            yield made
