"""The scaffolder on PostgreSQL: what other tests say of it holds there too, and between processes."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa

from backstage_py.errors import InputError
from backstage_py.model.task import EventType, Transition, new_event
from backstage_py.storage.database import Database
from backstage_py.storage.scaffolder.claims import ClaimStore
from tests import patience
from tests.scaffolder import (
    test_attempts,
    test_effects_of_tasks,
    test_event_streams,
    test_recovery,
    test_secrets_of_tasks,
    test_snapshots,
    test_task_runs,
)
from tests.scaffolder.harness import body, database_url, template, world
from tests.scaffolder.test_sigkill import KILLS as ALL_KILLS
from tests.scaffolder.test_sigkill import check_kills
from tests.storage import fresh
from tests.storage.postgres import Postgres, postgres
from tests.storage.wire import wire

pytestmark = pytest.mark.xdist_group(__name__)

KILLS = max(ALL_KILLS // 4, 3)
MODULES = (
    test_attempts,
    test_effects_of_tasks,
    test_event_streams,
    test_recovery,
    test_secrets_of_tasks,
    test_snapshots,
    test_task_runs,
)
Behaviour = Callable[[Path], Awaitable[None]]


def behaviours_of(*modules: ModuleType) -> list[Behaviour]:
    """Return the tests that need nothing but a folder."""
    found = [function for module in modules for name, function in vars(module).items() if name.startswith("test_")]
    return [
        one
        for one in found
        if inspect.iscoroutinefunction(one) and set(inspect.signature(one).parameters) == {"tmp_path"}
    ]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture
def url(server: Postgres, request: pytest.FixtureRequest) -> Iterator[str]:
    found = fresh.on(server, request.node.name[-60:])
    token = database_url.set(found)
    yield found
    database_url.reset(token)


@pytest.mark.thorough(sample=4)
@pytest.mark.parametrize(
    "behaviour", behaviours_of(*MODULES), ids=lambda behaviour: behaviour.__name__.removeprefix("test_")
)
async def test_holds_on_postgres_too(behaviour: Behaviour, tmp_path: Path, url: str) -> None:
    database_url.set(url)
    test_attempts.ran.clear()
    test_recovery.ran.clear()
    test_effects_of_tasks.outside.renew()
    await behaviour(tmp_path)


async def test_a_step_leaves_an_archive_as_soon_as_a_replica_of_the_version_before_is_there(
    tmp_path: Path, url: str, server: Postgres
) -> None:
    async with test_snapshots.keeping(tmp_path) as k:
        take = await k.taker()
        await take(0)
        assert await k.kept.archives.load(k.claim.id, 0) is None
        with server.connect(str(k.database.url.database)):  # a connection without a name, as replicas of 0.1.0 have
            await take(1)
        assert await k.kept.archives.load(k.claim.id, 1) is not None


@pytest.mark.thorough
@pytest.mark.timeout(60 + 6 * KILLS)
async def test_killed_workers_lose_nothing_and_repeat_nothing(tmp_path: Path, url: str) -> None:
    """Tasks, claims and events go from process to process here, so this is also about how fast they learn of them."""
    await check_kills(tmp_path, url, KILLS)


async def test_an_event_of_another_process_comes_long_before_the_next_look(tmp_path: Path, url: str) -> None:
    async with world(tmp_path, start=False) as w:
        task_id = await w.create(template({"id": "s", "action": "test:x"}))
        other = Database(url)
        following = w.scaffolder.service.events.follow(task_id, None, starts_over=False, heartbeat=3600)
        assert await anext(following) == []
        [claim] = await ClaimStore(other, w.scaffolder.worker.store._box).claim("other", 1, keep_secrets=False)
        store = ClaimStore(other, w.scaffolder.worker.store._box)
        for number in range(50):
            message = {"message": str(number)}
            await store.record(claim, Transition([new_event(EventType.LOG, message)]))
            async with patience.bounded():  # the tail itself looks after half a minute
                assert [body(event) for event in await anext(following)] == [message]
        await following.aclose()
        await other.close()


async def test_waiters_hear_again_after_the_server_dropped_their_connection(tmp_path: Path, url: str) -> None:
    here, there = Database(url), Database(url)
    with here.wakes.subscribe("topic") as wake:
        there.wakes.wake(["topic"])
        assert await wake.wait(patience.SECONDS)
        dropped = sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
        await there.read(lambda connection: connection.execute(dropped).all())
        assert await wake.wait(patience.SECONDS), "something may have been missed, so all look once"
        there.wakes.wake(["topic"])
        assert await wake.wait(patience.SECONDS)
    await here.close()
    await there.close()


async def test_more_topics_than_a_notification_holds_all_arrive(url: str) -> None:
    here, there = Database(url), Database(url)
    topics = [f"task:{number:036}" for number in range(1_000)]
    with here.wakes.subscribe(topics[0]) as first, here.wakes.subscribe(topics[-1]) as last:
        there.wakes.wake(topics)
        assert await first.wait(patience.SECONDS)
        assert await last.wait(patience.SECONDS)
    await here.close()
    await there.close()


async def test_a_nul_is_the_fault_of_whoever_sent_it(url: str) -> None:
    database = Database(url)
    look = sa.select(sa.literal("a\0b"))
    with pytest.raises(InputError, match="NUL"):
        await database.read(lambda connection: connection.execute(look).all())
    with pytest.raises(InputError, match="NUL"):
        await database.write(lambda transaction: transaction.connection.execute(look).all())
    await database.close()


async def test_a_snapshot_waits_for_a_database_that_is_away_and_is_kept_once(
    tmp_path: Path, server: Postgres, url: str
) -> None:
    async with wire(server.port) as line:
        database_url.set(url.replace(str(server.port), str(line.port)))
        async with test_snapshots.keeping(tmp_path) as k:
            take = await k.taker()
            for position, sent in enumerate((b"INTO task_blobs", b"INTO task_snapshots")):
                (k.folder / f"f{position}").write_text("a")
                line.drops_after = sent
                await take(position)
                assert line.drops_after is None
            line.refuses = True
            line.cut()
            (k.folder / "f2").write_text("b")
            taking = asyncio.create_task(take(2))
            await asyncio.sleep(4)  # longer than a request waits
            assert not taking.done()
            line.refuses = False
            await taking
            assert await k.positions() == [1, 2]
            await k.restored(2, tmp_path / "there")
            assert {path.name for path in (tmp_path / "there").iterdir()} == {"f0", "f1", "f2"}
