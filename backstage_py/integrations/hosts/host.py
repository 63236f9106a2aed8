"""What all kinds of git hosts have in common."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from backstage_py.errors import NotAllowedError
from backstage_py.integrations.hosts.credentials import Credentials
from backstage_py.integrations.web import addresses
from backstage_py.integrations.web.http import Answer, HttpClient, raise_for
from backstage_py.model.http import UrlContent
from backstage_py.model.scm import ScmIntegration


class Host(Protocol):
    """Reads from one kind of git host."""

    async def read(self, url: str, site: "Site", *, etag: str | None) -> UrlContent | None:
        """Return a file; None when ``etag`` still holds.

        Raises:
            NotFoundError, ForeignError, ServiceUnavailableError, InputError (the URL names no file).
        """

    async def read_tree(self, url: str, site: "Site", target: Path, *, etag: str | None) -> str | None:
        """Write a folder into ``target`` and return its etag, None when ``etag`` holds. Errors as for ``read``."""


@dataclass(frozen=True, slots=True)
class Site:
    """A configured host, and the credentials for requests to it."""

    http: HttpClient
    credentials: Credentials
    integration: ScmIntegration
    token: str | None = None

    @property
    def api(self) -> str:
        """Root of the API without a slash at its end; empty when there is none."""
        return (self.integration.api_base_url or "").rstrip("/")

    async def headers(self, owner: str | None = None) -> dict[str, str]:
        """Return the headers that authenticate."""
        return await self.credentials.headers(self.integration, owner=owner, token=self.token)

    async def get(self, address: str, headers: dict[str, str]) -> Answer:
        """Read an address of the host; any status is an answer.

        Raises:
            NotAllowedError: credentials would go without TLS, because somebody wrote ``http:`` into a URL.
        """
        self._refuse_plain(address, headers)
        return await self.http.get(address, headers=headers)

    def _refuse_plain(self, address: str, headers: dict[str, str]) -> None:
        parts, options = urlsplit(address), self.integration.options
        own = (self.integration.api_base_url, self.integration.raw_base_url, options.get("baseUrl"))
        is_wanted = any(str(one).startswith(f"http://{parts.netloc}") for one in own)
        is_here = (found := addresses.literal(parts.hostname or "")) is not None and found.is_loopback
        if parts.scheme == "http" and "Authorization" in headers and not is_wanted and not is_here:
            raise NotAllowedError(
                f"Reading from '{address}' is not allowed: the credentials of integrations.{self.integration.type} "
                "would be sent without TLS. Write https:, or have the operator set the host's 'baseUrl' to http:"
            )

    async def file(self, url: str, address: str, headers: dict[str, str], etag: str | None) -> UrlContent | None:
        """Read a file at an address of the API."""
        if etag:
            headers = {**headers, "If-None-Match": etag}
        answer = await self.get(address, headers)
        if answer.status == HTTPStatus.NOT_MODIFIED:
            return None
        raise_for(answer, f"{url} could not be read as {address}, {answer.status} {answer.reason}")
        return UrlContent(answer.body, answer.headers.get("etag"))

    async def json(self, address: str, headers: dict[str, str]) -> Answer:
        """Read an answer that must be 2xx."""
        answer = await self.get(address, {**headers, "Accept": "application/json"})
        raise_for(answer, f"Request failed for {address}, {answer.status} {answer.reason}")
        return answer

    @asynccontextmanager
    async def archive(self, address: str, headers: dict[str, str]) -> AsyncIterator[Path]:
        """Download an archive into a temporary file."""
        with tempfile.TemporaryDirectory(prefix="backstage-archive-") as folder:
            path = Path(folder, "archive")
            self._refuse_plain(address, headers)
            answer = await self.http.download(address, path, headers=headers)
            raise_for(answer, f"Request failed for {address}, {answer.status} {answer.reason}")
            yield path
