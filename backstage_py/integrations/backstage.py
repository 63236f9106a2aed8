"""HTTP to Backstage's plugins: any plugin by discovery, and another Backstage's catalog."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from backstage_py import errors
from backstage_py.errors import BackstageError, InputError, NotAllowedError
from backstage_py.integrations.hosts import scm_url
from backstage_py.integrations.web.http import Answer, HttpClient
from backstage_py.model import json, web_url
from backstage_py.model.http import BackstageResponse
from backstage_py.model.json import JsonObject
from backstage_py.settings.sections import DiscoverySettings

_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Discovery:
    """Where plugins are: ``discovery.endpoints``, and ``backend.baseUrl`` for all others."""

    base_url: str
    targets: Mapping[str, str]

    @classmethod
    def of(cls, base_url: str, settings: DiscoverySettings) -> "Discovery":
        """Make it of the settings."""
        return cls(base_url.rstrip("/"), settings.targets)

    def url(self, plugin: str) -> str:
        """Return the root of a plugin's API, without a slash at its end."""
        target = self.targets.get(plugin) or f"{self.base_url}/api/{plugin}"
        return re.sub(r"\{\{\s*pluginId\s*\}\}", plugin, target).rstrip("/")


@dataclass(frozen=True, slots=True)
class HttpBackstageClient:
    """Requests to plugins, found by discovery.

    ``allowed_hosts`` are the hosts that a path may name as a URL (``scaffolder.http.allowedHosts``), each with its
    subdomains; when it is not empty, discovered plugins too must be on one of them, as the action's own package does.
    ``token_for`` gives, for a caller's token and a plugin, the token that this plugin takes.
    """

    http: HttpClient
    discovery: Discovery
    allowed_hosts: tuple[str, ...] = ()
    token_for: Callable[[str, str], str] = lambda token, _plugin: token

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        token: str | None,
        timeout: float,  # noqa: ASYNC109  # sent on to the HTTP client, which knows better when to stop
    ) -> BackstageResponse:
        """Send a request; see ``backstage_py.plugin.services.BackstageClient``."""
        url = self.locate(path)
        sent = dict(headers)
        if token and not any(name.lower() == "authorization" for name in sent):
            sent["Authorization"] = f"Bearer {self.token_for(token, _plugin_of(path))}"
        answer = await self.http.request(method, url, headers=sent, body=body, seconds=timeout)
        return BackstageResponse(answer.status, answer.headers, answer.body)

    def locate(self, path: str) -> str:
        """Return the URL of ``/api/<plugin>/…``, ``<plugin>/…`` or an allowed URL.

        Raises:
            NotAllowedError: the host may not be contacted. InputError: the path names no plugin.
        """
        if scm_url.is_absolute(path):
            url = _canonical(path)
            self._refuse_unlisted(url)
            return url
        plugin, rest = _plugin_and_rest(path)
        url = web_url.below(self.discovery.url(plugin), rest)
        if self.allowed_hosts:
            self._refuse_unlisted(url)
        return url

    def _refuse_unlisted(self, url: str) -> None:
        host = urlsplit(url).hostname or ""
        if not any(host == allowed or host.endswith(f".{allowed}") for allowed in self.allowed_hosts):
            raise NotAllowedError(
                f"The host '{host}' is not on 'scaffolder.http.allowedHosts'; name a plugin, as in "
                "/api/catalog/entities, or have the host added"
            )


@dataclass(frozen=True, slots=True)
class HttpCatalogClient:
    """The catalog API of another Backstage; ``base_url`` is its root, e.g. ``https://host/api/catalog``.

    Without a caller's token, ``service_token`` is sent (a token of ``backend.auth.externalAccess`` over there).
    """

    http: HttpClient
    base_url: str
    service_token: str | None = None

    async def entities_by_refs(self, refs: Sequence[str], *, token: str | None) -> list[JsonObject | None]:
        """Return entities in the order of ``refs``."""
        answer = await self._post("/entities/by-refs", {"entityRefs": list(refs)}, token)
        items: list[JsonObject | None] = answer.json().get("items", [])
        return items

    async def add_location(self, target: str, *, token: str | None, type: str = "url") -> JsonObject:  # noqa: A002  # the API's word
        """Register a location."""
        added: JsonObject = (await self._post("/locations", {"type": type, "target": target}, token)).json()
        return added

    async def preview_location(self, target: str, *, token: str | None, type: str = "url") -> JsonObject:  # noqa: A002  # as above
        """Say what registering a location would bring."""
        body = {"type": type, "target": target}
        preview: JsonObject = (await self._post("/locations?dryRun=true", body, token)).json()
        return preview

    async def refresh(self, entity_ref: str, *, token: str | None) -> None:
        """Ask for an entity to be read again."""
        await self._post("/refresh", {"entityRef": entity_ref}, token)

    async def _post(self, path: str, body: JsonObject, token: str | None) -> Answer:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if used := token or self.service_token:
            headers["Authorization"] = f"Bearer {used}"
        url = f"{self.base_url.rstrip('/')}{path}"
        answer = await self.http.request("POST", url, headers=headers, body=json.dumps(body), seconds=_TIMEOUT)
        if not answer.ok:
            raise _as_error(answer)
        return answer


def _plugin_of(path: str) -> str:
    """Return the plugin that a path names; empty for a URL."""
    return "" if scm_url.is_absolute(path) else _plugin_and_rest(path)[0]


def _plugin_and_rest(path: str) -> tuple[str, str]:
    """Split ``/api/<plugin>/…`` or ``<plugin>/…`` into the plugin and the rest, slash or ``?`` included.

    Raises:
        InputError: the path names no plugin.
    """
    found = re.fullmatch(r"/*(?>(?:api/)?)(?P<plugin>[\w-]+)(?P<rest>(?:[/?].*)?)", path, re.ASCII | re.DOTALL)
    if not found or web_url.climbs(path.partition("?")[0]):
        raise InputError(f"The path '{path}' must name a plugin, as in /api/catalog/entities")
    return found["plugin"], found["rest"]


def _canonical(url: str) -> str:
    try:
        return web_url.canonical(url)
    except ValueError as error:
        raise InputError(f"'{url}' is no URL") from error


def _as_error(answer: Answer) -> BackstageError:
    """Rebuild the error that a Backstage plugin sent."""
    try:
        message = json.parse(answer.body)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        message = f"Request failed with {answer.status} {answer.reason} for {answer.url}"
    return errors.of_status(answer.status, str(message))
