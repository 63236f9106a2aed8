"""What each process of the service has: the one that answers requests, and the workers beside it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from backstage_py import audit, logging
from backstage_py.catalog.authorized import AuthorizedCatalog
from backstage_py.catalog.client import LocalCatalogClient
from backstage_py.catalog.service import CatalogService
from backstage_py.catalog.sources import configured
from backstage_py.errors import SettingsError
from backstage_py.identity.issuer import TokenIssuer
from backstage_py.identity.on_behalf import OnBehalf
from backstage_py.integrations.backstage import Discovery, HttpBackstageClient, HttpCatalogClient
from backstage_py.integrations.bitbucket_autocomplete import BitbucketAutocomplete
from backstage_py.integrations.github_autocomplete import GithubAutocomplete
from backstage_py.integrations.gitlab_autocomplete import GitlabAutocomplete
from backstage_py.integrations.terraform import rules as terraform_rules
from backstage_py.permissions import names
from backstage_py.permissions.mode import Permissions
from backstage_py.plugin import Plugins, Services, load_plugins
from backstage_py.plugin.catalog import EntityProvider, load_catalog_plugins
from backstage_py.plugin.services import required
from backstage_py.reporting.authorized import AuthorizedReports
from backstage_py.reporting.collector import Collector
from backstage_py.reporting.service import ReportService
from backstage_py.scaffolder.face.action_policy import ActionPolicy
from backstage_py.scaffolder.face.remote_actions import HttpRemoteActions
from backstage_py.scaffolder.run.redaction import Redactor
from backstage_py.settings.addresses import Addresses
from backstage_py.settings.secret_values import secret_values
from backstage_py.settings.sections import Settings
from backstage_py.storage import migrate, outages
from backstage_py.storage.database import Database
from backstage_py.storage.reporting.entities import ReportedEntities
from backstage_py.storage.reporting.events import PlatformEventStore
from backstage_py.wiring import database, identity, keys, outside
from backstage_py.wiring.keys import Keys
from backstage_py.wiring.outside import Outside
from backstage_py.wiring.scaffolder import Scaffolder
from backstage_py.wiring.stand_in import StandIn

if TYPE_CHECKING:
    from backstage_py.provisioning.authorized import AuthorizedProvisioner
    from backstage_py.wiring.provisioning import Offered


@dataclass(frozen=True, slots=True)
class Process:
    """The parts; ``catalog`` is None when another Backstage's is used, ``provisioner`` when nothing is offered."""

    settings: Settings
    addresses: Addresses
    keys: Keys
    issuer: TokenIssuer
    permissions: Permissions
    plugins: Plugins
    services: Services
    scaffolder: Scaffolder
    catalog: AuthorizedCatalog | None
    provisioner: "AuthorizedProvisioner | None"
    collector: Collector
    reports: AuthorizedReports
    database: Database


@asynccontextmanager
async def opened(
    settings: Settings,
    stand_ins: Sequence[StandIn] = (),
    *,
    run_tasks: bool = True,
    upgrade: database.Upgrade = migrate.upgrade,
) -> AsyncIterator[Process]:
    """Open the database and put the parts together until the block is left; none of them runs yet.

    Args:
        settings: with the address that is really listened on.
        stand_ins: in the place of foreign systems.
        run_tasks: False where worker processes do.
        upgrade: brings the tables up to date.

    Raises:
        SettingsError: something that is configured cannot be used.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(logging.hiding(Redactor(secret_values(settings.raw)).text))
        stack.enter_context(_auditing(settings))
        settings, store = await stack.enter_async_context(database.opened(settings))
        addresses = Addresses.of(settings)
        out = await stack.enter_async_context(outside.opened(settings, stand_ins, _plugin_hosts(settings, addresses)))
        with outages.patience():  # it may go away again in the middle of a start
            await database.migrated(store, settings.backend, upgrade)
            kept = await stack.enter_async_context(
                keys.opened(
                    store,
                    settings.auth,
                    settings.scaffolder,
                    settings.backend.working_directory,
                    seals_plans=terraform_rules.needs_key(settings.raw),
                )
            )
        issuer = identity.issuer(settings, addresses, kept.signing)
        permissions = Permissions.of(settings, addresses, out.http, issuer)
        plugins = load_plugins(settings.scaffolder.actions_folder)
        services = _services(out, plugins, addresses, OnBehalf(issuer, settings.scaffolder.actions_plugin))
        services = replace(services, config=terraform_rules.with_key(settings.raw, kept.plans))
        offered = _offered(settings, services, addresses)
        catalog = _catalog(out, addresses, store, services, permissions, offered.providers if offered else ())
        foreign = settings.catalog.base_url or addresses.plugin("catalog")
        client = LocalCatalogClient(catalog) if catalog else HttpCatalogClient(out.http, foreign)
        services = replace(services, catalog=client)
        collector = Collector(store, settings.platform_metrics)
        scaffolder = Scaffolder(
            store,
            plugins.actions,
            settings.scaffolder,
            services,
            kept.box,
            working_directory=settings.backend.working_directory,
            autocompletes={
                "github": GithubAutocomplete(out.hosts),
                "gitlab": GitlabAutocomplete(out.hosts),
                "bitbucket-cloud": BitbucketAutocomplete(out.hosts),
            },
            authority=permissions.authority(names.SCAFFOLDER),
            worker_limit=None if run_tasks else 0,
            before_removal=collector.collect_tasks,
        )
        provisioner = offered.authorized(client, permissions, store) if offered else None
        yield Process(
            settings,
            addresses,
            kept,
            issuer,
            permissions,
            plugins,
            services,
            scaffolder,
            catalog,
            provisioner,
            collector,
            _reports(settings, store, collector, permissions, has_catalog=catalog is not None),
            store,
        )


def _auditing(settings: Settings) -> AbstractContextManager[None]:
    asked = settings.backend.auditor
    try:
        return audit.writing(asked.levels, asked.sink)
    except OSError as error:
        raise SettingsError("backend.auditor.sink", f"the file cannot be written: {error}") from error


def _services(out: Outside, plugins: Plugins, addresses: Addresses, on_behalf: OnBehalf) -> Services:
    scaffolder = out.settings.scaffolder
    return replace(
        out.services(plugins),
        backstage=HttpBackstageClient(
            out.http,
            Discovery.of(addresses.base_url, out.settings.discovery),
            scaffolder.http_allowed_hosts,
            on_behalf.token,
        ),
        remote_actions=HttpRemoteActions(
            out.http,
            ActionPolicy.of(out.settings.raw),
            addresses.plugin,
            on_behalf.token_or_own,
            own=frozenset({scaffolder.actions_plugin}),
        ),
        own_token=lambda plugin: on_behalf.token_or_own(None, plugin),
    )


def _catalog(
    out: Outside,
    addresses: Addresses,
    database: Database,
    services: Services,
    permissions: Permissions,
    own: Sequence[EntityProvider],
) -> AuthorizedCatalog | None:
    settings = out.settings
    if settings.catalog.base_url or not addresses.serves("catalog"):
        return None
    plugins = load_catalog_plugins(services)
    plugins.add(own)
    asked = settings.catalog.providers
    plugins.add(configured.providers(asked, out.http, out.hosts, database, plugins.transformers))
    service = CatalogService(
        database,
        required(services.url_reader, "URL reader"),
        settings.catalog,
        integrations=services.integrations,
        plugins=plugins,
        file_roots=settings.backend.file_roots,
    )
    return AuthorizedCatalog(service, permissions.authority(names.CATALOG))


def _reports(
    settings: Settings, store: Database, collector: Collector, permissions: Permissions, *, has_catalog: bool
) -> AuthorizedReports:
    production = frozenset(one.lower() for one in settings.platform_metrics.production)
    entities = ReportedEntities(store) if has_catalog else None
    service = ReportService(collector, PlatformEventStore(store), entities, production)
    return AuthorizedReports(service, permissions.authority(names.OURS))


def _offered(settings: Settings, services: Services, addresses: Addresses) -> "Offered | None":
    """Return what ``crossplane`` offers; the modules for it are imported where it is configured."""
    if not settings.raw.get("crossplane"):
        return None
    from backstage_py.wiring import provisioning

    return provisioning.offered(settings.raw, services.integrations, addresses)


def _plugin_hosts(settings: Settings, addresses: Addresses) -> list[str]:
    """Return the hosts of plugins, which may have private addresses."""
    urls = [addresses.own, addresses.base_url, settings.catalog.base_url, *settings.discovery.targets.values()]
    return [urlsplit(url).netloc for url in urls if url]
