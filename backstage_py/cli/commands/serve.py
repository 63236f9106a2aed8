"""``backstage-py serve``: the service in this process, and its task workers beside it when asked for."""

import asyncio
import contextlib
import gc
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from math import ceil
from pathlib import Path
from typing import NamedTuple

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp

from backstage_py import app, logging, temporary
from backstage_py.cli import ending, hangup
from backstage_py.cli.commands.worker import Workers
from backstage_py.cli.ending import Ending
from backstage_py.cli.loop import run_loop
from backstage_py.errors import SettingsError
from backstage_py.http import metrics as metrics_face
from backstage_py.http import server, tls
from backstage_py.http.connections import Connections, most_connections, raise_descriptor_limit
from backstage_py.http.credentials import credentials
from backstage_py.http.server_protocol import ServerProtocol
from backstage_py.settings import check, load_settings, with_listen
from backstage_py.settings.load import load_checked
from backstage_py.settings.sections import Settings
from backstage_py.wiring import migrator, telemetry
from backstage_py.wiring.migrator import Migrator
from backstage_py.wiring.stand_in import StandIn

_log = structlog.get_logger(__name__)

Front = Callable[[app.Service, Settings], AbstractAsyncContextManager[ASGIApp]]
"""Opens what answers in place of a service, and may pass requests on to it."""


class _Prepared(NamedTuple):
    """What is made before the loop: what listens, for scrapes where they have a port of their own, and migrates."""

    requests: socket.socket
    metrics: socket.socket | None
    migrator: Migrator


_BACKLOG = 65_535  # as many as the system lets wait (net.core.somaxconn); the rest would try again after a second
_GRACE_SECONDS = 10


def run(config: Sequence[Path], *, host: str | None, port: int | None, workers: int, front: Front | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return the exit status.

    Args:
        config: app-config files.
        host: in place of the configured one.
        port: in place of the configured one.
        workers: how many processes run tasks.
        front: what stands before the service.

    Raises:
        SettingsError: the configuration is wrong, or the port is taken.
    """
    settings, checked = load_checked(config, os.environ)
    logging.configure(settings.backend.log_level, lasting=True)
    for warning in settings.warnings:
        _log.warning("configuration_suspicious", problem=warning)
    _log.info("configuration_checked", **check.summary(checked))
    settings = with_listen(settings, host, port)
    with (
        listening(settings.backend.host, settings.backend.port) as listener,
        _metrics_listener(settings) as metrics,
        temporary.own(),
        migrator.forked(settings) as migrations,
    ):
        settings = with_listen(settings, None, listener.getsockname()[1])
        prepared = _Prepared(listener, metrics, migrations)
        with telemetry.running(os.environ):
            run_loop(_serve(settings, prepared, list(config), workers, front or _nothing))
    return 0


@contextlib.contextmanager
def listening(host: str, port: int, key: str = "backend.listen") -> Iterator[socket.socket]:
    """Bind before anything else is started, so that a taken port has no effects; ``key`` configures it.

    Raises:
        SettingsError: the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host or not host else socket.AF_INET
    try:
        listener = socket.create_server(
            (host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=not host and socket.has_dualstack_ipv6()
        )
    except OSError as error:
        where = f"{host or '*'}:{port}"
        raise SettingsError(
            key, f"cannot listen on {where} ({error.strerror}); stop what uses it or give another --port"
        ) from error
    with listener:
        yield listener


@contextlib.contextmanager
def _metrics_listener(settings: Settings) -> Iterator[socket.socket | None]:
    asked = settings.backend.metrics
    if asked.port is None or not asked.is_enabled:
        yield None
        return
    host = settings.backend.host if asked.host is None else asked.host.replace("*", "")
    with listening(host, asked.port, "backend.metrics.listen") as listener:
        yield listener


async def _serve(settings: Settings, prepared: _Prepared, config: list[Path], workers: int, front: Front) -> None:
    with ending.by_signal() as end:
        await _serve_until(end, settings, prepared, config, workers, front)
    _log.info("service_stopped")


async def _serve_until(
    end: Ending, settings: Settings, prepared: _Prepared, config: list[Path], workers: int, front: Front
) -> None:
    listener, metrics, migrations = prepared
    bounds = settings.backend.server
    connections = Connections(bounds, most_connections(bounds, raise_descriptor_limit()))
    async with (
        _stand_ins(settings) as stand_ins,
        app.serving(settings, stand_ins, run_tasks=workers == 0, upgrade=migrations.upgrade) as service,
        front(service, settings) as asgi,
        _certificate(settings, config) as context,
        server.running(
            asgi,
            listener,
            grace=_GRACE_SECONDS,
            tls=context,
            http=partial(ServerProtocol, connections),  # called as the class would be
            timeout_keep_alive=ceil(bounds.keep_alive_timeout),
        ) as answering,
        _metrics(service, metrics),
        _beside(service, settings, config, workers),
    ):
        end.started()
        _collect_from_here()
        _log.info("service_started", url=settings.backend.base_url, listen=_shown(listener), workers=workers)
        await _first(answering, end.asked)
        _log.info("service_stopping")


@contextlib.asynccontextmanager
async def _certificate(settings: Settings, config: list[Path]) -> AsyncIterator[ssl.SSLContext | None]:
    """Give the context of ``backend.https`` and keep its certificate up to date; None for plain HTTP."""
    if settings.backend.https is None:
        yield None
        return
    found = tls.Certificate(settings.backend, settings.backend.https)
    async with found.renewed(settings.files, lambda: load_settings(config, os.environ).backend.https):
        yield found.context


@contextlib.asynccontextmanager
async def _beside(service: app.Service, settings: Settings, config: list[Path], workers: int) -> AsyncIterator[None]:
    """Run the service with its worker processes; SIGHUP reaches all of them."""
    beside = Workers(config, service.worker_environment, service.process_ended)
    service.health.problems.append(beside.problems)
    async with hangup.rereading(settings, config, beside.hang_up), service.running(beside.running(workers)):
        yield


@contextlib.asynccontextmanager
async def _metrics(service: app.Service, listener: socket.socket | None) -> AsyncIterator[None]:
    """Answer scrapes at a port of their own, if there is one, until all else has stopped."""
    if listener is None or service.scrapes is None:
        yield
        return
    async with server.running(metrics_face.application(service.scrapes.text), listener, grace=1):
        _log.info("metrics_served", listen=_shown(listener))
        yield


@contextlib.asynccontextmanager
async def _nothing(service: app.Service, _settings: Settings) -> AsyncIterator[ASGIApp]:
    yield service.asgi


@contextlib.asynccontextmanager
async def _stand_ins(settings: Settings) -> AsyncIterator[Sequence[StandIn]]:
    """Run the git host that stands in for GitHub, when ``sandbox`` is configured."""
    if settings.sandbox is None:
        yield ()
        return
    from backstage_py.sandbox import stand_in

    asked = settings.sandbox
    async with stand_in.running(asked.root, guard=_caller, port=asked.port, crossplane=asked.crossplane) as sandbox:
        yield [sandbox]


async def _caller(request: Request) -> str:
    return credentials(request).subject


async def _first(running: "asyncio.Task[None]", stop: asyncio.Event) -> None:
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


def _collect_from_here() -> None:
    """Turn garbage collection on; objects made during the start are left out of it."""
    gc.freeze()
    gc.enable()


def _shown(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
