"""``mount/path#key``: secrets that a run reads when a step needs them, and what was leased for it.

A session signs in when its first reference is read. Its token is its own where the service's credentials allow that,
so that all that was leased ends with it: at the run's end, and when the process is killed, when the token expires.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from backstage_py import threads
from backstage_py.errors import NotFoundError
from backstage_py.integrations.origins import Origin
from backstage_py.integrations.vault import engines, problems, rules
from backstage_py.integrations.vault.rules import Rules
from backstage_py.integrations.vault.server import Vault
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.vault_ref import VaultRef

if TYPE_CHECKING:
    from hvac import Client

_log = structlog.get_logger(__name__)
_TOKEN_LIFETIME = "1h"  # noqa: S105  # of a session whose process was killed
FindOrigin = Callable[[bool], Awaitable[Origin]]
"""Tells where the run's template is from; asked with whether owners matter."""


@dataclass(frozen=True, slots=True)
class VaultReferences:
    """Opens sessions with the configured server; see ``backstage_py.plugin.services.SecretReferences``."""

    config: Mapping[str, Json] = field(repr=False)

    def session(self, origin: FindOrigin) -> "VaultSession":
        """Return what a run reads with; nothing is asked yet."""
        return VaultSession(self.config, origin)


@dataclass(slots=True)
class VaultSession:
    """What one run reads with; to be closed at its end."""

    config: Mapping[str, Json] = field(repr=False)
    origin: FindOrigin
    _rules: Rules | None = None
    _vault: Vault | None = None
    _client: "Client | None" = field(default=None, repr=False)
    _has_own_token: bool = False
    _leased: dict[str, JsonObject] = field(default_factory=dict, repr=False)
    _leases: list[str] = field(default_factory=list)

    async def check(self, reference: str) -> None:
        """Refuse what the run's template may not read.

        Raises:
            InputError: it is no reference. NotAllowedError: it may not be read.
        """
        wanted = VaultRef.of(reference)
        if self._rules is None:
            allowed = rules.read(self.config)
            self._rules = allowed.about(await self.origin(allowed.ask_for_owners))
        self._rules.refuse_unless_allowed("read", wanted.path)

    async def read(self, reference: str) -> str:
        """Return a value; what an engine leases is the same for the whole run.

        Raises:
            InputError, NotAllowedError: as ``check``. NotFoundError: there is no such secret, or key in it.
            SettingsError, AuthenticationError, ServiceUnavailableError, ForeignError.
        """
        await self.check(reference)
        wanted = VaultRef.of(reference)
        self._vault = self._vault or Vault.of(self.config)
        found = await threads.remote_call("vault", self._read, self._vault, wanted.path)
        if wanted.key not in found:
            raise NotFoundError(f"The secret '{wanted.path}' of Vault has no key '{wanted.key}'")
        return engines.as_text(found[wanted.key])

    async def close(self) -> None:
        """Give back what was leased, and the token; a failure is logged, and what is left expires by itself."""
        if self._client is not None and self._vault is not None:
            await threads.remote_call("vault", self._close, self._vault, self._client)
            self._client = None

    def _read(self, vault: Vault, path: str) -> JsonObject:
        if path in self._leased:
            return self._leased[path]
        if self._client is None:
            self._client = self._signed_in(vault)
        client = self._client
        with problems.explained(vault.url, client):
            place = engines.place(client, path, vault.kv_version)
            if place.kv == 1:
                found = engines.read_v1(client, place.mount, place.rest)
            elif place.kv:
                found, _ = engines.read_v2(client, place.mount, place.rest)
            else:
                found = self._lease(client, path)
        if not found:
            raise NotFoundError(f"Vault has no secret '{path}'")
        return found

    def _lease(self, client: "Client", path: str) -> JsonObject:
        answer: Any = client.read(path) or {}
        found: JsonObject = answer.get("data") or {}
        if lease := answer.get("lease_id"):
            self._leases.append(lease)
            self._leased[path] = found
        return found

    def _signed_in(self, vault: Vault) -> "Client":
        """Return a client with a token of the session's own, made of a configured one if that may make tokens."""
        from hvac.exceptions import Forbidden, InvalidRequest

        client = vault.sign_in()
        if not isinstance(vault.credentials, str):
            self._has_own_token = True
            return client
        with problems.explained(vault.url, client):
            try:
                made: Any = client.auth.token.create(ttl=_TOKEN_LIFETIME, display_name="backstage-py-task")
            except (Forbidden, InvalidRequest):
                return client
        client.token = made["auth"]["client_token"]
        self._has_own_token = True
        return client

    def _close(self, vault: Vault, client: "Client") -> None:
        from hvac.exceptions import VaultError
        from requests import RequestException

        try:
            if self._has_own_token:
                client.auth.token.revoke_self()
                return
            for lease in self._leases:
                client.sys.revoke_lease(lease)
        except (VaultError, RequestException) as error:
            _log.warning("vault_leases_not_revoked", url=vault.url, leases=len(self._leases), problem=str(error))
