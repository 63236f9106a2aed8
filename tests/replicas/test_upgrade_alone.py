"""An upgrade of the one process on SQLite, and the way back: what one version has begun the other one ends."""

import asyncio
import secrets
from pathlib import Path

import pytest

from backstage_py.model.json import JsonObject
from tests.effort import IS_THOROUGH
from tests.replicas.client import Client
from tests.replicas.cluster import START_SECONDS
from tests.replicas.effects import Effects
from tests.replicas.history import History
from tests.replicas.proxy import Proxy
from tests.replicas.replica import ROOT, Replica, Shared
from tests.replicas.revisions import previous
from tests.replicas.tasks import Followed, Tasks

pytestmark = [pytest.mark.xdist_group(__name__), pytest.mark.timeout(900)]


class Alone(Replica):
    """A process on SQLite."""

    def kept_in(self) -> JsonObject:
        return {"client": "better-sqlite3", "connection": f"{self.shared.folder}/all.sqlite"}


class Site:
    """The process, and what is asked of it."""

    def __init__(self, replica: Replica, client: Client) -> None:
        self.replica, self.client = replica, client
        self.tasks = Tasks(client)

    @property
    def effects(self) -> Effects:
        return Effects.read(self.replica.shared.effects)

    async def runs(self, source: Path) -> None:
        self.replica.source = source
        await self.replica.start()
        await self.client.until_ready(self.replica.url, START_SECONDS, self.replica.log)
        path = "/api/catalog/entities/by-name/template/default/steps"
        while "kind" not in await self.client.ask("GET", path, accept=(404,)):  # noqa: ASYNC110  # another process's work
            await asyncio.sleep(0.2)

    async def under_way(self) -> Followed:
        """Return a task that is in its second step or beyond."""
        one = await self.tasks.start("steps", {"seconds": 0.6})
        while len(self.effects.of_task(one.id)) < 3:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.05)
        return one

    async def status(self, one: Followed) -> str:
        return str((await self.client.ask("GET", f"/api/scaffolder/v2/tasks/{one.id}"))["status"])

    def is_whole(self, one: Followed) -> bool:
        plain = self.effects.of_step(one.id, "plain")
        made = [path.name for path in self.replica.shared.foreign.iterdir() if path.name.startswith(one.id)]
        return plain.keys() == {"one", "two"} and all(len(found) == 1 for found in plain.values()) and len(made) == 2


@pytest.mark.parametrize("workspace_provider", ["database", None] if IS_THOROUGH else [None])
async def test_a_task_goes_on_in_the_other_version(tmp_path: Path, workspace_provider: str | None) -> None:
    old = previous(tmp_path / "old")
    recovery = {"taskRecovery": {"enabled": True, "staleTimeout": {"seconds": 4}}}
    if workspace_provider:
        recovery["taskRecovery"]["workspaceProvider"] = workspace_provider
    keys: JsonObject = {
        "scaffolder": {"secretsKey": secrets.token_hex(32), **recovery},
        "auth": {"keyFile": str(tmp_path / "signing-key.pem")},
    }
    shared = Shared(tmp_path, "", History(), keys)
    shared.prepare()
    async with Client(shared.history) as client, Proxy(0) as unused:
        replica = Alone("replica-1", shared, unused)
        client.urls = [replica.url]
        site = Site(replica, client)
        try:
            await site.runs(old)
            for source in (ROOT, old):
                one = await site.under_way()
                await replica.stop()
                await site.runs(source)
                await site.tasks.follow(one)
                assert await site.status(one) == "completed", replica.log.read_text()[-3000:]
                assert site.is_whole(one), site.effects.of_task(one.id)
        finally:
            if replica.is_running:
                await replica.kill()
