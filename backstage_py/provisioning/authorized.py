"""Resources for callers who may not do everything."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from backstage_py.errors import AuthenticationError, NotFoundError
from backstage_py.identity.principals import Credentials, ServicePrincipal, UserPrincipal
from backstage_py.integrations.crossplane import entities, orders, ownership
from backstage_py.integrations.crossplane.offers import Offer
from backstage_py.integrations.crossplane.provisioned import Provisioned
from backstage_py.integrations.crossplane.provisioning import Provisioner
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.platform_event import PlatformEvent
from backstage_py.permissions import names
from backstage_py.permissions.authority import Authority
from backstage_py.plugin.services import CatalogClient
from backstage_py.provisioning import counted


async def _nobody_counts(_: PlatformEvent) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class AuthorizedProvisioner:
    """The operations of ``Provisioner``, each within what its caller may do; answers are JSON.

    Attributes:
        provisioner: does it.
        authority: asks the policy.
        catalog: knows who is in which group.
        base_url: of ``/api/crossplane``, for the links in answers.
        changed: told the kind of resource of which something was asked for or deleted.
        count: told what was created or deleted here by somebody else than a task, which counts by itself.
    """

    provisioner: Provisioner
    authority: Authority
    catalog: CatalogClient
    base_url: str
    changed: Callable[[str], None] = lambda _: None
    count: Callable[[PlatformEvent], Awaitable[None]] = _nobody_counts

    async def request(
        self,
        resource: str,
        body: Json,
        credentials: Credentials,
        *,
        key: str | None,
        dry_run: bool = False,
        is_of_task: bool = False,
    ) -> tuple[JsonObject, bool]:
        """Ask for a resource; return how it stands, and whether anything was created.

        A change that is of a task is not told to ``count``: the task is.

        Raises:
            AuthenticationError, NotAllowedError: the caller may not. What ``Provisioner.request`` raises.
        """
        await self.authority.require(credentials, names.RESOURCE_CREATE)
        offer = self.provisioner.offer(resource)
        order = orders.parse(offer, body)
        ownership_refs = await self._ownership(credentials)
        _refuse_unless_member(offer, order.team, ownership_refs, credentials)
        made = await self.provisioner.request(order, by=credentials.subject, key=key, dry_run=dry_run)
        self.changed(resource)
        if made.is_new and not dry_run and not is_of_task:
            await self.count(counted.change(made))
        return entities.shown(made, self.base_url), made.is_new

    async def find(
        self, resource: str, namespace: str, name: str, credentials: Credentials, environments: Sequence[str] = ()
    ) -> JsonObject:
        """Return how a resource stands. Raises NotFoundError, also for one whom it is none of their business."""
        await self.authority.require(credentials, names.RESOURCE_READ)
        return entities.shown(await self._found(resource, namespace, name, credentials, environments), self.base_url)

    async def _found(
        self, resource: str, namespace: str, name: str, credentials: Credentials, environments: Sequence[str]
    ) -> Provisioned:
        ownership_refs = await self._ownership(credentials)
        found = await self.provisioner.find(resource, namespace, name)
        if not _is_member(found.offer, found.team, ownership_refs):
            raise NotFoundError(f"There is no {resource} '{name}' in the namespace '{namespace}'")
        return found.within(environments)

    async def all(self, resource: str, credentials: Credentials) -> list[JsonObject]:
        """Return the resources of the caller's teams; all to a service."""
        await self.authority.require(credentials, names.RESOURCE_READ)
        ownership_refs = await self._ownership(credentials)
        found = await self.provisioner.all(resource)
        return [entities.shown(one, self.base_url) for one in found if _is_member(one.offer, one.team, ownership_refs)]

    async def delete(
        self,
        resource: str,
        namespace: str,
        name: str,
        credentials: Credentials,
        *,
        confirm: str | None,
        environments: Sequence[str] = (),
        orphan: bool = False,
        dry_run: bool = False,
        is_of_task: bool = False,
    ) -> JsonObject:
        """Have a resource go; return what does, and what remains.

        Raises:
            NotFoundError: the caller's teams have no such. What ``Provisioner.delete`` raises.
        """
        await self.authority.require(credentials, names.RESOURCE_DELETE)
        there = await self._found(resource, namespace, name, credentials, environments)
        found = await self.provisioner.delete(there, confirm=confirm, orphan=orphan, dry_run=dry_run)
        self.changed(resource)
        if not there.is_leaving and not dry_run and not is_of_task:
            await self.count(counted.change(there))
        others = await self.provisioner.remaining(found)
        return entities.leaving(found, others, orphan=orphan)

    async def _ownership(self, credentials: Credentials) -> Sequence[str] | None:
        """Return what a user owns by; None for a service, which the policy alone bounds."""
        match credentials.principal:
            case ServicePrincipal():
                return None
            case UserPrincipal(entity_ref=ref, ownership=told):
                if told:
                    return told
                [entity] = await self.catalog.entities_by_refs([ref], token=None)
                return ownership.of_user(ref, entity, self.provisioner.config)
        raise AuthenticationError("Resources are asked for by somebody: sign in, or send a token")


def _is_member(offer: Offer, team: str, refs: Sequence[str] | None) -> bool:
    return refs is None or ownership.is_member(offer, team, refs)


def _refuse_unless_member(offer: Offer, team: str, refs: Sequence[str] | None, credentials: Credentials) -> None:
    if refs is not None:
        ownership.refuse_unless_member(offer, team, refs, credentials.subject)
