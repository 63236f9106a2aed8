"""Services whose token is restricted may not have us act for them in other plugins, where nobody knows their bounds.

The rule and its words are those of Backstage's ``getPluginRequestToken``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from backstage_py.errors import NotAllowedError
from backstage_py.identity.principals import Credentials, ServicePrincipal
from backstage_py.model.json import JsonObject
from backstage_py.plugin import Action, Services
from backstage_py.plugin.services import RemoteActions
from backstage_py.scaffolder.run.equipment import Equipment

CATALOG = "catalog"


def check(credentials: Credentials, target: str) -> None:
    """Refuse to act for a caller in the plugin ``target``.

    Raises:
        NotAllowedError: the caller is a service whose token is restricted there, or does not reach it at all.
    """
    principal = credentials.principal
    if not isinstance(principal, ServicePrincipal) or principal.restriction is None:
        return
    bounds = principal.elsewhere.get(target)
    if bounds is None:
        raise NotAllowedError(f"Access to target plugin '{target}' is not included in token's access restrictions")
    if bounds.permissions or bounds.actions:
        raise NotAllowedError(f"Access to target plugin '{target}' is restricted and cannot be delegated")


def services_for(services: Services, credentials: Credentials) -> Services:
    """Return the services of a run, without what would act for its initiator where that is not allowed."""
    principal = credentials.principal
    if not isinstance(principal, ServicePrincipal) or principal.restriction is None:
        return services
    try:
        check(credentials, CATALOG)
    except NotAllowedError as error:
        services = replace(services, catalog=_NoCatalog(error.message))
    remote = services.remote_actions
    return replace(services, remote_actions=_RemoteActions(remote, credentials)) if remote else services


def equipment_for(equipment: Equipment, credentials: Credentials) -> Equipment:
    """Return the equipment of a run, with the services of ``services_for``."""
    return equipment.with_services(services_for(equipment.services, credentials))


@dataclass(frozen=True, slots=True)
class _RemoteActions:
    """The actions of those plugins in which we may act for the caller."""

    inner: RemoteActions
    credentials: Credentials

    async def list(self, *, token: str | None) -> Sequence[Action]:
        """Return them."""
        return [action for action in await self.inner.list(token=token) if self._may_use(action.id)]

    async def find(self, id: str, *, token: str | None) -> Action | None:  # noqa: A002  # the protocol's word
        """Return one of them. Raises NotAllowedError."""
        found = await self.inner.find(id, token=token)
        if found:
            check(self.credentials, _plugin_of(id))
        return found

    def _may_use(self, id_: str) -> bool:
        try:
            check(self.credentials, _plugin_of(id_))
        except NotAllowedError:
            return False
        return True


def _plugin_of(action: str) -> str:
    return action.partition(":")[0]


@dataclass(frozen=True, slots=True)
class _NoCatalog:
    """Stands for the catalog and refuses everything with the same words."""

    message: str

    async def entities_by_refs(self, refs: Sequence[str], *, token: str | None) -> list[JsonObject | None]:
        """Refuse. Raises NotAllowedError."""
        self._refuse(refs, token)

    async def add_location(self, target: str, *, token: str | None, type: str = "url") -> JsonObject:  # noqa: A002  # the protocol's word
        """Refuse. Raises NotAllowedError."""
        self._refuse(target, token, type)

    async def preview_location(self, target: str, *, token: str | None, type: str = "url") -> JsonObject:  # noqa: A002  # as above
        """Refuse. Raises NotAllowedError."""
        self._refuse(target, token, type)

    async def refresh(self, entity_ref: str, *, token: str | None) -> None:
        """Refuse. Raises NotAllowedError."""
        self._refuse(entity_ref, token)

    def _refuse(self, *_: object) -> NoReturn:
        raise NotAllowedError(self.message)
