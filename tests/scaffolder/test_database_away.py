"""Tasks whose PostgreSQL server is away for a while, or loses an answer: nothing is lost, and nothing is done twice."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
import structlog
from psycopg.rows import TupleRow

from backstage_py.errors import ServiceUnavailableError
from backstage_py.model.task import Claim, EventType, TaskEvent, TaskFilter
from backstage_py.plugin import ActionContext, action
from backstage_py.storage.faults import LostError
from backstage_py.storage.scaffolder.claims import ClaimStore
from tests import patience
from tests.scaffolder.harness import World, body, database_url, template, world
from tests.storage import fresh
from tests.storage.postgres import Postgres, postgres
from tests.storage.wire import Wire, wire

pytestmark = pytest.mark.xdist_group(__name__)

Context = ActionContext[dict[str, object]]
_AN_HOUR = 3_600_000  # milliseconds
SAYING = template({"id": "s", "name": "Say", "action": "test:say"})
ran: list[str] = []
gate = begun = threading.Event()


@action("test:say")
async def say(ctx: Context) -> None:
    """Say something, wait until the test lets it go on, and say something else."""
    ran.append(ctx.step.id)
    ctx.logger.info("before-the-gate")
    begun.set()
    await asyncio.to_thread(gate.wait, patience.SECONDS)
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
    url = fresh.on(server, name[-60:])
    async with wire(server.port) as line:
        token = database_url.set(url.replace(str(server.port), str(line.port)))
        try:
            async with world(folder, say, start=start) as w:
                yield w, line
        finally:
            database_url.reset(token)


async def back(w: World) -> None:
    async with patience.bounded():
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


@pytest.mark.thorough(sample=1)
@pytest.mark.parametrize("how", ["closed", "frozen"])
async def test_a_running_action_does_not_notice_that_the_server_is_away(
    server: Postgres, tmp_path: Path, how: str
) -> None:
    async with behind_wire(server, f"away-{how}", tmp_path) as (w, line):
        task_id = await w.create(SAYING)
        assert await asyncio.to_thread(begun.wait, patience.SECONDS)
        if how == "closed":
            line.refuses = True
            line.cut()
        else:
            line.flows.clear()
        gate.set()
        async with patience.bounded():
            while not w.database.outages.is_on:  # noqa: ASYNC110  # what the watch finds out has no event here
                await asyncio.sleep(0.05)
        await asyncio.sleep(3)  # the first tries have failed by then
        line.refuses = False
        line.flows.set()
        await back(w)
        check_done_once(await w.events(task_id))


async def test_a_task_whose_patience_is_over_is_handed_back_and_goes_on(server: Postgres, tmp_path: Path) -> None:
    async with behind_wire(server, "impatient", tmp_path) as (w, line):
        w.database._patience = 1.0
        task_id = await w.create(SAYING)
        assert await asyncio.to_thread(begun.wait, patience.SECONDS)
        with structlog.testing.capture_logs() as logs:
            line.refuses = True
            line.cut()
            gate.set()
            async with patience.bounded():
                while not any(one["event"] == "task_waits_for_database" for one in logs):  # noqa: ASYNC110  # as above
                    await asyncio.sleep(0.05)
            line.refuses = False
            events = await _followed(w, task_id)
    assert body(events[-1])["message"] == "Run completed with status: completed"
    assert [event.type for event in events].count(EventType.COMPLETION) == 1
    assert EventType.RECOVERED in [event.type for event in events]
    assert ran == ["s", "s"]  # what it had done was not recorded


async def _followed(w: World, task_id: str) -> list[TaskEvent]:
    async with patience.bounded():
        while True:
            try:
                return await w.events(task_id)
            except ServiceUnavailableError:
                await asyncio.sleep(0.05)


@pytest.mark.thorough(sample=1)
@pytest.mark.parametrize("how", ["closed", "frozen"])
async def test_a_worker_ends_although_the_server_is_away(server: Postgres, tmp_path: Path, how: str) -> None:
    url = fresh.on(server, f"ends-{how}")
    async with wire(server.port) as line:
        token = database_url.set(url.replace(str(server.port), str(line.port)))
        try:
            async with asyncio.timeout(100), world(tmp_path, say, grace=1) as w:  # its patience is ten minutes
                await w.create(SAYING)
                assert await asyncio.to_thread(begun.wait, patience.SECONDS)
                if how == "closed":
                    line.refuses = True
                    line.cut()
                else:
                    line.flows.clear()
                gate.set()
        finally:
            database_url.reset(token)
    assert ran == ["s"]


@pytest.mark.thorough(sample=1)
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


async def test_a_running_action_does_not_notice_that_others_hold_the_table(server: Postgres, tmp_path: Path) -> None:
    server.new_database("held")
    with server.connect("held") as setting:
        setting.execute("ALTER DATABASE held SET lock_timeout = '100ms'")
    async with on(server, "held", tmp_path) as w:
        task_id = await w.create(SAYING)
        assert await asyncio.to_thread(begun.wait, patience.SECONDS)
        with server.connect("held") as other, other.transaction():
            other.execute("LOCK TABLE tasks IN SHARE MODE")
            gate.set()
            await asyncio.sleep(2)  # the first tries have failed by then
        check_done_once(await w.events(task_id))


async def test_nobody_is_silent_while_the_server_only_reads(server: Postgres, tmp_path: Path) -> None:
    server.new_database("reads")
    with server.connect("reads") as other:
        async with on(server, "reads", tmp_path, start=False) as w:
            await w.create(SAYING)
            store, recovery = w.scaffolder.worker.store, w.scaffolder.worker._recovery
            [claim] = await store.claim("elsewhere", 1, keep_secrets=True)
            _only_reads(other, is_on=True)
            other.execute("SET default_transaction_read_only = off")
            other.execute("UPDATE tasks SET last_heartbeat_at = last_heartbeat_at - %s", [_AN_HOUR])
            with pytest.raises(ServiceUnavailableError):
                await recovery.run()
            _only_reads(other, is_on=False)
            await asyncio.gather(recovery.run(), _renewed_late(store, claim))
            assert other.execute("SELECT status, claim FROM tasks").fetchall() == [("processing", claim.number)]


def _only_reads(other: psycopg.Connection[TupleRow], *, is_on: bool) -> None:
    """Let a database be as on a server that became a standby: all sessions end, and new ones only read."""
    other.execute(f"ALTER DATABASE reads SET default_transaction_read_only = {'on' if is_on else 'off'}".encode())
    other.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'reads' AND pid <> pg_backend_pid()"
    )


async def _renewed_late(store: ClaimStore, claim: Claim) -> None:
    """Do as a worker does that needs a moment to find its way back."""
    await asyncio.sleep(1)
    await store.heartbeat("elsewhere", [claim])


@contextlib.asynccontextmanager
async def on(server: Postgres, name: str, folder: Path, *, start: bool = True) -> AsyncIterator[World]:
    token = database_url.set(f"postgresql+psycopg://test@127.0.0.1:{server.port}/{name}")
    try:
        async with world(folder, say, start=start) as w:
            yield w
    finally:
        database_url.reset(token)
