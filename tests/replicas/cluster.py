"""A PostgreSQL server and the replicas that share a database of it, each behind a proxy of its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from backstage_py.model.json import JsonObject
from tests.replicas import starvation
from tests.replicas.client import Client
from tests.replicas.effects import Effects
from tests.replicas.history import History
from tests.replicas.proxy import Proxy
from tests.replicas.replica import CLOCK_SECONDS, ROOT, Replica, Shared
from tests.storage.postgres import Postgres

START_SECONDS = 180.0  # of patience: nothing is proven by how fast a machine is


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a test acts on."""

    server: Postgres
    shared: Shared
    replicas: Sequence[Replica]
    client: Client

    @property
    def history(self) -> History:
        """What happened."""
        return self.shared.history

    @property
    def effects(self) -> Effects:
        """What was counted outside until now."""
        return Effects.read(self.shared.effects)

    async def until_ready(self, *replicas: Replica) -> None:
        """Return when these replicas answer, all of them by default."""
        for one in replicas or self.replicas:
            await self.client.until_ready(one.url, START_SECONDS, one.log)

    async def until_read(self) -> None:
        """Return when the catalog has what is configured."""
        path = "/api/catalog/entities/by-name/template/default/files"
        while "kind" not in await self.client.ask("GET", path, accept=(404,)):  # noqa: ASYNC110  # another process's work
            await asyncio.sleep(0.2)

    async def restart_server(self, mode: str, pause: float = 0.0) -> None:
        """Stop the database and start it again, with some seconds between."""
        self.history.note(f"the database stops ({mode})")
        await asyncio.to_thread(self.server.stop, mode)
        await asyncio.sleep(pause)
        await asyncio.to_thread(self.server.start)
        self.history.note("the database has started")

    async def calm(self) -> None:
        """Mend whatever was done to processes that live and to their paths."""
        wrong = [one for one in self.replicas if one.ahead]
        for one in wrong:
            one.set_clock(0)
        if wrong:
            await asyncio.sleep(2 * CLOCK_SECONDS)
        for one in self.replicas:
            one.proxy.is_refusing, one.proxy.delay = False, 0.0
            one.proxy.thaw()
            if one.is_paused:
                one.resume()


@asynccontextmanager
async def cluster(
    server: Postgres,
    folder: Path,
    database: str,
    count: int,
    keys: JsonObject | None = None,
    *,
    source: Path = ROOT,
) -> AsyncIterator[Cluster]:
    """Run replicas on a new database of a server until the block is left.

    Args:
        server: one that forgets nothing when it ends at once.
        folder: for their files.
        database: its name.
        count: of replicas.
        keys: configuration of keys, e.g. ``{"scaffolder": {"secretsKey": "…"}}``.
        source: the checkout that they run.
    """
    server.new_database(database)
    shared = Shared(folder, database, History(), keys or {})
    shared.prepare()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(shared.history))
        replicas = []
        for number in range(count):
            proxy = await stack.enter_async_context(Proxy(server.port))
            replicas.append(Replica(f"replica-{number + 1}", shared, proxy, source))
            stack.push_async_callback(_end, replicas[-1])
        running = Cluster(server, shared, replicas, client)
        await stack.enter_async_context(
            starvation.watched(shared.history, lambda: [one.pid for one in replicas if one.is_running])
        )
        for one in replicas:
            await one.start()
        client.urls = [one.url for one in replicas]
        await running.until_ready()
        await running.until_read()
        yield running


async def _end(replica: Replica) -> None:
    if replica.is_running:
        await replica.kill()
