"""A server in this process, for an application and a socket that listens already."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp


@contextlib.asynccontextmanager
async def running(
    app: ASGIApp, listener: socket.socket, *, grace: int, tls: ssl.SSLContext | None = None, **more: Any
) -> AsyncIterator[asyncio.Task[None]]:
    """Serve until the block is left; then requests that are open have ``grace`` seconds to finish.

    The listener is bound already, so connections wait in its queue until the server takes them. ``tls`` may be
    given another certificate meanwhile, ``more`` are options of uvicorn. Yields the task that serves; it ends early
    if it fails.
    """
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=grace,
        **more,
    )
    config.load()
    config.ssl = tls
    _send_at_once(listener)
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield serving
    finally:
        server.should_exit = True
        await serving


def _send_at_once(listener: socket.socket) -> None:
    """Have connections not wait for more to send, for the 40 ms in which a peer holds its acknowledgement back.

    They inherit it. asyncio does so only for sockets that were made with the protocol's number, uvloop for all.
    """
    if listener.family in {socket.AF_INET, socket.AF_INET6}:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs the process: tasks are handed back before it stops answering."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
