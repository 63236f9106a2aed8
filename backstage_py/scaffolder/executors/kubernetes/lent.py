"""What of the service's credentials a pod gets: what the step that it runs needs, and nothing else.

- Secrets of the task: those whose values stand in the step's rendered input.
- The user's token: never; in its place stands a word that only this call's own questions to the service can use.
- A git host's credentials: only if the step's rendered input names that host.
- What is read by URL with the service's credentials: from hosts that the step's rendered input names, from the
  template's own repository, and what the operator listed.
- The configuration: the keys that the operator listed.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from backstage_py.errors import NotAllowedError
from backstage_py.integrations.hosts import reading_rules, scm_url
from backstage_py.model import web_url
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin import Services
from backstage_py.settings.sections import ReadingRule

_USER_TOKEN = "backstageToken"  # noqa: S105  # a name
_SHORTEST = 4
_PUBLIC = ("baseUrl", "apiBaseUrl", "rawBaseUrl", "gitilesBaseUrl", "cloneUrl")


@dataclass(slots=True)
class Lent:
    """What one call gets.

    Args:
        input: rendered.
        given: the secrets of the task.
        services: of the context.
        keys: of the configuration that pods may see.
        reads: what may be read by URL in any case.
        base: where the template was read, if that is known.
    """

    input: Json
    given: Mapping[str, str] = field(repr=False)
    services: Services = field(repr=False)
    keys: Sequence[str] = ()
    reads: Sequence[ReadingRule] = ()
    base: str | None = None
    _word: str = field(default_factory=lambda: f"user-of-the-task-{secrets.token_urlsafe(16)}", repr=False)
    _texts: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._texts = tuple(_strings(self.input))

    @property
    def secrets(self) -> dict[str, str]:
        """Secrets by name, as the pod sees them."""
        found = {
            name: value
            for name, value in self.given.items()
            if name != _USER_TOKEN and len(value) >= _SHORTEST and any(value in text for text in self._texts)
        }
        if _USER_TOKEN in self.given:
            found[_USER_TOKEN] = self._word
        return found

    @property
    def offered(self) -> Services:
        """The services, whose answers hold no more than the pod may know."""
        return replace(self.services, config=self._config(), own_token=None)

    @property
    def overrides(self) -> dict[tuple[str, str], Callable[..., Awaitable[Any]]]:
        """What answers in place of the services."""
        found: dict[tuple[str, str], Callable[..., Awaitable[Any]]] = {
            ("integrations", "by_host"): self._by_host,
            ("integrations", "by_url"): self._by_url,
            ("integrations", "all"): self._all,
            ("integrations", "token"): self._token,
        }
        for service, methods in {
            "catalog": ("entities_by_refs", "add_location", "preview_location", "refresh"),
            "remote_actions": ("list", "find"),
        }.items():
            if target := getattr(self.services, service):
                found |= {(service, one): self._with_user(getattr(target, one)) for one in methods}
        if self.services.backstage:
            found["backstage", "request"] = self._request
        if self.services.url_reader:
            found["url_reader", "read"] = self._read
        return found

    def as_user(self, token: str | None) -> str | None:
        """Return the token for a call that the pod asks for: the user's in place of its word, and of none.

        Without a user it stays the word, which nobody takes for anybody's: where none is given the service would call
        as itself, and a pod never does.
        """
        return self.given.get(_USER_TOKEN, self._word) if token in {None, self._word} else token

    def names(self, host: str) -> bool:
        """Say whether the step's input names a host."""
        pattern = re.compile(rf"(?<![\w.-]){re.escape(host)}(?![\w.-]*\w)", re.IGNORECASE)
        return any(pattern.search(text) for text in self._texts)

    def check_read(self, url: str) -> None:
        """Make sure that the service may read a URL for the pod.

        Raises:
            NotAllowedError: it may not.
        """
        if not self._may_read(url):
            raise NotAllowedError(
                f"A pod reads '{url}' only if its step's input names that host, if it is in the template's repository, "
                "or if 'scaffolder.executor.kubernetes.reads' lists it"
            )

    def _may_read(self, url: str) -> bool:
        try:
            url = web_url.canonical(url)
        except ValueError:
            return False
        parts = urlsplit(url)
        if web_url.climbs(parts.path):
            return False
        if reading_rules.is_allowed(url, self.reads) or (parts.netloc and self.names(parts.netloc)):
            return True
        reader = self.services.url_reader
        return bool(reader and self.base and reader.same_repository(url, self.base))

    async def _read(self, url: str, **named: Any) -> Any:
        self.check_read(url)
        reader: Any = self.services.url_reader
        return await reader.read(url, **named)

    def _config(self) -> JsonObject:
        found: JsonObject = {}
        for key in self.keys:
            value: Json = self.services.config
            for part in key.split("."):
                value = value.get(part) if isinstance(value, Mapping) else None
            if value is not None:
                place = found
                *above, last = key.split(".")
                for part in above:
                    place = place.setdefault(part, {})
                place[last] = value
        return found

    def _with_user(self, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **named: Any) -> Any:
            return await method(*args, **{**named, "token": self.as_user(named.get("token"))})

        return call

    async def _request(self, method: str, path: str, *, token: str | None, **more: Any) -> Any:
        """Send a request; the user's token goes to plugins alone: other hosts might tell it to the pod."""
        if token == self._word:
            token = None if scm_url.is_absolute(path) else self.as_user(token)
        client: Any = self.services.backstage
        return await client.request(method, path, token=token, **more)

    async def _by_host(self, host: str) -> ScmIntegration | None:
        return self._shown(self._hosts.by_host(host))

    async def _by_url(self, url: str) -> ScmIntegration | None:
        return self._shown(self._hosts.by_url(url))

    async def _all(self) -> list[ScmIntegration]:
        return [shown for one in self._hosts.all() if (shown := self._shown(one))]

    async def _token(self, host: str, owner: str | None = None) -> str | None:
        if not self.names(host):
            raise NotAllowedError(
                f"A pod gets the credentials of {host} only for a step whose input names that host; this one's does not"
            )
        found: str | None = await self._hosts.token(host, owner)
        return found

    def _shown(self, found: ScmIntegration | None) -> ScmIntegration | None:
        if found is None or self.names(found.host):
            return found
        return replace(found, token=None, options={key: found.options[key] for key in _PUBLIC if key in found.options})

    @property
    def _hosts(self) -> Any:
        return self.services.integrations


def _strings(value: Json) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for key, one in value.items():
                yield str(key)
                yield from _strings(one)
        case list() | tuple():
            for one in value:
                yield from _strings(one)
