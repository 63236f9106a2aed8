"""Faults of a git host on purpose, so that a test sees what a client makes of them."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backstage_py.model.json import JsonObject

Act = Callable[[ASGIApp, Scope, Receive, Send], Awaitable[None]]
_LENGTH: Final = 64


@dataclass(frozen=True, slots=True)
class _Fault:
    method: str
    path: str
    act: Act

    def fits(self, scope: Scope) -> bool:
        """Say whether it is this request that goes wrong."""
        return scope["method"] == self.method and fnmatchcase(scope["path"], self.path)


class Faults:
    """What goes wrong next. Each fault happens once, in the order in which they were asked for.

    Paths are those of the host, decoded, and ``*`` stands for anything: ``*/actions/variables``.
    """

    def __init__(self) -> None:
        self._next: list[_Fault] = []

    def lose_answer(self, method: str, path: str) -> None:
        """Do what is asked, and cut the connection instead of answering."""
        self._add(method, path, _lose_answer)

    def cut_request(self, method: str, path: str, call: Callable[[], None] = lambda: None) -> None:
        """Call a function and cut the connection in the middle of the request."""

        async def act(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
            call()
            await _cut_request(app, scope, receive, send)

        self._add(method, path, act)

    def refuse(
        self, method: str, path: str, status: int = HTTPStatus.BAD_GATEWAY, body: JsonObject | None = None
    ) -> None:
        """Answer with an error, and do nothing."""
        answer = JSONResponse(body or {"message": "Server Error"}, status)

        async def act(_app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
            await answer(scope, receive, send)

        self._add(method, path, act)

    def before(self, method: str, path: str, call: Callable[[], None]) -> None:
        """Call a function when the request comes, then do what is asked: to end a client there, or to be faster."""

        async def act(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
            call()
            await app(scope, receive, send)

        self._add(method, path, act)

    @property
    def waiting(self) -> list[str]:
        """What did not happen yet, as ``METHOD path``."""
        return [f"{one.method} {one.path}" for one in self._next]

    def take(self, scope: Scope) -> "_Fault | None":
        """Return the fault of a request, and forget it."""
        found = next((one for one in self._next if one.fits(scope)), None)
        if found:
            self._next.remove(found)
        return found

    def _add(self, method: str, path: str, act: Act) -> None:
        self._next.append(_Fault(method.upper(), path, act))


class FaultyHost:
    """The application behind its faults."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or do what goes wrong with it."""
        fault = self._faults.take(scope) if scope["type"] == "http" else None
        if fault is None:
            await self._app(scope, receive, send)
        else:
            await fault.act(self._app, scope, receive, send)


async def _lose_answer(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, _nowhere)
    await _cut(send)


async def _cut_request(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    first = await receive()
    body = first.get("body", b"")
    messages: list[Message] = [
        {"type": "http.request", "body": body[: len(body) // 2], "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def half() -> Message:
        return messages.pop(0) if len(messages) > 1 else messages[0]

    with suppress(ClientDisconnect):
        await app(scope, half, _nowhere)
    await _cut(send)


async def _nowhere(_message: Message) -> None:
    """Send nothing."""


async def _cut(send: Send) -> None:
    """Begin an answer that will never be whole: the server closes the connection when the application returns."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(_LENGTH).encode())]
    await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})
