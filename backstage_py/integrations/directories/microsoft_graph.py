"""Microsoft Graph, asked as an app of a tenant: collections page after page, members, photos.

Source of the requests: ``MicrosoftGraphClient`` of Backstage's module, with which they are compared. The token comes
by the client credentials of OAuth 2.0 (RFC 6749, 4.4), as Entra ID has them at ``oauth2/v2.0/token``.
"""

import base64
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self
from urllib.parse import quote, urlencode, urlsplit

from backstage_py import errors
from backstage_py.errors import AuthenticationError
from backstage_py.integrations import paging
from backstage_py.integrations.web import http
from backstage_py.integrations.web.http import Answer, HttpClient
from backstage_py.model import json, web_url
from backstage_py.model.json import Json, JsonObject
from backstage_py.settings.sections.directories import MicrosoftGraphOrg

_EVENTUAL = {"ConsistencyLevel": "eventual"}
_NOT_FOUND = 404
_EARLY = 60.0
"""So many seconds before its end a token is no longer used."""
_LARGEST_PHOTO = 120
_UNRESERVED = "-_.~"


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of a collection, by OData's names without their ``$``; None is left out."""

    search: str | None = None
    filter: str | None = None
    select: tuple[str, ...] | None = None
    expand: str | None = None
    top: int | None = None

    def text(self, *, is_counted: bool) -> str:
        """Return it as the query of a URL."""
        found = {
            "$search": self.search,
            "$filter": self.filter,
            "$select": ",".join(self.select) if self.select else None,
            "$expand": self.expand,
            "$count": "true" if is_counted else None,
            "$top": None if self.top is None else str(self.top),
        }
        given = {name: value for name, value in found.items() if value is not None}
        return f"?{urlencode(given, quote_via=quote, safe=_UNRESERVED)}" if given else ""


@dataclass(slots=True)
class MicrosoftGraph:
    """One tenant. ``opened`` makes it."""

    org: MicrosoftGraphOrg
    client: HttpClient
    _token: str | None = field(default=None, repr=False)
    _until: float = 0.0

    async def collection(self, path: str, query: Query, mode: str = "basic") -> AsyncIterator[JsonObject]:
        """Yield the entries of a collection, page after page.

        Raises:
            BackstageError: Graph refuses, of the class that ``errors.of_status`` gives; ForeignError: the list has
            another shape, no end, or a next page elsewhere. ServiceUnavailableError: no answer.
        """
        is_advanced = "advanced" in {mode, "advanced" if query.search else ""}
        headers = _EVENTUAL if is_advanced else {}
        text = query.text(is_counted=is_advanced and bool(query.filter or query.select))
        url: str | None = f"{self.org.target}/{path}{text}"
        pages = paging.Pages(f"{self.org.target}/{path}")
        while url:
            page = pages.counted(await self._get(path, url, headers)).json()
            for one in paging.member(page, "value", pages.url):
                yield one
            following = page.get("@odata.nextLink")
            url = pages.following(str(following)) if following else None

    async def organisation(self) -> JsonObject:
        """Return the tenant itself."""
        path = f"organization/{self.org.tenant_id}"
        found: JsonObject = (await self._get(path, f"{self.org.target}/{path}")).json()
        return found

    async def photo(self, user: str) -> str | None:
        """Return the photo of a user as a data URL, at most 120 pixels high if there is one; None without any."""
        path = f"users/{web_url.segment(user)}/photos"
        listed = await self._send(f"{self.org.target}/{path}")
        if listed.status == _NOT_FOUND:
            return None
        chosen = _fitting(self._checked("users photos", listed).json()["value"])
        if chosen is None:
            return None
        found = await self._send(f"{self.org.target}/{path}/{chosen}/$value")
        if found.status == _NOT_FOUND:
            return None
        return f"data:image/jpeg;base64,{base64.b64encode(self._checked('photo', found).body).decode()}"

    async def _get(self, path: str, url: str, headers: Mapping[str, str] = MappingProxyType({})) -> Answer:
        return self._checked(path, await self._send(url, headers))

    async def _send(self, url: str, headers: Mapping[str, str] = MappingProxyType({})) -> Answer:
        return await self.client.get(url, headers={**headers, "Authorization": f"Bearer {await self._signed_in()}"})

    def _checked(self, path: str, answer: Answer) -> Answer:
        if answer.ok:
            return answer
        said = _error(answer)
        told = f"{said.get('code')} - {said.get('message')}" if said else f"status {answer.status}"
        raise errors.of_status(answer.status, f"Error while reading {path} from Microsoft Graph: {told}")

    async def _signed_in(self) -> str:
        """Return a token, a new one when the last is about to end.

        Raises:
            AuthenticationError: the tenant refuses the app.
        """
        if self._token and time.monotonic() < self._until:
            return self._token
        url = f"{self.org.authority}/{web_url.segment(self.org.tenant_id)}/oauth2/v2.0/token"
        target = urlsplit(self.org.target)
        asked = {
            "grant_type": "client_credentials",
            "client_id": self.org.client_id,
            "client_secret": self.org.client_secret,
            "scope": f"{target.scheme}://{target.hostname}/.default",
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        answer = await self.client.request("POST", url, headers=headers, body=urlencode(asked).encode())
        if not answer.ok:
            raise AuthenticationError(
                f"{urlsplit(url).netloc} gives the app {self.org.client_id} no token for the tenant "
                f"{self.org.tenant_id} ({_refusal(answer)}); look at tenantId, clientId and clientSecret"
            )
        found = answer.json()
        self._until = time.monotonic() + float(found.get("expires_in", 0)) - _EARLY
        self._token = str(found["access_token"])
        return self._token

    @classmethod
    @asynccontextmanager
    async def opened(cls, org: MicrosoftGraphOrg) -> AsyncIterator[Self]:
        """Open a client for this tenant until the block is left; its hosts are the operator's, wherever they are."""
        hosts = [urlsplit(org.target).netloc, urlsplit(org.authority).netloc]
        async with HttpClient(http.listed_hosts(hosts)) as client:
            yield cls(org, client)


def _fitting(photos: list[JsonObject]) -> str | None:
    """Return the id of the highest photo that is not too high; of the first one when all are."""
    chosen: JsonObject | None = None
    for one in photos:
        if chosen is None or chosen["height"] <= one["height"] <= _LARGEST_PHOTO:
            chosen = one
    return web_url.segment(str(chosen["id"])) if chosen else None


def _error(answer: Answer) -> Mapping[str, Json]:
    try:
        said = json.parse(answer.body)
    except ValueError:
        return {}
    error = said.get("error") if isinstance(said, dict) else None
    return error if isinstance(error, dict) else {}


def _refusal(answer: Answer) -> str:
    """Return the first line of what Entra ID says, without the ids of the request; never what we sent."""
    try:
        said = str(json.parse(answer.body)["error_description"])
    except (ValueError, LookupError, TypeError):
        return f"status {answer.status}"
    return said.splitlines()[0].partition(" Trace ID")[0]
