"""Guest sign-in for development: everybody on this machine is the same user."""

import ipaddress

import structlog

from backstage_py.errors import BackstageError, NotAllowedError
from backstage_py.identity.issuer import IssuedToken, TokenIssuer
from backstage_py.model import entity_ref
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin.services import CatalogClient
from backstage_py.settings.sections import AuthSettings

_log = structlog.get_logger(__name__)


class GuestSignIn:
    """Issues tokens for the guest, as Backstage's guest provider does."""

    def __init__(self, settings: AuthSettings, issuer: TokenIssuer, catalog: CatalogClient | None) -> None:
        self._settings = settings
        self._issuer = issuer
        self._catalog = catalog

    async def sign_in(self, client_host: str | None) -> IssuedToken:
        """Issue a token.

        Args:
            client_host: address of the caller.

        Raises:
            NotAllowedError: the caller is not on this machine and the configuration does not allow that.
        """
        if not self._settings.guest_outside_development and not is_loopback(client_host):
            raise NotAllowedError(
                "The guest provider cannot be used outside of a development environment unless "
                "'auth.providers.guest.dangerouslyAllowOutsideDevelopment' is enabled"
            )
        ref = self._settings.guest_entity_ref
        return self._issuer.user_token(ref, await self.ownership(ref))

    async def ownership(self, user_ref: str) -> tuple[str, ...]:
        """Return what a user owns by: itself and its groups as the catalog knows them, else as configured."""
        entity = await self._entity(user_ref)
        if entity is not None:
            return ownership_of(entity)
        if user_ref == self._settings.guest_entity_ref and self._settings.guest_ownership is not None:
            return self._settings.guest_ownership
        return (user_ref,)

    async def _entity(self, user_ref: str) -> JsonObject | None:
        if self._catalog is None:
            return None
        try:
            return (await self._catalog.entities_by_refs([user_ref], token=None))[0]
        except BackstageError as error:
            _log.warning("user_entity_unavailable", user=user_ref, reason=error.message)
            return None


def ownership_of(user: JsonObject) -> tuple[str, ...]:
    """Return the references that a User entity owns by: its own and its groups', each once."""
    relations: list[Json] = user.get("relations") or []
    groups = [
        relation["targetRef"]
        for relation in relations
        if relation["type"] == "memberOf" and relation["targetRef"].startswith("group:")
    ]
    return tuple(dict.fromkeys([entity_ref.of(user), *groups]))


def is_loopback(host: str | None) -> bool:
    """Whether an address is this machine's own; a Unix socket (no address) is."""
    if not host:
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
