"""Tasks whose PostgreSQL server is away for a while, or loses an answer: nothing is lost, and nothing is done twice."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from backstage_py.model.task import EventType, TaskEvent, TaskFilter
from backstage_py.plugin import ActionContext, action
from backstage_py.storage.faults import LostError
from tests.scaffolder.harness import World, body, database_url, template, world
from tests.storage.postgres import Postgres, postgres
from tests.storage.wire import Wire, wire

pytestmark = pytest.mark.xdist_group("postgres")

Context = ActionContext[dict[str, object]]
SAYING = template({"id": "s", "name": "Say", "action": "test:say"})
ran: list[str] = []
gate = begun = threading.Event()


@action("test:say")
async def say(ctx: Context) -> None:
    """Say something, wait until the test lets it go on, and say something else."""
    ran.append(ctx.step.id)
    ctx.logger.info("before-the-gate")
    begun.set()
    await asyncio.to_thread(gate.wait, 30)
    ctx.logger.info("behind-the-gate")


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh() -> None:
    global gate, begun  # the action has no other way to a test's events
    gate, begun = threading.Event(), threading.Event()
    ran.clear()


@contextlib.asynccontextmanager
async def behind_wire(
    server: Postgres, name: str, folder: Path, *, start: bool = True
) -> AsyncIterator[tuple[World, Wire]]:
    url = server.new_database(name[-60:])
    async with wire(server.port) as line:
        token = database_url.set(url.replace(str(server.port), str(line.port)))
        try:
            async with world(folder, say, start=start) as w:
                yield w, line
        finally:
            database_url.reset(token)


async def back(w: World) -> None:
    async with asyncio.timeout(60):
        while w.database.outages.is_on:  # noqa: ASYNC110  # what the watch finds out has no event here
            await asyncio.sleep(0.05)


def said(events: list[TaskEvent]) -> list[str]:
    return [str(body(event).get("message")) for event in events]


def check_done_once(events: list[TaskEvent]) -> None:
    messages = said(events)
    assert ran == ["s"]
    assert len(messages) == len(set(messages))
    assert [event.type for event in events].count(EventType.COMPLETION) == 1
    assert body(events[-1])["message"] == "Run completed with status: completed"


@pytest.mark.parametrize("how", ["closed", "frozen"])
async def test_a_running_action_does_not_notice_that_the_server_is_away(
    server: Postgres, tmp_path: Path, how: str
) -> None:
    async with behind_wire(server, f"away-{how}", tmp_path) as (w, line):
        task_id = await w.create(SAYING)
        assert await asyncio.to_thread(begun.wait, 30)
        if how == "closed":
            line.refuses = True
            line.cut()
        else:
            line.flows.clear()
        gate.set()
        async with asyncio.timeout(60):
            while not w.database.outages.is_on:  # noqa: ASYNC110  # what the watch finds out has no event here
                await asyncio.sleep(0.05)
        await asyncio.sleep(3)  # the first tries have failed by then
        line.refuses = False
        line.flows.set()
        await back(w)
        check_done_once(await w.events(task_id))


@pytest.mark.parametrize("moment", ["before-the-gate", "behind-the-gate", "Run completed"])
async def test_a_move_whose_answer_was_lost_is_recorded_once(server: Postgres, tmp_path: Path, moment: str) -> None:
    async with behind_wire(server, f"move-{moment}", tmp_path) as (w, line):
        line.drops_after = moment.encode()
        gate.set()
        check_done_once(await w.run(SAYING))
        assert line.has_dropped


async def test_a_task_whose_answer_was_lost_is_created_once(server: Postgres, tmp_path: Path) -> None:
    async with behind_wire(server, "created", tmp_path, start=False) as (w, line):
        line.drops_after = b"test:say"
        await w.create(SAYING)
        assert line.has_dropped
        _, count = await w.scaffolder.service.store.list(TaskFilter())
        assert count == 1


async def test_a_claim_whose_answer_was_lost_is_found_with_its_secrets(server: Postgres, tmp_path: Path) -> None:
    async with behind_wire(server, "claim", tmp_path, start=False) as (w, line):
        task_id = await w.create(SAYING, secrets={"token": "told"})
        store = w.scaffolder.worker.store
        line.drops_after = b"worker-one"
        with pytest.raises(LostError):
            await store.claim("worker-one", 1, keep_secrets=False)
        [claim] = await store.claim("worker-one", 1, keep_secrets=False)
        assert (claim.id, claim.secrets["token"]) == (task_id, "told")
        assert await store.claim("worker-one", 1, keep_secrets=False, running=[task_id]) == []
