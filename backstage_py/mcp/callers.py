"""Ways to reach the HTTP API as one caller: within this process, and over HTTP."""

from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.types import ASGIApp

from backstage_py import errors
from backstage_py.integrations.web import asgi
from backstage_py.model import json
from backstage_py.model.http import error_message
from backstage_py.model.json import Json
from backstage_py.plugin import BackstageClient

_SECONDS = 60.0
_FIRST_ERROR = 400


@dataclass(frozen=True, slots=True)
class ProcessApi:
    """Calls the plugins of this process without a connection, and others by discovery.

    Attributes:
        serves: whether a plugin is one of this process.
        authorization: the header with which the caller came.
    """

    app: ASGIApp
    serves: Callable[[str], bool]
    elsewhere: BackstageClient
    authorization: str | None = field(repr=False)

    async def call(self, method: str, path: str, body: Json = None) -> Json:
        """Send a request; see ``tools.Api``."""
        data = None if body is None else json.dumps(body)
        headers = _headers(data)
        if self.serves(path.removeprefix("/api/").partition("/")[0]):
            signed = {"authorization": self.authorization} if self.authorization else {}
            found = await asgi.request(self.app, method, path, headers=headers | signed, body=data)
        else:
            token = (self.authorization or "").partition(" ")[2] or None
            found = await self.elsewhere.request(
                method, path, headers=headers, body=data, token=token, timeout=_SECONDS
            )
        return _parsed(found.status, found.body, f"{method} {path}")


@dataclass(frozen=True, slots=True)
class HttpApi:
    """Calls a service or a Backstage backend over HTTP with one token."""

    client: BackstageClient
    token: str | None = field(repr=False)

    async def call(self, method: str, path: str, body: Json = None) -> Json:
        """Send a request; see ``tools.Api``."""
        data = None if body is None else json.dumps(body)
        found = await self.client.request(
            method, path, headers=_headers(data), body=data, token=self.token, timeout=_SECONDS
        )
        return _parsed(found.status, found.body, f"{method} {path}")


def _headers(data: bytes | None) -> dict[str, str]:
    return {"accept": "application/json"} | ({"content-type": "application/json"} if data else {})


def _parsed(status: int, body: bytes, what: str) -> Json:
    """Return the answer's JSON.

    Raises:
        BackstageError: the status is 4xx or 5xx; the message is the API's own.
    """
    try:
        value = json.parse(body) if body else None
    except ValueError:
        value = None
    if status < _FIRST_ERROR:
        return value
    raise errors.of_status(status, error_message(value) or f"{what} was answered with {status}")
