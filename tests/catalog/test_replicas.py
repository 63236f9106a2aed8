"""Several replicas of a catalog on one PostgreSQL: work is shared, done once, and taken over from whoever is silent."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from backstage_py import background
from backstage_py.errors import ConflictError
from backstage_py.storage.catalog import marks
from tests import patience
from tests.catalog.harness import World, catalog
from tests.catalog.replica import Effects, Inventory, machine, plugins
from tests.storage import fresh
from tests.storage.pgbouncer import pgbouncer
from tests.storage.postgres import Postgres, postgres

pytestmark = pytest.mark.xdist_group(__name__)

LEASE = 2.0


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres(is_lasting=True) as running:
        yield running


@pytest.fixture
def url(server: Postgres, request: pytest.FixtureRequest) -> str:
    return fresh.on(server, request.node.name[-60:])


@pytest.fixture
def effects(tmp_path: Path) -> Effects:
    return Effects(tmp_path / "effects")


@contextlib.asynccontextmanager
async def replicas(
    url: str, effects: Effects, *names: str, seconds: float = 0.0, lease: float = 20.0
) -> AsyncIterator[list[World]]:
    """Run replicas within this process."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                catalog(
                    effects.file.parent, database_url=url, lease=lease, plugins=plugins(name, effects, seconds=seconds)
                )
            )
            for name in names
        ]


@contextlib.asynccontextmanager
async def process(who: str, url: str, effects: Effects) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a replica as a process, killed at the end."""
    arguments = [who, str(effects.file.parent), url, str(LEASE)]
    started = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.catalog.replica", *arguments)
    try:
        await patience.until(lambda: bool(effects.all(f"{who} started")))
        yield started
    finally:
        with contextlib.suppress(ProcessLookupError):
            started.kill()
        await started.wait()


async def register(world: World, *names: str) -> None:
    for name in names:
        await world.service.register("slow", name)


async def lifecycle(world: World, name: str) -> str:
    return str((await world.until(f"component:default/{name}"))["spec"]["lifecycle"])


@pytest.mark.thorough
async def test_three_replicas_share_what_is_read_and_connect_a_provider_once(url: str, effects: Effects) -> None:
    async with replicas(url, effects, "a", "b", "c", seconds=0.2) as worlds:
        names = [f"x-{number}" for number in range(120)]
        await register(worlds[0], *names)
        for world in worlds:
            await world.rest()
            assert {f"component:default/{name}" for name in names} < await world.refs()
        read = effects.all("read x-")
        assert sorted(line.split()[2] for line in read) == sorted(names)
        assert len({line.split()[0] for line in read}) > 1
        assert effects.all("connected") == ["a connected"]
        assert effects.all("refreshed") == ["a refreshed"]
    assert effects.all("closed") == ["a closed"]


@pytest.mark.thorough
async def test_a_restart_of_the_database_loses_and_doubles_nothing(
    server: Postgres, url: str, effects: Effects
) -> None:
    async with replicas(url, effects, "a", "b", seconds=1.0) as worlds:
        await register(worlds[0], "before")
        await patience.until(lambda: bool(effects.all("read before")))
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)
        await worlds[1].until("component:default/before")
        await register(worlds[1], "after")
        await worlds[0].until("component:default/after")
        assert len(effects.all("read")) == 2
        assert len(effects.all("connected")) == 1
        assert len([one for one in background.loops() if one.name == "catalog.engine"]) == 2


@pytest.mark.thorough
async def test_two_that_are_killed_are_followed_at_once_by_two_others(url: str, effects: Effects) -> None:
    async with process("a", url, effects), process("b", url, effects):
        pass
    async with replicas(url, effects, "c", "d") as worlds:
        await register(worlds[1], "x")
        assert await lifecycle(worlds[0], "x") in "cd"
        assert [line.split()[0] for line in effects.all("connected")][-1] == "c"


@pytest.mark.thorough
async def test_sessions_that_end_when_idle_in_a_transaction_disturb_nobody(
    server: Postgres, url: str, effects: Effects
) -> None:
    with server.connect("postgres") as connection:
        name = url.rpartition("/")[2]
        connection.execute(f"ALTER DATABASE \"{name}\" SET idle_in_transaction_session_timeout = '300ms'".encode())
    async with replicas(url, effects, "a", "b") as worlds:
        await asyncio.sleep(1)
        names = [f"x-{number}" for number in range(30)]
        await register(worlds[0], *names)
        for world in worlds:
            await world.rest()
        assert sorted(line.split()[2] for line in effects.all("read")) == sorted(names)
        assert len(effects.all("connected")) == 1


@pytest.mark.thorough
async def test_behind_a_pooler_of_transactions_work_is_shared_too(server: Postgres, url: str, effects: Effects) -> None:
    with pgbouncer(server) as port:
        pooled = url.replace(f":{server.port}/", f":{port}/")
        async with replicas(pooled, effects, "a", "b", seconds=0.1) as worlds:
            names = [f"x-{number}" for number in range(80)]
            await register(worlds[0], *names)
            for world in worlds:
                await world.rest()
                assert {f"component:default/{name}" for name in names} < await world.refs()
            read = effects.all("read x-")
            assert sorted(line.split()[2] for line in read) == sorted(names)
            assert effects.all("connected") == ["a connected"]


@pytest.mark.thorough
async def test_the_work_of_a_stopped_replica_is_taken_over_and_what_it_still_writes_is_refused(
    url: str, effects: Effects, tmp_path: Path
) -> None:
    (tmp_path / "hold-a").touch()
    async with process("a", url, effects) as stopped:
        async with catalog(tmp_path, database_url=url, processing_interval=None, rests=False) as asking:
            await register_with(asking, "x")
        await patience.until(lambda: bool(effects.all("a read x")))
        os.kill(stopped.pid, signal.SIGSTOP)
        (tmp_path / "hold-a").unlink()
        async with replicas(url, effects, "b", lease=LEASE) as [world]:
            assert await lifecycle(world, "x") == "b"
            await patience.until(lambda: bool(effects.all("b connected")))
            os.kill(stopped.pid, signal.SIGCONT)
            await patience.until(lambda: bool(effects.all("a closed")))
            await world.rest()
            assert await lifecycle(world, "x") == "b"
            assert (await world.entity("resource:default/m-1"))["spec"]["owner"] == "b"
        await patience.until(lambda: len(effects.all("a connected")) == 2)  # b handed its leases back


async def register_with(asking: World, name: str) -> None:
    """Register by a replica that knows the type no more than the database does."""
    asking.service._allowed_types = ("slow",)
    await asking.service.register("slow", name)


@pytest.mark.thorough
async def test_a_provider_that_was_taken_over_changes_nothing_more(
    server: Postgres, url: str, effects: Effects
) -> None:
    async with replicas(url, effects, "a", "b", lease=LEASE) as [world, _]:
        provider = world.service._providers[0]
        assert isinstance(provider, Inventory)
        assert provider.connection
        with server.connect(url.rpartition("/")[2]) as connection:
            connection.execute("UPDATE catalog_leases SET leased_until = 0 WHERE name = 'provider/inventory'")
        with pytest.raises(ConflictError, match="lease of provider/inventory has ended"):
            await provider.connection.apply_full([machine("m-2", "a")])
        await patience.until(lambda: len(effects.all("connected")) > 1)
        await world.rest()
        assert await world.refs() == {"resource:default/m-1"}
        assert len(effects.all("refreshed")) == 1, "the period goes on"


@pytest.mark.thorough
async def test_a_session_that_is_silent_within_a_transaction_is_ended_by_who_waits_for_it(
    server: Postgres, url: str, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marks, "_WAIT_SECONDS", 1)
    monkeypatch.setattr(marks, "_SILENT_SECONDS", 1)
    async with replicas(url, effects, "a") as [world]:
        silent = server.connect(url.rpartition("/")[2])
        silent.execute("BEGIN")
        silent.execute("SELECT id FROM catalog_state FOR UPDATE")
        await register(world, "x")
        await world.until("component:default/x")
        silent.close()


@pytest.mark.thorough
async def test_a_schedule_is_followed_by_one_among_all(url: str, effects: Effects) -> None:
    async with AsyncExitStack() as stack:
        for who in "abc":
            fast = plugins(who, effects, period=0.5)
            await stack.enter_async_context(catalog(effects.file.parent, database_url=url, plugins=fast))
        before = len(effects.all("refreshed"))
        await patience.until(lambda: len(effects.all("refreshed")) >= before + 4)
        assert len({line.split()[0] for line in effects.all("refreshed")}) == 1


@pytest.mark.thorough
async def test_a_loop_that_dies_is_started_again_and_counted(
    url: str, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with replicas(url, effects, "a") as [world]:
        [engine] = [one for one in background.loops() if one.name == "catalog.engine"]
        store = world.service._refresh

        async def broken(*_: object, **__: object) -> None:
            monkeypatch.undo()
            raise RuntimeError("a fault of ours")

        monkeypatch.setattr(store, "claim", broken)
        await register(world, "x")
        await world.until("component:default/x")
        assert engine.deaths == 1
