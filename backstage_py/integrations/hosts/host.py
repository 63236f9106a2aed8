"""What all kinds of git hosts have in common."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

from backstage_py.integrations.hosts.credentials import Credentials
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

    async def file(self, url: str, address: str, headers: dict[str, str], etag: str | None) -> UrlContent | None:
        """Read a file at an address of the API."""
        if etag:
            headers = {**headers, "If-None-Match": etag}
        answer = await self.http.get(address, headers=headers)
        if answer.status == HTTPStatus.NOT_MODIFIED:
            return None
        raise_for(answer, f"{url} could not be read as {address}, {answer.status} {answer.reason}")
        return UrlContent(answer.body, answer.headers.get("etag"))

    async def json(self, address: str, headers: dict[str, str]) -> Answer:
        """Read an answer that must be 2xx."""
        answer = await self.http.get(address, headers={**headers, "Accept": "application/json"})
        raise_for(answer, f"Request failed for {address}, {answer.status} {answer.reason}")
        return answer

    @asynccontextmanager
    async def archive(self, address: str, headers: dict[str, str]) -> AsyncIterator[Path]:
        """Download an archive into a temporary file."""
        with tempfile.TemporaryDirectory(prefix="backstage-archive-") as folder:
            path = Path(folder, "archive")
            answer = await self.http.download(address, path, headers=headers)
            raise_for(answer, f"Request failed for {address}, {answer.status} {answer.reason}")
            yield path
