"""The server, and how it stops without failing a request."""

import asyncio
import logging
import socket

import uvicorn
from fastapi import FastAPI

from service.settings import Settings

_log = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """Told to stop, it turns unready and answers on while load balancers take it away."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        self._readiness = app.state.readiness
        self._drain_seconds = settings.drain_seconds
        super().__init__(
            uvicorn.Config(
                app,
                access_log=False,
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=settings.shutdown_seconds,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._readiness.ready = False
        _log.info("stopping")
        await asyncio.sleep(self._drain_seconds)
        await super().shutdown(sockets)
        _log.info("stopped")


def listen(port: int) -> socket.socket:
    """Listen on all addresses, of IPv6 too where there is one. Port 0 takes any that is free."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))
