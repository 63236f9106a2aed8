"""A server of the configuration, and how a client signs in to it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import structlog

from backstage_py import threads
from backstage_py.errors import SettingsError
from backstage_py.integrations.vault import engines, problems
from backstage_py.model.json import Json

if TYPE_CHECKING:
    from hvac import Client

_log = structlog.get_logger(__name__)
T = TypeVar("T")

_TIMEOUT = 30
_ACCOUNT_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105  # where a pod finds its token
_SECTIONS = ("vault", "rhdhVault")


@dataclass(frozen=True, slots=True)
class KubernetesLogin:
    """Sign in as the pod's service account."""

    role: str
    auth_path: str = "kubernetes"
    token_path: str = _ACCOUNT_TOKEN

    def sign_in(self, client: "Client") -> None:
        """Get a token."""
        jwt = _content(self.token_path, "vault.auth.serviceAccountTokenPath")
        client.auth.kubernetes.login(self.role, jwt, mount_point=self.auth_path)


@dataclass(frozen=True, slots=True)
class AppRoleLogin:
    """Sign in as an AppRole; its secret id is given, or in a file that is read each time."""

    role_id: str
    secret_id: str | None = field(repr=False)
    secret_id_path: str | None = None
    auth_path: str = "approle"

    def sign_in(self, client: "Client") -> None:
        """Get a token."""
        secret = self.secret_id or _content(str(self.secret_id_path), "vault.auth.secretIdPath")
        client.auth.approle.login(self.role_id, secret, mount_point=self.auth_path)


@dataclass(frozen=True, slots=True)
class Vault:
    """A server of the configuration.

    Attributes:
        credentials: a token, or how to get one.
        kv_version: of key-value engines that the credentials may write to but not look at.
    """

    url: str
    credentials: str | KubernetesLogin | AppRoleLogin = field(repr=False)
    kv_version: int = 2

    @classmethod
    def of(cls, config: Mapping[str, Json]) -> "Vault":
        """Read ``vault.baseUrl``, ``vault.token`` or ``vault.auth``, and ``vault.kvVersion``.

        ``rhdhVault`` is another name of the section, that of the package whose action ``vault:add-secret`` is.

        Raises:
            SettingsError: one of them is missing or has a form that is not known.
        """
        name = next((name for name in _SECTIONS if config.get(name)), _SECTIONS[0])
        section = config.get(name) or {}
        url = section.get("baseUrl")
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise SettingsError(f"{name}.baseUrl", "is missing; expected a URL such as https://vault.example.com")
        version = str(section.get("kvVersion") or 2)
        if version not in {"1", "2"}:
            raise SettingsError(f"{name}.kvVersion", f"expected 1 or 2, found '{version}'")
        return cls(url.rstrip("/"), _credentials(name, section), int(version))

    async def add(self, path: str, key: str, value: str) -> bool:
        """Add a key to the secret at ``<mount>/<path>``; other keys stay, an old value of this key is replaced.

        A key-value engine of version 2 is made when nothing is mounted there. When somebody else writes meanwhile,
        it is done again on what they wrote.

        Returns:
            Whether the engine was made.

        Raises:
            InputError: the path is not ``<mount>/<path>``. ConflictError: others write all the time.
            AuthenticationError, NotAllowedError, NotFoundError, ServiceUnavailableError, ForeignError.
        """
        mount, rest = engines.split(path)
        return await threads.remote_call("vault", self._add, mount, rest, key, value)

    async def call(self, function: "Callable[[Client], T]") -> T:
        """Call a function with a client, in a thread; a token that was signed in for it is given back behind it.

        Raises:
            AuthenticationError, NotAllowedError, NotFoundError, InputError, ServiceUnavailableError, ForeignError.
        """

        def call() -> T:
            with self.opened() as client:
                return function(client)

        return await threads.remote_call("vault", call)

    @contextmanager
    def opened(self) -> "Iterator[Client]":
        """Open a client until the block is left; errors of calls inside are ours. It blocks: for a thread."""
        client = self.sign_in()
        try:
            with problems.explained(self.url, client):
                yield client
        finally:
            self.sign_out(client)

    def sign_in(self) -> "Client":
        """Return a client with a token; it blocks."""
        from hvac import Client

        client = Client(self.url, timeout=_TIMEOUT)
        with problems.explained(self.url):
            if isinstance(self.credentials, str):
                client.token = self.credentials
            else:
                self.credentials.sign_in(client)
        return client

    def sign_out(self, client: "Client") -> None:
        """Give a token back that was signed in for this client, and with it all that was leased to it."""
        from hvac.exceptions import VaultError
        from requests import RequestException

        if isinstance(self.credentials, str):
            return
        try:
            client.auth.token.revoke_self()
        except (VaultError, RequestException) as error:
            _log.warning("vault_token_not_revoked", url=self.url, problem=type(error).__name__)

    def _add(self, mount: str, path: str, key: str, value: str) -> bool:
        with self.opened() as client:
            version, made = engines.made_or_found(client, mount, self.kv_version)
            if version == 1:
                secret = engines.read_v1(client, mount, path)
                client.secrets.kv.v1.create_or_update_secret(path, {**secret, key: value}, mount_point=mount)
            else:
                engines.write_v2(client, mount, path, {key: value})
            return made


def _credentials(name: str, section: Mapping[str, Json]) -> str | KubernetesLogin | AppRoleLogin:
    """Read the token; old and new versions of the Backstage plugin put the object under ``token`` or ``auth``."""
    given = section.get("auth") or section.get("token")
    if isinstance(given, str) and given:
        return given
    if isinstance(given, dict) and given.get("type") == "static" and given.get("secret"):
        return str(given["secret"])
    if isinstance(given, dict) and given.get("type") == "kubernetes" and given.get("role"):
        return KubernetesLogin(
            str(given["role"]),
            str(given.get("authPath") or "kubernetes"),
            str(given.get("serviceAccountTokenPath") or _ACCOUNT_TOKEN),
        )
    if isinstance(given, dict) and given.get("type") == "appRole" and given.get("roleId"):
        if not (given.get("secretId") or given.get("secretIdPath")):
            raise SettingsError(f"{name}.auth.secretId", "is missing; expected it, or the file 'secretIdPath'")
        return AppRoleLogin(
            str(given["roleId"]),
            str(given["secretId"]) if given.get("secretId") else None,
            str(given["secretIdPath"]) if given.get("secretIdPath") else None,
            str(given.get("authPath") or "approle"),
        )
    raise SettingsError(
        f"{name}.token", "is missing; expected a token, or 'auth' of type static, kubernetes or appRole"
    )


def _content(path: str, key: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(key, f"cannot be read: {error}") from error
