"""The service as one application: its parts in, its faces around them, Starlette out; composition only."""

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from backstage_py import bundled
from backstage_py.http import (
    application,
    auth,
    health,
    permission,
    plugin_mount,
    scaffolder_actions,
    template_actions,
)
from backstage_py.http import catalog as catalog_face
from backstage_py.http import crossplane as crossplane_face
from backstage_py.http import scaffolder as scaffolder_face
from backstage_py.http.health import Health
from backstage_py.http.plugin_mount import Plugin
from backstage_py.http.streams import OpenStreams
from backstage_py.http.template_actions import TemplateActions
from backstage_py.identity.authenticator import Authenticator
from backstage_py.identity.guest import GuestSignIn
from backstage_py.mcp import server as mcp_server
from backstage_py.mcp.callers import ProcessApi
from backstage_py.mcp.server import McpEndpoint
from backstage_py.model.json import JsonObject
from backstage_py.permissions import conditions
from backstage_py.permissions.mode import Mode
from backstage_py.plugin.services import required
from backstage_py.provisioning.authorized import AuthorizedProvisioner
from backstage_py.scaffolder.face.action_policy import ActionPolicy
from backstage_py.settings.sections import Settings
from backstage_py.wiring import handover, identity, process
from backstage_py.wiring.process import Process
from backstage_py.wiring.scaffolder import Scaffolder
from backstage_py.wiring.stand_in import StandIn

PLUGINS = frozenset({"auth", "permission", "scaffolder", "catalog", mcp_server.PLUGIN})


@dataclass(slots=True)
class Service:
    """An open service.

    Attributes:
        asgi: the application.
        worker_environment: variables that worker processes need besides their parent's.
    """

    scaffolder: Scaffolder
    health: Health
    worker_environment: Mapping[str, str]
    streams: OpenStreams = field(default_factory=OpenStreams)
    asgi: Starlette = field(default_factory=Starlette)

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
            self.scaffolder.running(),
            self.health.running(),
        ):
            yield


@asynccontextmanager
async def serving(
    settings: Settings, stand_ins: Sequence[StandIn] = (), *, run_tasks: bool = True
) -> AsyncIterator[Service]:
    """Open the whole service until the block is left; it is to be answered for, and run (``Service.running``).

    Args:
        settings: with the address that is really listened on.
        stand_ins: in the place of foreign systems.
        run_tasks: run tasks in this process; otherwise worker processes do.

    Raises:
        SettingsError: something that is configured cannot be used.
    """
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(process.opened(settings, stand_ins, run_tasks=run_tasks))
        service = Service(
            core.scaffolder,
            Health(
                core.database.answers, headers=settings.backend.health_headers, delay=settings.backend.shutdown_delay
            ),
            handover.environment(core.settings, stand_ins),
        )
        offered = {crossplane_face.PLUGIN} if core.provisioner else set()
        known = PLUGINS.union(offered, *(one.plugins for one in stand_ins))
        agents = McpEndpoint(partial(_api_of, service, core, known if core.catalog else known - {"catalog"}))
        authenticator = identity.authenticator(
            settings, core.addresses, core.issuer, {*known, settings.scaffolder.actions_plugin}
        )
        plugins = (*_plugins(core, authenticator), *_stand_ins(core, stand_ins), _agents(core, agents))
        routes = [*health.routes(service.health), *(plugin_mount.plugin_mount(one, authenticator) for one in plugins)]
        service.asgi = application.create(routes, settings.backend, service.streams)
        await stack.enter_async_context(agents.running())
        if core.catalog:
            await stack.enter_async_context(core.catalog.service.running())
        core.permissions.log_mode()
        core.keys.log_mode()
        if settings.scaffolder.reload_actions:
            await stack.enter_async_context(core.plugins.running())
        yield service


def _plugins(core: Process, authenticator: Authenticator) -> Iterator[Plugin]:
    yield _auth(core, authenticator)
    yield _scaffolder(core)
    yield _template_actions(core)
    if core.permissions.mode is not Mode.BACKEND:
        yield Plugin("permission", permission.routes(), _keys(core), open_paths=re.compile("/health$"))
    if core.provisioner:
        yield _crossplane(core, core.provisioner)
    if core.catalog:
        yield Plugin(
            "catalog",
            catalog_face.routes(core.catalog, ActionPolicy.of(core.settings.raw)),
            _keys(core),
            permissions=bundled.schema("permissions/catalog"),
            apply_conditions=conditions.endpoint(core.catalog.resource_type()),
            openapi=catalog_face.document(),
        )


def _crossplane(core: Process, provisioner: AuthorizedProvisioner) -> Plugin:
    return Plugin(
        crossplane_face.PLUGIN,
        crossplane_face.routes(provisioner),
        _keys(core),
        permissions=bundled.schema("permissions/crossplane"),
    )


def _auth(core: Process, authenticator: Authenticator) -> Plugin:
    asked = core.settings.auth
    guest = GuestSignIn(asked, core.issuer, core.services.catalog, core.addresses.own) if asked.guest else None
    routes = auth.routes(core.issuer, authenticator, guest)
    return Plugin("auth", routes, _keys(core), open_paths=plugin_mount.every_path())


def _scaffolder(core: Process) -> Plugin:
    authorized = core.scaffolder.authorized
    return Plugin(
        "scaffolder",
        [
            *scaffolder_face.routes(authorized),
            *scaffolder_actions.routes(authorized, ActionPolicy.of(core.settings.raw)),
        ],
        _keys(core),
        body_limit=scaffolder_face.BODY_LIMIT,
        permissions=bundled.schema("permissions/scaffolder"),
        apply_conditions=conditions.endpoint(*authorized.resource_types()),
        openapi=scaffolder_face.document(),
    )


def _template_actions(core: Process) -> Plugin:
    offered = TemplateActions.of(
        core.settings.scaffolder.actions_plugin,
        core.plugins.actions,
        core.services,
        core.settings.backend.working_directory,
        ActionPolicy.of(core.settings.raw),
        core.scaffolder.authorized.authority,
        core.settings.scaffolder.limits,
    )
    return Plugin(offered.plugin, offered.routes(), _keys(core), body_limit=template_actions.BODY_LIMIT)


def _stand_ins(core: Process, stand_ins: Sequence[StandIn]) -> Iterator[Plugin]:
    """Yield the plugins of stand-ins; what this service offers itself goes before them."""
    for one in stand_ins:
        for id_, routes in one.plugins.items():
            if id_ != crossplane_face.PLUGIN or core.provisioner is None:
                yield Plugin(id_, routes, _keys(core))


def _agents(core: Process, endpoint: McpEndpoint) -> Plugin:
    return Plugin(mcp_server.PLUGIN, [Route(mcp_server.PATH, endpoint)], _keys(core))


def _api_of(service: Service, core: Process, mounted: frozenset[str], request: Request) -> ProcessApi:
    """Return how an agent's calls reach our plugins: through this application, as the agent's user."""
    header = request.headers.get("authorization")
    return ProcessApi(service.asgi, mounted.__contains__, required(core.services.backstage, "discovery"), header)


def _keys(core: Process) -> Callable[[], list[JsonObject]]:
    return core.issuer.keys.public
