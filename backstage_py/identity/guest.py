"""Guest sign-in for development: everybody on this machine is the same user.

Whether somebody is on this machine cannot be told from the address alone: a proxy on it, and a page whose name was
pointed at it (DNS rebinding), come from its own address too. So everything that a request brings must be of this
machine, and what is missing counts against it.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import structlog

from backstage_py.errors import BackstageError, NotAllowedError
from backstage_py.identity.issuer import IssuedToken, TokenIssuer
from backstage_py.model.entity_relations import ownership_of
from backstage_py.model.json import JsonObject
from backstage_py.plugin.services import CatalogClient
from backstage_py.settings.sections import AuthSettings

_log = structlog.get_logger(__name__)


_FORWARDED: Final = frozenset(
    {
        *("forwarded", "via", "x-real-ip", "true-client-ip", "x-client-ip", "x-cluster-client-ip"),
        *("client-ip", "forwarded-for", "x-proxyuser-ip", "x-cloud-trace-context", "x-host", "x-scheme"),
    }
)
_FORWARDED_PREFIXES: Final = (
    *("x-forwarded", "x-envoy-", "x-original-", "x-amzn-", "x-azure-", "x-arr-", "x-appengine-", "x-vercel-"),
    *("cf-", "cloudfront-", "fastly-"),
)
_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]*)?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """How a request came.

    Attributes:
        address: of the peer; None on a Unix socket.
        http_version: ``1.1``.
        headers: with names in lower case; one that came more than once has all values, with commas between them.
    """

    address: str | None
    http_version: str = "1.1"
    headers: Mapping[str, str] = field(default_factory=dict)


class GuestSignIn:
    """Issues tokens for the guest, as Backstage's guest provider does.

    Args:
        settings: who the guest is and whether it may come from elsewhere.
        issuer: makes the token.
        catalog: knows the guest's groups.
        base_url: where this service is reached. When that is not on this machine, others reach it, and nobody is taken
            for somebody on this machine.
    """

    def __init__(
        self,
        settings: AuthSettings,
        issuer: TokenIssuer,
        catalog: CatalogClient | None,
        base_url: str = "http://localhost",
    ) -> None:
        self._settings = settings
        self._issuer = issuer
        self._catalog = catalog
        self._is_local = is_this_machine(urlsplit(base_url).hostname)

    async def sign_in(self, arrival: RequestOrigin) -> IssuedToken:
        """Issue a token.

        Raises:
            NotAllowedError: the caller is not on this machine and the configuration does not allow that.
        """
        if not self._settings.guest_outside_development and not (self._is_local and is_local_request(arrival)):
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


def is_local_request(arrival: RequestOrigin) -> bool:
    """Say whether a request began on this machine, without a proxy, and by a page of this machine if by one."""
    names = {name.replace("_", "-"): value for name, value in arrival.headers.items()}
    if any(name in _FORWARDED or name.startswith(_FORWARDED_PREFIXES) for name in names):
        return False
    if arrival.http_version == "1.0":  # what proxies speak that add no header
        return False
    pages = [names[name] for name in ("origin", "referer") if name in names]
    host = name_of(names.get("host", ""))
    if host is None:
        return False
    try:
        hosts = [host, *(urlsplit(url).hostname for url in pages)]
    except ValueError:
        return False
    return is_loopback(arrival.address) and all(map(is_this_machine, hosts))


def name_of(host: str) -> str | None:
    """Return the name in a ``Host`` header without its port.

    None for anything else that a URL may have there, such as ``evil.example@localhost``.
    """
    found = _HOST.fullmatch(host)
    return found["name"].strip("[]").lower() if found else None


def is_this_machine(host: str | None) -> bool:
    """Say whether a host of a URL or header is this machine by its very name, which no name server decides."""
    if not host:
        return False
    return host == "localhost" or host.endswith(".localhost") or is_loopback(host)


def is_loopback(host: str | None) -> bool:
    """Whether an address is this machine's own; a Unix socket (no address) is."""
    if not host:
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
