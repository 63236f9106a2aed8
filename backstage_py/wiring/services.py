"""What actions may use in a run that has no server and no database: on an author's machine, and in a test."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit

from backstage_py.plugin import Plugins, Services
from backstage_py.settings.sections import Settings
from backstage_py.wiring import outside
from backstage_py.wiring.outside import Outside
from backstage_py.wiring.stand_in import StandIn


@asynccontextmanager
async def services(
    settings: Settings,
    stand_ins: Sequence[StandIn] = (),
    *,
    plugins: Plugins | None = None,
    backstage_url: str | None = None,
) -> AsyncIterator[Services]:
    """Open them until the block is left.

    Args:
        settings: for ``integrations``, ``backend.reading``, ``discovery`` and what actions see of the configuration.
        stand_ins: in the place of foreign systems.
        plugins: filters and globals for skeletons.
        backstage_url: a Backstage backend whose plugins and catalog are used; without it those of the stand-ins are.
    """
    hosts = [urlsplit(backstage_url).netloc] if backstage_url else []
    async with outside.opened(settings, stand_ins, hosts) as out:
        common = out.services(plugins)
        yield _with_backstage(common, out, backstage_url) if backstage_url else _with_stand_ins(common, stand_ins)


def _with_backstage(common: Services, out: Outside, url: str) -> Services:
    from backstage_py.integrations.backstage import Discovery, HttpBackstageClient, HttpCatalogClient

    base = url.rstrip("/")
    client = HttpBackstageClient(out.http, Discovery.of(base, out.settings.discovery))
    return replace(common, backstage=client, catalog=HttpCatalogClient(out.http, f"{base}/api/catalog"))


def _with_stand_ins(common: Services, stand_ins: Sequence[StandIn]) -> Services:
    plugins = {id_: routes for one in stand_ins for id_, routes in one.plugins.items()}
    if plugins:
        from backstage_py.wiring.in_process import InProcessBackstage

        common = replace(common, backstage=InProcessBackstage(plugins))
    for one in stand_ins:
        if one.catalog and common.url_reader:
            common = replace(common, catalog=one.catalog(common.url_reader))
    return common
