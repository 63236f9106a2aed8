"""The same requests, and the same entities of them, as Backstage's own providers: recorded at the same stand-in."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from backstage_py.catalog.sources import configured
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.web.http import HttpClient
from backstage_py.model.json import JsonObject
from backstage_py.plugin.catalog import Event, OrganisationTransformer, Schedule
from backstage_py.settings.load import load_settings
from backstage_py.storage import migrate
from backstage_py.storage.database import Database
from tests.github_sources import cases, record
from tests.github_sources.host import GithubHost


@dataclass
class Once:
    """Implements ``ProviderConnection``: what is to be repeated is kept for the test to do once."""

    entities: list[Any] = field(default_factory=list)
    work: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    async def apply_full(self, added: Sequence[JsonObject], *, location_key: str | None = None) -> None:
        self.entities = [[entity, location_key] for entity in added]

    async def apply_delta(
        self, *, added: Sequence[JsonObject] = (), removed: Sequence[str] = (), location_key: str | None = None
    ) -> None:
        raise AssertionError("a reading gives all")

    async def refresh(self, keys: Sequence[str]) -> None:
        return

    def every(self, seconds: float, refresh: Callable[[], Awaitable[None]], *, name: str = "refresh") -> None:
        raise AssertionError("it has a schedule")

    def on_schedule(self, schedule: Schedule, refresh: Callable[[], Awaitable[None]], *, name: str = "refresh") -> None:
        self.work.append(refresh)

    def on_events(self, topics: Sequence[str], handle: Callable[[Event], Awaitable[None]]) -> None:
        return


async def made(config: dict[str, Any], folder: Path, transformers: Sequence[OrganisationTransformer] = ()) -> list[Any]:
    """Return what the configured providers give in one reading."""
    path = folder / "app-config.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    settings = load_settings([path], {})
    hosts = ScmRegistry(settings.integrations)
    connection = Once()
    database = Database(f"sqlite:///{folder / 'catalog.sqlite'}")
    await migrate.upgrade(database)
    async with database.running(), HttpClient(lambda _host, _port: True) as http:
        for provider in configured.providers(settings.catalog.providers, http, hosts, database, transformers):
            await provider.connect(connection)
        for work in connection.work:
            await work()
    return connection.entities


@pytest.mark.parametrize("name", cases.DISCOVERY)
async def test_repositories(host: GithubHost, tmp_path: Path, name: str) -> None:
    cases.fill(host)
    wanted = record.known()["github"][name]
    found = await made(cases.discovery(host, name), tmp_path)
    assert record.questions(host) == wanted["requests"]
    assert record.comparable(found, host) == wanted["entities"]


@pytest.mark.parametrize("name", cases.ORGANISATIONS)
async def test_people(host: GithubHost, tmp_path: Path, name: str) -> None:
    cases.fill(host)
    wanted = record.known()["githubOrg"][name]
    found = await made(cases.organisations(host, name), tmp_path)
    assert record.questions(host) == wanted["requests"]
    assert record.comparable(found, host) == wanted["entities"]
