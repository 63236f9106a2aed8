"""The execution API: what pods that run steps call, on a port of its own; ``/api/scaffolder/.execution/v1/{claim}/…``.

Each request carries the token of its session, and a path names that session; whoever has another token, or none, gets
401 whatever is asked. There is nothing else on this port. Bodies are bounded in size and in time.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from backstage_py import threads
from backstage_py.errors import (
    AuthenticationError,
    BackstageError,
    InputError,
    ServiceUnavailableError,
    SettingsError,
)
from backstage_py.execution import sealed
from backstage_py.execution.channel import OPENING
from backstage_py.folders import receiving
from backstage_py.http import server
from backstage_py.http.connections import (
    CONNECTION,
    Connections,
    authenticated,
    most_connections,
    raise_descriptor_limit,
)
from backstage_py.http.errors import describe
from backstage_py.http.server_protocol import ServerProtocol
from backstage_py.integrations.bucket import Link
from backstage_py.metrics.executors import REFUSED_CALLS
from backstage_py.model import json
from backstage_py.model.json import Json
from backstage_py.scaffolder.executors.kubernetes.depots import LANE
from backstage_py.scaffolder.executors.kubernetes.executor import KubernetesExecutor
from backstage_py.scaffolder.executors.kubernetes.sessions import Session, Sessions
from backstage_py.settings.sections import ServerSettings
from backstage_py.settings.sections.kubernetes_executor import KubernetesExecutorSettings

PREFIX = "/api/scaffolder/.execution/v1"
_log = structlog.get_logger(__name__)
_SECONDS = 60.0  # for a body
_LARGEST_TALK = 80 * 1024 * 1024
_MOST_READ = 96 * 1024 * 1024  # of all bodies of a session that are being read
_LARGEST_PATH = 4096
_PIECE = 256 * 1024
_LONGEST_SIZE = 8
_AT_ONCE = 8  # bodies of a session that are read at the same time, and things of its workspace that are asked for
_MORE_PORTS = 64
_MOST_CONNECTIONS = 10_000
_UNKNOWN = 401
_SERVER_ERROR = 500

T = TypeVar("T")
Handler = Callable[[Request, Session], Awaitable[Response]]


def application(sessions: Sessions) -> ASGIApp:
    """Return the API over the open sessions of this process."""
    found = _Face(sessions)

    def route(path: str, *handlers: tuple[str, Handler]) -> list[Route]:
        return [Route(f"{PREFIX}/{{claim}}/{path}", found.guarded(one), methods=[method]) for method, one in handlers]

    routes = [
        Route(f"{PREFIX}/{{claim}}/open", found.open, methods=["POST"]),
        *route("messages", ("GET", _said), ("POST", _taken)),
        *route("workspace", ("GET", _workspace), ("PUT", _change)),
        *route("trees", ("POST", _tree)),
        *route("blobs/{name}", ("GET", _blob), ("PUT", _add_blob), ("POST", _collect)),
        *route("blobs/{name}/link", ("GET", _link), ("POST", _offer)),
    ]
    app = Starlette(routes=routes, exception_handlers={404: _refuse, 405: _refuse, Exception: _refuse})
    app.router.redirect_slashes = False
    return app


@contextlib.asynccontextmanager
async def listening(executor: KubernetesExecutor) -> AsyncIterator[None]:
    """Answer the pods of an executor until the block is left, and tell it the URL.

    Each process that runs steps has a port of its own, the first that is free, since only it can answer for its steps.

    Raises:
        SettingsError: no port is free, or nobody knows the address.
    """
    with _bound(executor.settings) as listener:
        port = listener.getsockname()[1]
        executor.reached_at(f"{_base(executor.settings, port)}{PREFIX}")
        async with serving(executor.sessions, listener):
            _log.info("execution_api_started", port=port)
            yield


@contextlib.asynccontextmanager
async def serving(sessions: Sessions, listener: socket.socket) -> AsyncIterator[None]:
    """Answer on a socket until the block is left."""
    bounds = ServerSettings(request_timeout=2 * _SECONDS, most_connections=_MOST_CONNECTIONS)
    open_ = Connections(bounds, most_connections(bounds, raise_descriptor_limit()))
    async with server.running(
        application(sessions),
        listener,
        grace=1,
        http=partial(ServerProtocol, open_),  # called as the class would be
        timeout_keep_alive=60,
    ):
        yield


def _bound(settings: KubernetesExecutorSettings) -> socket.socket:
    host, first = settings.listen_host, settings.listen_port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    last = first + _MORE_PORTS if first else first
    for port in range(first, last + 1):
        with contextlib.suppress(OSError):
            return socket.create_server((host, port), family=family, backlog=1024)
    raise SettingsError("scaffolder.executor.kubernetes.listen", f"no port from {first} to {last} of {host} is free")


def _base(settings: KubernetesExecutorSettings, port: int) -> str:
    if settings.url:
        return settings.url.rstrip("/").replace("$PORT", str(port))
    if address := os.environ.get("POD_IP"):
        return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
    raise SettingsError(
        "scaffolder.executor.kubernetes.url",
        "is missing; give the URL at which pods reach this process (with $PORT for its port), or the variable POD_IP",
    )


@dataclass(frozen=True, slots=True)
class _Face:
    sessions: Sessions

    async def open(self, request: Request) -> Response:
        """Exchange a ticket for the session's token."""
        return await _answered(self._open(request))

    def guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Let a handler answer who has the token of the session that the path names."""

        async def answer(request: Request) -> Response:
            return await _answered(self._answer(request, handler))

        return answer

    async def _open(self, request: Request) -> Response:
        session = self._session(request)
        token = session.open(_token(request), request.headers.get(OPENING, ""))
        return _json({"token": token, "silence": session.silence})

    async def _answer(self, request: Request, handler: Handler) -> Response:
        session = self._session(request)
        session.enter(_token(request), request.scope.get(CONNECTION))
        authenticated(request.scope)
        return await handler(request, session)

    def _session(self, request: Request) -> Session:
        return self.sessions.find(str(request.path_params["claim"]))


async def _said(request: Request, session: Session) -> Response:
    after = request.query_params.get("after", "0")
    if not after.isdecimal() or len(after) > 12:  # noqa: PLR2004  # digits
        raise InputError("'after' is the number of a message")
    lines = await session.said(int(after))
    length = {"Content-Length": str(sum(len(line) + 1 for line in lines))}
    return StreamingResponse(_pieces(lines), media_type="application/x-ndjson", headers=length)


async def _pieces(lines: Sequence[bytes]) -> AsyncIterator[bytes]:
    """Yield messages as they are sent: what a pod does not read is not copied for it."""
    for line in lines:
        for at in range(0, len(line), _PIECE):
            yield line[at : at + _PIECE]
        yield b"\n"


async def _taken(request: Request, session: Session) -> Response:
    body = await _body(request, session, _LARGEST_TALK)
    return _json({"seen": await session.take([line for line in body.split(b"\n") if line])})


async def _workspace(_: Request, session: Session) -> Response:
    workspace = session.workspace
    found = await _done(session, threads.file_work, workspace.manifest)
    headers = {sealed.HEADER: workspace.depot.key.hex()} if workspace.depot else {}
    return Response(found, media_type="application/octet-stream", headers=headers)


async def _tree(request: Request, session: Session) -> Response:
    target = (await _body(request, session, _LARGEST_PATH)).decode("utf-8", "replace")
    return Response(session.workspace.tree(target), media_type="application/octet-stream")


async def _change(request: Request, session: Session) -> Response:
    body = await _body(request, session, receiving.LARGEST_MANIFEST)
    return _json({"missing": await _done(session, threads.file_work, session.workspace.change, body)})


async def _blob(request: Request, session: Session) -> Response:
    path: Path = await _done(session, threads.file_work, session.workspace.blob, _name(request))
    return FileResponse(path)  # which answers ranges, so that one that broke off goes on


async def _add_blob(request: Request, session: Session) -> Response:
    body = await _body(request, session, receiving.LARGEST_BLOB)
    await _done(session, threads.file_work, session.workspace.add_blob, _name(request), body)
    return _json({})


async def _link(request: Request, session: Session) -> Response:
    """Say where in the bucket a blob is; of one that is not there, nothing: it is to be had here."""
    call = partial(threads.remote_call, LANE)
    return _linked(await _done(session, call, session.workspace.link, _name(request)))


async def _offer(request: Request, session: Session) -> Response:
    """Say where in the bucket a blob of so many bytes may go; it may always come here."""
    size = await _body(request, session, _LONGEST_SIZE)
    if not size.isdigit():
        raise InputError("The body is the size of the part, in decimal digits")
    call = partial(threads.remote_call, LANE)
    return _linked(await _done(session, call, session.workspace.offer, _name(request), int(size)))


async def _collect(request: Request, session: Session) -> Response:
    """Take a blob out of the bucket."""
    call = partial(threads.remote_call, LANE)
    await _done(session, call, session.workspace.collect, _name(request))
    return _json({})


def _name(request: Request) -> str:
    return str(request.path_params["name"])


def _linked(link: Link | None) -> Response:
    return _json({"url": link.url, "headers": dict(link.headers)} if link else {})


async def _done(session: Session, lane: Callable[..., Awaitable[T]], function: Callable[..., T], *args: object) -> T:
    """Do a thing with a workspace, one after the other: a pod keeps no thread from others but one.

    Raises:
        ServiceUnavailableError: too much is asked for at once.
    """
    if session.wanting >= _AT_ONCE:
        raise ServiceUnavailableError("Too much is asked for at once")
    session.wanting += 1
    try:
        async with session.working:
            return await lane(function, *args)
    finally:
        session.wanting -= 1


async def _body(request: Request, session: Session, most: int) -> bytes:
    """Read a body that is not larger, and comes in time.

    Raises:
        InputError: it is larger or slower. ServiceUnavailableError: it is one too many for now.
    """
    length = request.headers.get("content-length", "")
    if (length.isdecimal() and int(length) > most) or "content-encoding" in request.headers:
        raise InputError(f"The body has more than {most} bytes, or is encoded")
    if session.reading >= _AT_ONCE:
        raise ServiceUnavailableError("Too much is being sent at once")
    session.reading += 1
    size = 0
    try:
        async with asyncio.timeout(_SECONDS):
            parts = []
            async for part in request.stream():
                size += len(part)
                session.read += len(part)
                if size > most:
                    raise InputError(f"The body has more than {most} bytes")
                if session.read > _MOST_READ:
                    raise ServiceUnavailableError("Too much is being sent at once")
                parts.append(part)
    except TimeoutError as error:
        raise InputError(f"The body did not come within {_SECONDS:g} s") from error
    finally:
        session.reading -= 1
        session.read -= size
    return b"".join(parts)


async def _answered(work: Awaitable[Response]) -> Response:
    """Answer with what is raised; who does not belong here learns nothing of it."""
    try:
        return await work
    except BackstageError as error:
        return _refused(error)


async def _refuse(_: Request, error: Exception) -> Response:
    if isinstance(error, BackstageError):
        return _refused(error)
    if getattr(error, "status_code", _SERVER_ERROR) >= _SERVER_ERROR:
        _log.error("execution_api_failed", exc_info=error)
        return _json({"error": {"name": "Error", "message": "The service failed; see its log"}}, _SERVER_ERROR)
    return _refused(AuthenticationError("This token opens nothing here"))


def _refused(error: BackstageError) -> Response:
    REFUSED_CALLS.inc(str(error.status))
    return _json({"error": describe(error)}, error.status)


def _token(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token if kind.lower() == "bearer" else ""


def _json(value: Json, status: int = 200) -> Response:
    return Response(json.dumps(value), status, media_type="application/json")
