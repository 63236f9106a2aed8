"""Ways to reach the HTTP API as one caller: within this process, and over HTTP."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Scope

from backstage_py.errors import (
    AuthenticationError,
    BackstageError,
    ConflictError,
    InputError,
    NotAllowedError,
    NotFoundError,
)
from backstage_py.model import json
from backstage_py.model.json import Json
from backstage_py.plugin import BackstageClient

_SECONDS = 60.0
_FIRST_ERROR = 400
_KINDS: dict[int, type[BackstageError]] = {
    HTTPStatus.BAD_REQUEST: InputError,
    HTTPStatus.UNAUTHORIZED: AuthenticationError,
    HTTPStatus.FORBIDDEN: NotAllowedError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: ConflictError,
}


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
        if self.serves(path.removeprefix("/api/").partition("/")[0]):
            status, answer = await _within(self.app, method, path, data, self.authorization)
        else:
            token = (self.authorization or "").partition(" ")[2] or None
            headers = {"accept": "application/json"} | ({"content-type": "application/json"} if data else {})
            found = await self.elsewhere.request(
                method, path, headers=headers, body=data, token=token, timeout=_SECONDS
            )
            status, answer = found.status, found.body
        return _parsed(status, answer, f"{method} {path}")


@dataclass(frozen=True, slots=True)
class HttpApi:
    """Calls a service or a Backstage backend over HTTP with one token."""

    client: BackstageClient
    token: str | None = field(repr=False)

    async def call(self, method: str, path: str, body: Json = None) -> Json:
        """Send a request; see ``tools.Api``."""
        data = None if body is None else json.dumps(body)
        headers = {"accept": "application/json"} | ({"content-type": "application/json"} if data else {})
        found = await self.client.request(method, path, headers=headers, body=data, token=self.token, timeout=_SECONDS)
        return _parsed(found.status, found.body, f"{method} {path}")


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
    raise _KINDS.get(status, BackstageError)(_message(value) or f"{what} was answered with {status}")


def _message(value: Json) -> str:
    if not isinstance(value, dict):
        return ""
    if isinstance(value.get("errors"), list):
        return "; ".join(str(one.get("stack") or one.get("message")) for one in value["errors"])
    error = value.get("error")
    return str(error.get("message", "")) if isinstance(error, dict) else ""


async def _within(
    app: ASGIApp, method: str, target: str, body: bytes | None, authorization: str | None
) -> tuple[int, bytes]:
    """Call an ASGI application; the answer is taken as a whole."""
    path, _, query = target.partition("?")
    headers = [(b"host", b"localhost"), (b"content-length", str(len(body or b"")).encode())]
    headers += [(b"content-type", b"application/json")] if body is not None else []
    headers += [(b"authorization", authorization.encode("latin-1"))] if authorization else []
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    status, parts = 0, []

    unread: list[Message] = [{"type": "http.request", "body": body or b"", "more_body": False}]

    async def receive() -> Message:
        if not unread:  # this client does not leave: it is cancelled together with the call
            await asyncio.get_running_loop().create_future()
        return unread.pop()

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return status, b"".join(parts)
