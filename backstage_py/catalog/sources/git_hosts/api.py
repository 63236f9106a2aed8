"""The API of a configured git host, asked with its credentials."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from backstage_py.integrations import paging
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.patience import SHORTEST_WAIT, Patience, RateLimitedError
from backstage_py.integrations.web.http import Answer, HttpClient, is_rate_limited, raise_for, retry_after
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.scm import ScmIntegration

Query = Mapping[str, str | int | bool | None]


@dataclass(frozen=True, slots=True)
class HostApi:
    """One host.

    Attributes:
        integration: its entry of ``integrations``.
        owner: whose credentials are used where a host has several.
    """

    http: HttpClient
    hosts: ScmRegistry
    integration: ScmIntegration
    owner: str | None = None

    async def get(self, url: str, query: Query | None = None) -> Answer:
        """Read a URL, or what was kept of it while it has not changed; any status is an answer."""
        return await self.http.get_kept(with_query(url, query), headers=await self._headers())

    async def read(self, url: str, query: Query | None = None) -> Answer:
        """Read a URL.

        Raises:
            NotFoundError, ForeignError: the host refuses.
        """
        return self._checked("GET", await self.get(url, query))

    async def has(self, url: str, query: Query | None = None, *, method: str = "HEAD") -> bool:
        """Say whether something is there; whatever is no clear answer is an error, since it would remove entities.

        Raises:
            ForeignError: the host does not say.
        """
        answer = await (self.get(url, query) if method == "GET" else self._send(method, with_query(url, query)))
        if answer.status == HTTPStatus.NOT_FOUND:
            return False
        self._checked(method, answer)
        return True

    async def post(self, url: str, body: Json, query: Query | None = None) -> Answer:
        """Send a question that stands in a body.

        Raises:
            NotFoundError, ForeignError: the host refuses.
        """
        return self._checked("POST", await self._send("POST", with_query(url, query), json.dumps(body)))

    async def linked(self, url: str, query: Query) -> AsyncIterator[JsonObject]:
        """Yield the ``values`` of pages that each name the ``next`` one.

        Raises:
            NotFoundError, ForeignError: the host refuses, or names a page elsewhere, which would get the token.
        """
        following: str | None = with_query(url, query)
        pages = paging.Pages(url)
        while following:
            page = pages.counted(await self.read(following)).json()
            for one in paging.member(page, "values", url):
                yield one
            following = pages.following(str(page["next"])) if page.get("next") else None

    async def _send(self, method: str, url: str, body: bytes | None = None) -> Answer:
        """Send what changes nothing; where the host limits the rate of requests, it waits and asks again."""

        async def once() -> Answer:
            kind = {} if body is None else {"Content-Type": "application/json"}
            answer = await self.http.request(method, url, headers={**await self._headers(), **kind}, body=body)
            if is_rate_limited(answer.status, answer.headers):
                said = f"{method} {url} was answered with {answer.status}"
                raise RateLimitedError(self.integration.host, said, retry_after(answer.headers) or SHORTEST_WAIT)
            return answer

        return await Patience().through(once)

    def _checked(self, method: str, answer: Answer) -> Answer:
        said = f"Unexpected response for {method} {answer.url}. Expected 200 but got {answer.status} - {answer.reason}"
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            said = (
                f"{said}. The credentials in integrations.{self.integration.type} are missing, expired or lack rights"
            )
        raise_for(answer, said)
        return answer

    async def _headers(self) -> dict[str, str]:
        return await self.hosts.credentials.headers(self.integration, owner=self.owner)


def of_host(http: HttpClient, hosts: ScmRegistry, kind: str, host: str, owner: str | None = None) -> HostApi:
    """Return the API of a host of the configuration.

    Raises:
        SettingsError: ``integrations`` has no such host of that kind.
    """
    provider = "azureDevOps" if kind == "azure" else kind
    return HostApi(http, hosts, hosts.of_kind(kind, host, f"catalog.providers.{provider}"), owner)


def with_query(url: str, query: Query | None) -> str:
    """Return a URL with what is given of a query; nothing and an empty text are left out."""
    given = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in (query or {}).items()
        if value is not None and value != ""
    }
    return f"{url}?{urlencode(given)}" if given else url
