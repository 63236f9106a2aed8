"""The scaffolder on PostgreSQL behind pgbouncer in transaction mode."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from backstage_py.model.task import EventType, Transition, new_event
from backstage_py.storage.database import Database
from backstage_py.storage.scaffolder.claims import ClaimStore
from tests import patience
from tests.scaffolder import test_event_streams, test_task_runs
from tests.scaffolder.harness import body, database_url, template, world
from tests.scaffolder.test_on_postgres import Behaviour, behaviours_of
from tests.scaffolder.test_sigkill import check_kills
from tests.storage import fresh
from tests.storage.pgbouncer import pgbouncer
from tests.storage.postgres import Postgres, postgres

pytestmark = pytest.mark.xdist_group(__name__)

KILLS = 3


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture(scope="module")
def bouncer(server: Postgres) -> Iterator[int]:
    with pgbouncer(server) as port:
        yield port


@pytest.fixture
def url(server: Postgres, bouncer: int, request: pytest.FixtureRequest) -> Iterator[str]:
    found = fresh.on(server, request.node.name[-60:]).replace(f":{server.port}/", f":{bouncer}/")
    token = database_url.set(found)
    yield found
    database_url.reset(token)


@pytest.mark.thorough(sample=3)
@pytest.mark.parametrize(
    "behaviour",
    behaviours_of(test_event_streams, test_task_runs)[::4],
    ids=lambda behaviour: behaviour.__name__.removeprefix("test_"),
)
async def test_holds_behind_pgbouncer_too(behaviour: Behaviour, tmp_path: Path, url: str) -> None:
    database_url.set(url)
    await behaviour(tmp_path)


async def test_the_pooler_is_found_and_the_log_says_what_follows(url: str) -> None:
    with structlog.testing.capture_logs() as logs:
        async with Database(url).running() as database:
            await database.reached(patience.SECONDS)
    [found] = [one for one in logs if one["event"] == "database_pooler_found"]
    assert "polled" in found["consequence"]
    assert "prepared" in found["consequence"]


async def test_an_operator_who_knows_better_is_believed(server: Postgres) -> None:
    with structlog.testing.capture_logs() as logs:
        async with Database(server.new_database("direct")).running() as direct:
            await direct.reached(patience.SECONDS)
    assert not [one for one in logs if one["event"] == "database_pooler_found"]


async def test_wakes_and_events_go_from_process_to_process(tmp_path: Path, url: str) -> None:
    async with world(tmp_path, start=False) as w:
        task_id = await w.create(template({"id": "s", "action": "test:x"}))
        other = Database(url)
        following = w.scaffolder.service.events.follow(task_id, None, starts_over=False, heartbeat=3600)
        assert await anext(following) == []
        store = ClaimStore(other, w.scaffolder.worker.store._box)
        [claim] = await store.claim("other", 1, keep_secrets=False)
        for number in range(5):
            message = {"message": str(number)}
            await store.record(claim, Transition([new_event(EventType.LOG, message)]))
            async with patience.bounded():  # the tail itself looks after half a minute
                while not (batch := await anext(following)):
                    pass
                assert [body(event) for event in batch] == [message]
        await following.aclose()
        await other.close()


@pytest.mark.thorough
@pytest.mark.timeout(60 + 20 * KILLS)
async def test_killed_workers_lose_nothing_and_repeat_nothing(tmp_path: Path, url: str) -> None:
    await check_kills(tmp_path, url, KILLS)
