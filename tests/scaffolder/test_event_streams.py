import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from backstage_py.errors import ServiceUnavailableError
from backstage_py.model.task import EventType, TaskEvent, Transition, new_event
from backstage_py.plugin import ActionContext, action
from backstage_py.scaffolder.face.events import newest_run
from backstage_py.storage.database import Database
from backstage_py.storage.scaffolder.claims import ClaimStore
from backstage_py.storage.scaffolder.events import EventStore
from tests import patience
from tests.scaffolder.harness import GUEST, World, template, world

Context = ActionContext[dict[str, Any]]


@action("test:lines")
async def lines(ctx: Context) -> None:
    for number in range(20):
        line = f"line {number}"
        ctx.logger.info(line)
        await asyncio.sleep(0.002)


def entity(**spec: Any) -> dict[str, Any]:
    return template({"id": "s", "action": "test:lines"}, **spec)


async def test_a_stream_resumes_exactly_behind_any_event(tmp_path: Path) -> None:
    async with world(tmp_path, lines) as w:
        task_id = await w.create(entity())
        everything = await w.events(task_id)
        for index in range(len(everything) - 1):
            assert await w.events(task_id, everything[index].id) == everything[index + 1 :]


async def test_after_the_end_a_stream_answers_with_the_completion_and_closes(tmp_path: Path) -> None:
    async with world(tmp_path, lines) as w:
        everything = await w.events(task_id := await w.create(entity()))
        assert await w.events(task_id, everything[-1].id) == [everything[-1]]
        assert await w.events(task_id, everything[-1].id + 1000) == [everything[-1]]


async def test_a_stream_that_begins_behind_a_retry_shows_no_end_that_was_taken_back(tmp_path: Path) -> None:
    async with world(tmp_path, lines) as w:
        task_id = await w.create(entity())
        events = w.scaffolder.service.events
        slow = events.follow(task_id, None, starts_over=False, heartbeat=3600)
        seen: list[TaskEvent] = []
        while not any(event.type == EventType.COMPLETION for event in seen):
            seen += await anext(slow)  # behind its end somebody still follows
        await w.stop()
        await w.scaffolder.service.retry(task_id, {}, GUEST)
        again = events.follow(task_id, seen[-1].id, starts_over=False, heartbeat=3600)
        first = await anext(again)
        await again.aclose()
        await slow.aclose()
        assert [event.type for event in first] == [EventType.RECOVERED]


async def test_many_streams_of_a_task_see_the_same_and_share_their_reading(tmp_path: Path) -> None:
    async with world(tmp_path, lines, start=False) as w:
        task_id = await w.create(entity())
        reads: list[str] = []
        sa.event.listen(
            w.database.engine,
            "before_cursor_execute",
            lambda conn, cursor, statement, *rest: reads.append(statement) if "task_events" in statement else None,
        )
        followers = [asyncio.create_task(w.events(task_id)) for _ in range(300)]
        tails = w.scaffolder.service.events._tails
        await patience.until(lambda: task_id in tails and len(tails[task_id]._changed) == len(followers))
        before = len(reads)
        await w.start()
        streams = await asyncio.gather(*followers)
        during = len(reads) - before
    assert len(streams[0]) == 24
    assert all(stream == streams[0] for stream in streams)
    assert during < 300  # a few dozen commits, not one read per stream and event


async def test_a_quiet_stream_gives_signs_of_life_without_reading(tmp_path: Path) -> None:
    async with world(tmp_path, lines, start=False) as w:
        task_id = await w.create(entity())
        batches = w.scaffolder.service.events.follow(task_id, None, starts_over=False, heartbeat=0.01)
        first = [await anext(batches) for _ in range(3)]
        await batches.aclose()
    assert first == [[], [], []]


async def test_an_event_of_another_process_reaches_the_stream(tmp_path: Path) -> None:
    """A second database object over the same file has its own wake socket, as another process has."""
    async with world(tmp_path, lines, start=False) as w:
        task_id = await w.create(entity())
        other = Database(w.database.url)
        following = w.scaffolder.service.events.follow(task_id, None, starts_over=False, heartbeat=3600)
        assert await anext(following) == []
        waiting = asyncio.ensure_future(anext(following))
        await asyncio.sleep(0.1)
        store = type(w.scaffolder.worker.store)(other, w.scaffolder.worker.store._box)
        [claim] = await store.claim("other", 1, keep_secrets=False)
        await store.record(claim, Transition([new_event(EventType.LOG, {"message": "from afar"})]))
        async with patience.bounded():
            batch = await waiting
        await following.aclose()
        await other.close()
    assert [event.body for event in batch] == ['{"message":"from afar"}']


async def test_a_long_poll_answers_when_there_is_something(tmp_path: Path) -> None:
    async with world(tmp_path, lines, start=False) as w:
        task_id = await w.create(entity())
        events = w.scaffolder.service.events
        assert await events.first(task_id, None, starts_over=False, patience=0.01) == []
        waiting = asyncio.create_task(events.first(task_id, None, starts_over=False, patience=3600))
        await w.start()
        assert len(await waiting) >= 1


async def test_an_after_below_every_event_waits_like_none(tmp_path: Path) -> None:
    async with world(tmp_path, lines, start=False) as w:
        task_id = await w.create(entity())
        events = w.scaffolder.service.events
        for after in (0, -1, -(10**30)):
            assert await events.first(task_id, after, starts_over=False, patience=0.01) == []


async def test_a_task_that_starts_over_shows_its_newest_run_and_stays_open(tmp_path: Path) -> None:
    recovery = {"EXPERIMENTAL_strategy": "startOver"}
    async with world(tmp_path, lines) as w:
        task_id = await w.create(entity(EXPERIMENTAL_recovery=recovery))
        await _until_completed(w, task_id)
        await w.scaffolder.service.retry(task_id, {}, w.credentials)
        await _until_completed(w, task_id)
        shown = await w.scaffolder.service.events.list(task_id, None, starts_over=True)
        following = w.scaffolder.service.events.follow(task_id, None, starts_over=True, heartbeat=0.2)
        assert (await anext(following))[-1].type == "completion"
        assert await anext(following) == []
        await following.aclose()
    assert shown[0].type == "recovered"
    assert [event.type for event in shown].count("completion") == 1


async def _until_completed(w: World, task_id: str) -> None:
    async with patience.bounded():
        while (await w.scaffolder.service.get(task_id)).status not in {"completed", "failed"}:  # noqa: ASYNC110  # its stream stays open
            await asyncio.sleep(0.01)


def test_newest_run_keeps_everything_unless_the_task_started_over() -> None:
    def event(id: int, type: str, body: str = "{}") -> TaskEvent:  # noqa: A002
        return TaskEvent(id, "t", type, body, 0)

    plain = [event(1, "log"), event(2, "recovered", '{"recoverStrategy":"none"}'), event(3, "log")]
    over = [event(1, "log"), event(2, "recovered", '{"recoverStrategy":"startOver"}'), event(3, "log")]
    assert newest_run(plain) == plain
    assert newest_run(over) == over[1:]
    assert newest_run(over[:2]) == []
    assert newest_run([]) == []


async def test_a_long_log_is_streamed_whole_to_late_followers_too(tmp_path: Path) -> None:
    @action("test:many")
    def many(ctx: Context) -> None:
        for number in range(1500):
            ctx.logger.info("line " * (number % 3 + 1))

    async with world(tmp_path, many, start=False) as w:
        task_id = await w.create(template({"id": "s", "action": "test:many"}))
        early = asyncio.create_task(w.events(task_id))
        await asyncio.sleep(0.05)
        await w.start()
        following = w.scaffolder.service.events.follow(task_id, None, starts_over=False, heartbeat=3600)
        while not (batch := await anext(following)):
            pass
        late = [*batch, *[event async for events in following for event in events]]
        stored = list(await w.scaffolder.service.events.list(task_id, None, starts_over=False))
    assert len(stored) == 1504
    assert await early == stored
    assert late == stored


async def test_a_stream_outlasts_an_outage_of_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(tmp_path, lines, start=False) as w:
        task_id = await w.create(entity())
        following = w.scaffolder.service.events.follow(task_id, None, starts_over=False, heartbeat=0.05)
        assert await anext(following) == []
        with monkeypatch.context() as away:
            away.setattr(EventStore, "after", _no_answer)
            [claim] = await w.scaffolder.worker.store.claim("other", 1, keep_secrets=False)
            async with Database(w.database.url).running() as other:
                store = ClaimStore(other, w.scaffolder.worker.store._box)
                await store.record(claim, Transition([new_event(EventType.LOG, {"message": "meanwhile"})]))
            assert [await anext(following) for _ in range(10)] == [[]] * 10
        async with patience.bounded():
            while not (batch := await anext(following)):
                pass
        await following.aclose()
    assert [event.body for event in batch] == ['{"message":"meanwhile"}']


async def _no_answer(_store: EventStore, _task_id: str, _after: int | None) -> None:
    raise ServiceUnavailableError("The database does not answer")
