"""A request to an application in this process, without a connection; the answer is taken as a whole."""

import asyncio
from collections.abc import Mapping
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Scope

from backstage_py.model.http import BackstageResponse


async def request(
    app: ASGIApp, method: str, target: str, *, headers: Mapping[str, str], body: bytes | None
) -> BackstageResponse:
    """Call an ASGI application; ``target`` is a path, perhaps with a query."""
    path, _, query = target.partition("?")
    sent = {"host": "localhost", "content-length": str(len(body or b"")), **headers}
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method.upper(),
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in sent.items()],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    status, answered, parts = 500, {}, bytearray()
    unread: list[Message] = [{"type": "http.request", "body": body or b"", "more_body": False}]

    async def receive() -> Message:
        if not unread:  # this client does not leave: it is cancelled together with the call
            await asyncio.get_running_loop().create_future()
        return unread.pop()

    async def send(message: Message) -> None:
        nonlocal status, answered
        if message["type"] == "http.response.start":
            status = message["status"]
            answered = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]}
        elif message["type"] == "http.response.body":
            parts.extend(message.get("body", b""))

    await app(scope, receive, send)
    return BackstageResponse(status, answered, bytes(parts))
