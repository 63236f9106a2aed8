"""The composition root: settings in, a running service out. Only this module opens and closes things.

``serving`` is the whole service for ``backstage-py serve``; ``working`` is the part of it that runs tasks, for the
worker processes beside it.
"""

import re
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from backstage_py import bundled
from backstage_py.catalog.authorized import AuthorizedCatalog
from backstage_py.catalog.client import LocalCatalogClient
from backstage_py.catalog.service import CatalogService
from backstage_py.errors import SettingsError
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
from backstage_py.http import scaffolder as scaffolder_face
from backstage_py.http.credentials import credentials
from backstage_py.http.health import Health
from backstage_py.http.plugin_mount import Plugin
from backstage_py.http.streams import OpenStreams
from backstage_py.http.template_actions import TemplateActions
from backstage_py.identity import keys
from backstage_py.identity.authenticator import Authenticator, TrustedIssuer
from backstage_py.identity.external import ExternalTokens
from backstage_py.identity.guest import GuestSignIn
from backstage_py.identity.issuer import TokenIssuer
from backstage_py.identity.jwks import KeySets
from backstage_py.identity.on_behalf import OnBehalf
from backstage_py.integrations.backstage import Discovery, HttpBackstageClient, HttpCatalogClient
from backstage_py.integrations.github_autocomplete import GithubAutocomplete
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.hosts.url_reading import UrlReading, listed
from backstage_py.integrations.web.http import HttpClient
from backstage_py.mcp import server as mcp_server
from backstage_py.mcp.callers import ProcessApi
from backstage_py.mcp.server import McpEndpoint
from backstage_py.model import json
from backstage_py.model.scm import ScmIntegration
from backstage_py.permissions import conditions, names
from backstage_py.permissions.in_force import Mode, Permissions
from backstage_py.plugin import Plugins, Services, load_plugins
from backstage_py.plugin.catalog import load_catalog_plugins
from backstage_py.plugin.services import required
from backstage_py.scaffolder.assembly import Scaffolder
from backstage_py.scaffolder.face.action_policy import ActionPolicy
from backstage_py.scaffolder.face.remote_actions import HttpRemoteActions
from backstage_py.settings.addresses import Addresses
from backstage_py.settings.sections import Settings
from backstage_py.storage import migrate
from backstage_py.storage.database import Database

if TYPE_CHECKING:
    from backstage_py.sandbox.server import Sandbox

PLUGINS = frozenset({"auth", "permission", "scaffolder", "catalog", "crossplane", "mcp-actions"})
_HANDED_ON = "BACKSTAGE_PY_HANDED_ON"  # variable of worker processes; it may hold a token, so it is no argument
_KEY_FILE = "backstage-py-signing-key.pem"


@dataclass(slots=True)
class Service:
    """A running service.

    Attributes:
        asgi: the application; it answers nothing in a process without HTTP.
        worker_environment: variables that worker processes need besides their parent's.
    """

    scaffolder: Scaffolder
    asgi: Starlette = field(default_factory=Starlette)
    health: Health = field(default_factory=Health)
    streams: OpenStreams = field(default_factory=OpenStreams)
    worker_environment: Mapping[str, str] = field(default_factory=dict)

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
async def serving(settings: Settings, *, run_tasks: bool = True) -> AsyncIterator[Service]:
    """Open the whole service until the block is left; it is to be answered for, and run (``Service.running``).

    Args:
        settings: with the address that is really listened on.
        run_tasks: run tasks in this process; otherwise worker processes do.

    Raises:
        SettingsError: something that is configured cannot be used.
    """
    async with AsyncExitStack() as stack:
        sandbox = await _sandbox(settings, stack)
        hosts = _sandbox_hosts(sandbox.integrations) if sandbox else ()
        core = await _core(settings, hosts, stack)
        identity = _identity(settings, core)
        service = Service(
            core.scaffolder(None if run_tasks else 0),
            health=Health(headers=settings.backend.health_headers, delay=settings.backend.shutdown_delay),
            worker_environment={_HANDED_ON: _handed_on(core.settings, sandbox)},
        )
        routes = [
            *health.routes(service.health),
            *(
                plugin_mount.plugin_mount(plugin, identity.authenticator)
                for plugin in (*_plugins(service, core, identity, sandbox), await _agents(service, core, stack))
            ),
        ]
        service.asgi = application.create(routes, settings.backend, service.streams)
        if core.catalog:
            await stack.enter_async_context(core.catalog.service.running())
        core.permissions.announce()
        if settings.scaffolder.reload_actions:
            await stack.enter_async_context(core.plugins.running())
        yield service


@asynccontextmanager
async def working(settings: Settings, env: Mapping[str, str]) -> AsyncIterator[None]:
    """Run tasks until the block is left; ``env`` holds what the service handed on to this process."""
    async with AsyncExitStack() as stack:
        handed_on = json.parse(env[_HANDED_ON])
        backend = replace(settings.backend, base_url=handed_on["baseUrl"], database_url=handed_on["databaseUrl"])
        core = await _core(replace(settings, backend=backend), _sandbox_hosts(handed_on["sandbox"]), stack)
        async with core.scaffolder(None).running():
            yield


@dataclass(frozen=True, slots=True)
class _Core:
    """What every process of the service has; ``catalog`` is None when another Backstage's is used."""

    settings: Settings
    addresses: Addresses
    database: Database
    services: Services
    plugins: Plugins
    issuer: TokenIssuer
    integrations: ScmRegistry
    catalog: AuthorizedCatalog | None
    permissions: Permissions

    def scaffolder(self, limit: int | None) -> Scaffolder:
        """Put the scaffolder together; ``limit`` bounds its tasks in this process."""
        return Scaffolder(
            self.database,
            self.plugins.actions,
            self.settings.scaffolder,
            self.services,
            working_directory=self.settings.backend.working_directory,
            autocompletes={"github": GithubAutocomplete(self.integrations)},
            authority=self.permissions.authority(names.SCAFFOLDER),
            worker_limit=limit,
        )


async def _core(settings: Settings, sandbox_hosts: Sequence[ScmIntegration], stack: AsyncExitStack) -> _Core:
    settings = _with_lasting_database(settings, stack)
    addresses = Addresses.of(settings)
    database = await stack.enter_async_context(Database(settings.backend.database_url).running())
    await migrate.upgrade(database)
    integrations = ScmRegistry((*sandbox_hosts, *settings.integrations))
    http = await stack.enter_async_context(
        HttpClient(listed(integrations, settings.backend.reading, _service_hosts(settings, addresses)))
    )
    issuer = _issuer(settings, addresses, database)
    on_behalf = OnBehalf(issuer, settings.scaffolder.actions_plugin)
    plugins = load_plugins(settings.scaffolder.actions_folder)
    services = Services(
        url_reader=UrlReading(http, integrations, settings.backend.reading),
        integrations=integrations,
        backstage=HttpBackstageClient(
            http,
            Discovery.of(addresses.base_url, settings.discovery),
            settings.scaffolder.http_allowed_hosts,
            on_behalf.token,
        ),
        config=settings.raw,
        remote_actions=HttpRemoteActions(
            http,
            ActionPolicy.of(settings.raw),
            addresses.plugin,
            on_behalf.token_or_own,
            own=frozenset({settings.scaffolder.actions_plugin}),
        ),
        own_token=lambda plugin: on_behalf.token_or_own(None, plugin),
        filters=plugins.filters,
        globals=plugins.globals,
        global_descriptions=plugins.descriptions,
    )
    permissions = Permissions.of(settings, addresses, http, issuer)
    catalog = _catalog(settings, addresses, database, services, permissions)
    client = LocalCatalogClient(catalog) if catalog else HttpCatalogClient(http, _foreign_catalog(settings, addresses))
    return _Core(
        settings,
        addresses,
        database,
        replace(services, catalog=client),
        plugins,
        issuer,
        integrations,
        catalog,
        permissions,
    )


def _issuer(settings: Settings, addresses: Addresses, database: Database) -> TokenIssuer:
    return TokenIssuer(
        keys.load_or_create(_key_file(settings, database)),
        f"{addresses.own}/api/auth",
        ownership_in_token=settings.auth.ownership_in_token,
    )


def _catalog(
    settings: Settings, addresses: Addresses, database: Database, services: Services, permissions: Permissions
) -> AuthorizedCatalog | None:
    if settings.catalog.base_url or not addresses.serves("catalog"):
        return None
    service = CatalogService(
        database,
        required(services.url_reader, "URL reader"),
        settings.catalog,
        integrations=services.integrations,
        plugins=load_catalog_plugins(services),
    )
    return AuthorizedCatalog(service, permissions.authority(names.CATALOG))


def _foreign_catalog(settings: Settings, addresses: Addresses) -> str:
    return settings.catalog.base_url or addresses.plugin("catalog")


@dataclass(frozen=True, slots=True)
class _Identity:
    authenticator: Authenticator
    guest: GuestSignIn | None


def _identity(settings: Settings, core: _Core) -> _Identity:
    addresses, key_sets = core.addresses, KeySets()
    trusted = [TrustedIssuer(one.jwks_url, one.issuer) for one in settings.auth.issuers]
    if not addresses.serves("auth"):
        trusted.append(TrustedIssuer(f"{addresses.plugin('auth')}/.well-known/jwks.json"))
    authenticator = Authenticator(
        own=core.issuer,
        own_plugins=frozenset(
            plugin for plugin in (*PLUGINS, settings.scaffolder.actions_plugin) if addresses.serves(plugin)
        ),
        trusted=tuple(trusted),
        plugin_url=addresses.plugin,
        external=ExternalTokens(settings.auth.external, key_sets),
        key_sets=key_sets,
        open_policy=settings.auth.disable_default_policy,
    )
    guest = (
        GuestSignIn(settings.auth, core.issuer, core.services.catalog, addresses.own) if settings.auth.guest else None
    )
    return _Identity(authenticator, guest)


def _key_file(settings: Settings, database: Database) -> Path:
    if settings.auth.key_file:
        return settings.auth.key_file
    return database.path.with_name(_KEY_FILE) if database.path else settings.backend.working_directory / _KEY_FILE


async def _agents(service: Service, core: _Core, stack: AsyncExitStack) -> Plugin:
    """Return the plugin for agents; each of their calls goes through this application as the agent's user."""
    mounted = PLUGINS if core.catalog else PLUGINS - {"catalog"}

    def api_of(request: Request) -> ProcessApi:
        header = request.headers.get("authorization")
        return ProcessApi(service.asgi, mounted.__contains__, required(core.services.backstage, "discovery"), header)

    endpoint = McpEndpoint(api_of)
    await stack.enter_async_context(endpoint.running())
    return Plugin(mcp_server.PLUGIN, [Route(mcp_server.PATH, endpoint)], lambda: [core.issuer.key.jwk])


def _plugins(service: Service, core: _Core, identity: _Identity, sandbox: "Sandbox | None") -> list[Plugin]:
    def public_keys() -> list[json.JsonObject]:
        return [core.issuer.key.jwk]

    def plugin(id_: str, routes: Sequence[BaseRoute], **more: Any) -> Plugin:
        return Plugin(id_, routes, public_keys, **more)

    policy = ActionPolicy.of(core.settings.raw)
    offered = TemplateActions.of(
        core.settings.scaffolder.actions_plugin,
        core.plugins.actions,
        core.services,
        core.settings.backend.working_directory,
        policy,
    )
    auth_routes = auth.routes(core.issuer, identity.authenticator, identity.guest)
    found = [
        plugin("auth", auth_routes, open_paths=plugin_mount.open_everywhere()),
        plugin(
            "scaffolder",
            [
                *scaffolder_face.routes(service.scaffolder.authorized),
                *scaffolder_actions.routes(service.scaffolder.authorized, policy),
            ],
            body_limit=scaffolder_face.BODY_LIMIT,
            permissions=bundled.schema("permissions/scaffolder"),
            apply_conditions=conditions.answering(*service.scaffolder.authorized.resource_types()),
            openapi=scaffolder_face.document(),
        ),
        plugin(offered.plugin, offered.routes(), body_limit=template_actions.BODY_LIMIT),
    ]
    if core.permissions.mode is not Mode.BACKEND:
        found.append(plugin("permission", permission.routes(), open_paths=re.compile("/health$")))
    if core.catalog:
        found.append(
            plugin(
                "catalog",
                catalog_face.routes(core.catalog),
                permissions=bundled.schema("permissions/catalog"),
                apply_conditions=conditions.answering(core.catalog.resource_type()),
                openapi=catalog_face.document(),
            )
        )
    if sandbox and core.settings.sandbox and core.settings.sandbox.crossplane:
        from backstage_py.sandbox.crossplane import crossplane_routes

        found.append(plugin("crossplane", crossplane_routes(sandbox.store, guard=_caller, base_url=sandbox.url)))
    return found


async def _caller(request: Request) -> str:
    return credentials(request).subject


async def _sandbox(settings: Settings, stack: AsyncExitStack) -> "Sandbox | None":
    if settings.sandbox is None:
        return None
    from backstage_py.sandbox.server import serve_sandbox

    try:
        return await stack.enter_async_context(
            serve_sandbox(settings.sandbox.root, port=settings.sandbox.port, open_clones=True)
        )
    except (ValueError, OSError) as error:
        raise SettingsError("sandbox", f"the sandbox cannot be started: {error}") from error


def _sandbox_hosts(entries: Sequence[json.JsonObject]) -> tuple[ScmIntegration, ...]:
    """Return the git hosts that the sandbox takes the place of; they stand before the configured ones."""
    return tuple(
        ScmIntegration("github", one["host"], one["host"], one["apiBaseUrl"], one["rawBaseUrl"], one["token"], {})
        for one in entries
    )


def _handed_on(settings: Settings, sandbox: "Sandbox | None") -> str:
    """Return what worker processes cannot find in the configuration: addresses that were only known at start."""
    return json.text(
        {
            "baseUrl": settings.backend.base_url,
            "databaseUrl": settings.backend.database_url,
            "sandbox": sandbox.integrations if sandbox else [],
        }
    )


def _service_hosts(settings: Settings, addresses: Addresses) -> list[str]:
    """Return the hosts of plugins, which may have private addresses."""
    urls = [addresses.own, addresses.base_url, settings.catalog.base_url, *settings.discovery.targets.values()]
    return [urlsplit(url).netloc for url in urls if url]


def _with_lasting_database(settings: Settings, stack: AsyncExitStack) -> Settings:
    """Return settings whose database is a file: one for ``:memory:`` lives as long as this process."""
    if make_url(settings.backend.database_url).database or not settings.backend.database_url.startswith("sqlite"):
        return settings
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="backstage-py-"))
    url = f"sqlite:///{Path(folder) / 'memory.sqlite'}"
    return replace(settings, backend=replace(settings.backend, database_url=url))
