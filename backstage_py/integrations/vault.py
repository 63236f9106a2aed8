"""Vault and OpenBao through hvac, in threads; its errors become ours in ``foreign_errors``."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from backstage_py import threads
from backstage_py.errors import (
    AuthenticationError,
    BackstageError,
    ConflictError,
    ForeignError,
    InputError,
    NotAllowedError,
    NotFoundError,
    ServiceUnavailableError,
    SettingsError,
)
from backstage_py.model import web_url
from backstage_py.model.json import Json, JsonObject

if TYPE_CHECKING:
    from hvac import Client

_TIMEOUT = 30
_ATTEMPTS = 5
_ACCOUNT_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105  # where a pod finds its token
_SECTIONS = ("vault", "rhdhVault")


@dataclass(frozen=True, slots=True)
class KubernetesLogin:
    """Sign in as the pod's service account."""

    role: str
    auth_path: str = "kubernetes"
    token_path: str = _ACCOUNT_TOKEN


@dataclass(frozen=True, slots=True)
class Vault:
    """A server of the configuration.

    Attributes:
        credentials: a token, or how to get one.
        kv_version: of key-value engines that the credentials may write to but not look at.
    """

    url: str
    credentials: str | KubernetesLogin = field(repr=False)
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
        mount, _, rest = path.strip("/").partition("/")
        if web_url.climbs(path) or "" in (mount, *rest.split("/")):
            raise InputError(f"The path '{path}' must be '<mount>/<path>', as in 'secrets/shop'")
        return await threads.remote_call("vault", self._add, mount, rest, key, value)

    def _add(self, mount: str, path: str, key: str, value: str) -> bool:
        with foreign_errors(self.url):
            client = self._open()
            version, made = _engine(client, mount, self.kv_version)
            if version == 1:
                secret = _read_v1(client, mount, path)
                client.secrets.kv.v1.create_or_update_secret(path, {**secret, key: value}, mount_point=mount)
            else:
                _write_v2(client, mount, path, {key: value})
            return made

    def _open(self) -> "Client":
        from hvac import Client

        client = Client(self.url, timeout=_TIMEOUT)
        if isinstance(self.credentials, str):
            client.token = self.credentials
            return client
        try:
            jwt = Path(self.credentials.token_path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError("vault.auth.serviceAccountTokenPath", f"cannot be read: {error}") from error
        client.auth.kubernetes.login(self.credentials.role, jwt, mount_point=self.credentials.auth_path)
        return client


def _credentials(name: str, section: Mapping[str, Json]) -> str | KubernetesLogin:
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
    raise SettingsError(f"{name}.token", "is missing; expected a token, or 'auth' of type static or kubernetes")


def _engine(client: "Client", mount: str, version: int) -> tuple[int, bool]:
    """Return the version of the key-value engine at a mount, and whether it was made now.

    ``version`` is taken for granted when the token may not look at mounts.
    """
    from hvac.exceptions import Forbidden, InvalidRequest

    try:
        found: JsonObject = client.adapter.get(f"/v1/sys/mounts/{web_url.segment(mount)}")
    except InvalidRequest:  # Vault's answer to a mount that is not there
        client.sys.enable_secrets_engine("kv", path=mount, options={"version": "2"})
        return 2, True
    except Forbidden:
        return version, False
    described = found.get("data") or found
    if described.get("type") not in {"kv", "generic"}:
        raise InputError(f"'{mount}' is a mount of type '{described.get('type')}' in Vault, not of type 'kv'")
    return int((described.get("options") or {}).get("version") or 1), False


def _read_v1(client: "Client", mount: str, path: str) -> JsonObject:
    from hvac.exceptions import InvalidPath

    try:
        secret: JsonObject = client.secrets.kv.v1.read_secret(path, mount_point=mount)["data"]
    except InvalidPath:
        return {}
    return secret


def _write_v2(client: "Client", mount: str, path: str, addition: JsonObject) -> None:
    from hvac.exceptions import InvalidRequest

    for _ in range(_ATTEMPTS):
        secret, version = _read_v2(client, mount, path)
        try:
            client.secrets.kv.v2.create_or_update_secret(path, {**secret, **addition}, cas=version, mount_point=mount)
        except InvalidRequest as error:
            if "check-and-set" not in str(error):
                raise
        else:
            return
    raise ConflictError(f"The secret '{mount}/{path}' changes all the time; run the step again")


def _read_v2(client: "Client", mount: str, path: str) -> tuple[JsonObject, int]:
    """Return the newest secret and its version: 0 if there never was one, none of its keys if it is deleted."""
    from hvac.exceptions import InvalidPath

    try:
        answer: JsonObject = client.secrets.kv.v2.read_secret_version(
            path, mount_point=mount, raise_on_deleted_version=False
        )
    except InvalidPath:
        return {}, 0
    return answer["data"].get("data") or {}, answer["data"]["metadata"]["version"]


@contextmanager
def foreign_errors(url: str) -> Iterator[None]:
    """Raise hvac's and its transport's errors as ours, with Vault's own words."""
    from hvac import exceptions
    from requests import RequestException

    kinds: dict[type[Exception], type[BackstageError]] = {
        exceptions.InvalidRequest: InputError,
        exceptions.Unauthorized: AuthenticationError,
        exceptions.Forbidden: NotAllowedError,
        exceptions.InvalidPath: NotFoundError,
        exceptions.RateLimitExceeded: ServiceUnavailableError,
        exceptions.VaultDown: ServiceUnavailableError,
        exceptions.BadGateway: ServiceUnavailableError,
    }
    try:
        yield
    except exceptions.VaultError as error:
        words = ", ".join(error.errors) if isinstance(error.errors, list) and error.errors else type(error).__name__
        raise kinds.get(type(error), ForeignError)(f"Vault refused: {words}") from error
    except (RequestException, OSError) as error:
        raise ServiceUnavailableError(f"Vault at {url} does not answer: {type(error).__name__}") from error
