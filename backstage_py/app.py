"""The service as one application: its parts in, its faces around them, Starlette out; composition only."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from backstage_py.http import application, health, plugin_mount, plugins, pods
from backstage_py.http import metrics as metrics_face
from backstage_py.http.health import Health
from backstage_py.http.peer import Peers
from backstage_py.http.plugin_mount import Plugin
from backstage_py.http.rate_limit import RateLimits
from backstage_py.http.streams import OpenStreams
from backstage_py.mcp import server as mcp_server
from backstage_py.mcp.callers import ProcessApi
from backstage_py.mcp.server import McpEndpoint
from backstage_py.metrics import collecting
from backstage_py.metrics.collecting import Collection
from backstage_py.plugin.services import required
from backstage_py.settings.sections import Settings
from backstage_py.storage import migrate
from backstage_py.wiring import database, handover, identity, process
from backstage_py.wiring.metrics import Scrapes
from backstage_py.wiring.process import Process
from backstage_py.wiring.scaffolder import Scaffolder
from backstage_py.wiring.stand_in import StandIn


@dataclass(slots=True)
class Service:
    """An open service.

    Attributes:
        asgi: the application.
        worker_environment: variables that worker processes need besides their parent's.
        scrapes: answers ``/metrics``; None when that is switched off.
    """

    scaffolder: Scaffolder
    health: Health
    worker_environment: Mapping[str, str]
    scrapes: Scrapes | None = None
    streams: OpenStreams = field(default_factory=OpenStreams)
    asgi: Starlette = field(default_factory=Starlette)

    def process_ended(self, pid: int) -> None:
        """Take note that a worker process has ended."""
        if self.scrapes:
            self.scrapes.collection.forget_process(pid)

    @asynccontextmanager
    async def running(self, workers: AbstractAsyncContextManager[None] | None = None) -> AsyncIterator[None]:
        """Run tasks until the block is left; then they finish or are handed back, and the event streams end.

        Requests are to be answered until then.

        Args:
            workers: processes that run tasks too, and whose steps may need this process's answers.
        """
        async with (
            self.streams.running(),
            workers or nullcontext(),
            pods.listening(self.scaffolder.pods),
            self.scaffolder.running(),
            self.health.running(),
        ):
            yield


@asynccontextmanager
async def serving(
    settings: Settings,
    stand_ins: Sequence[StandIn] = (),
    *,
    run_tasks: bool = True,
    upgrade: database.Upgrade = migrate.upgrade,
) -> AsyncIterator[Service]:
    """Open the whole service until the block is left; it is to be answered for, and run (``Service.running``).

    Args:
        settings: with the address that is really listened on.
        stand_ins: in the place of foreign systems.
        run_tasks: run tasks in this process; otherwise worker processes do.
        upgrade: brings the tables up to date.

    Raises:
        SettingsError: something that is configured cannot be used.
    """
    async with AsyncExitStack() as stack:
        asked, collection = settings.backend.metrics, None
        if asked.is_enabled:
            collection = stack.enter_context(collecting.collected(has_workers=not run_tasks))
        core = await stack.enter_async_context(
            process.opened(settings, stand_ins, run_tasks=run_tasks, upgrade=upgrade)
        )
        service = Service(
            core.scaffolder,
            Health(
                core.database.answers, headers=settings.backend.health_headers, delay=settings.backend.shutdown_delay
            ),
            handover.environment(core.settings, stand_ins, collection.folder if collection else None),
            await _scrapes(core, collection, stack),
        )
        known = plugins.ids(core, stand_ins) | {mcp_server.PLUGIN}
        agents = McpEndpoint(partial(_api_of, service, core, known if core.catalog else known - {"catalog"}))
        authenticator = identity.authenticator(
            settings, core.addresses, core.issuer, {*known, settings.scaffolder.actions_plugin}
        )
        peers = Peers(settings.backend.server)
        mounted = (*plugins.of(core, stand_ins, authenticator), _agents(core, agents))
        routes = [
            *health.routes(service.health),
            *(plugin_mount.plugin_mount(one, authenticator, peers) for one in mounted),
        ]
        if service.scrapes and asked.port is None:
            routes.append(metrics_face.route(service.scrapes.text, None if asked.is_open else authenticator))
        asked_limits, limits = settings.backend.rate_limit, None
        if asked_limits:
            limits = await stack.enter_async_context(RateLimits(asked_limits, peers).running())
        service.asgi = application.create(routes, settings.backend, service.streams, limits)
        await stack.enter_async_context(agents.running())
        if core.catalog:
            await stack.enter_async_context(core.catalog.service.running())
        await stack.enter_async_context(core.collector.running())
        core.permissions.log_mode()
        core.keys.log_mode()
        if settings.scaffolder.reload_actions:
            await stack.enter_async_context(core.plugins.running())
        yield service


async def _scrapes(core: Process, collection: Collection | None, stack: AsyncExitStack) -> Scrapes | None:
    if collection is None:
        return None
    report = partial(core.reports.service.report, {})
    return await stack.enter_async_context(Scrapes(collection, core.database, report).running())


def _agents(core: Process, endpoint: McpEndpoint) -> Plugin:
    return Plugin(mcp_server.PLUGIN, [Route(mcp_server.PATH, endpoint)], core.issuer.keys.public)


def _api_of(service: Service, core: Process, mounted: frozenset[str], request: Request) -> ProcessApi:
    """Return how an agent's calls reach our plugins: through this application, as the agent's user."""
    header = request.headers.get("authorization")
    return ProcessApi(service.asgi, mounted.__contains__, required(core.services.backstage, "discovery"), header)
