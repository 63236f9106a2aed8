"""Effects of tasks: intents lie in the store, and an attempt that lost its task has no effect any more."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from backstage_py.plugin import ActionContext, CancelSignal, ServiceUnavailableError, action
from backstage_py.scaffolder.queue.lease import Lease
from backstage_py.settings.sections import ScaffolderSettings, TaskRecoverySettings
from backstage_py.storage.scaffolder.tables import checkpoints, task_events, tasks
from tests import patience
from tests.scaffolder.harness import GUEST, World, body, template, world

Context = ActionContext[dict[str, Any]]
SETTINGS = ScaffolderSettings(recovery=TaskRecoverySettings(enabled=True, stale_timeout=30), secrets_key="k" * 32)


class Outside:
    """What the action below does, kept where the test sees it."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.things: list[str] = []
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self.failures: list[Exception] = []

    async def create(self, marker: str) -> str:
        self.things.append(marker)
        if self.failures:
            raise self.failures.pop(0)
        return marker

    async def find(self, marker: str) -> str | None:
        return marker if marker in self.things else None


outside = Outside()


@pytest.fixture(autouse=True)
def _renewed() -> None:
    outside.renew()


@action("test:make")
async def make(ctx: Context) -> dict[str, str]:
    for key in ctx.input.get("keys", ["thing"]):
        if key == "gate":
            outside.reached.set()
            await asyncio.to_thread(outside.go_on.wait, patience.SECONDS)
        else:
            await ctx.effect(key, create=outside.create, find=outside.find)
    return {"made": await ctx.effect("last", create=outside.create, find=outside.find)}


def making(*keys: str) -> dict[str, Any]:
    step = {"id": "m", "action": "test:make", "input": {"keys": list(keys)}}
    return template(step, output={"made": "${{ steps.m.output.made }}"})


async def _set(w: World, **values: Any) -> None:
    await w.database.write(lambda transaction: transaction.connection.execute(sa.update(tasks).values(**values)))


async def test_a_lost_answer_is_looked_up_when_the_task_is_retried(tmp_path: Path) -> None:
    outside.failures = [ServiceUnavailableError("reset")]
    async with world(tmp_path, make, settings=SETTINGS) as w:
        task_id = await w.create(making())
        assert body((await w.events(task_id))[-1])["error"]["message"] == "reset"
        await w.scaffolder.service.retry(task_id, {}, GUEST)
        events = await w.events(task_id)
        values = sa.select(checkpoints.c.value)
        kept = await w.database.read(lambda connection: connection.execute(values).scalars().all())
    assert body(events[-1])["output"] == {"made": outside.things[0]}
    assert len(outside.things) == 1
    assert outside.things[0].startswith(task_id)
    assert not any(outside.things[0].encode() in value for value in kept)


async def test_each_item_of_a_step_has_its_own_effect(tmp_path: Path) -> None:
    entity = template({"id": "m", "action": "test:make", "each": ["a", "b"], "input": {"keys": []}})
    async with world(tmp_path, make) as w:
        await w.run(entity)
    assert len(set(outside.things)) == 2


async def _stopped_within_its_step(w: World) -> "asyncio.Task[Any]":
    [claim] = await w.scaffolder.worker.store.claim("first", 1, keep_secrets=True)
    attempts, lease = w.scaffolder.worker._attempts, Lease(w.scaffolder.worker.store, claim)
    running = asyncio.create_task(attempts.run(claim, lease, CancelSignal(), lambda: False))
    await asyncio.to_thread(outside.reached.wait, patience.SECONDS)
    return running


async def test_an_attempt_that_lost_its_task_has_no_effect(tmp_path: Path) -> None:
    async with world(tmp_path, make, settings=SETTINGS, start=False) as w:
        task_id = await w.create(making("thing", "gate"))
        old = await _stopped_within_its_step(w)
        first = list(outside.things)
        await _set(w, claim=2, worker="second")
        outside.go_on.set()
        await old
        assert outside.things == first
        await _set(w, status="open", worker=None)
        await w.start()
        events = await w.events(task_id)
    assert body(events[-1])["output"] == {"made": outside.things[1]}
    assert outside.things[:1] == first
    assert len(outside.things) == 2


async def test_an_attempt_at_a_task_that_has_ended_has_no_effect(tmp_path: Path) -> None:
    """Its claim is still the newest: the task was ended as lost, and waits for a retry."""
    async with world(tmp_path, make, settings=SETTINGS, start=False) as w:
        await w.create(making("gate"))
        old = await _stopped_within_its_step(w)
        await _set(w, status="failed", worker=None)
        outside.go_on.set()
        await old
        ended = await w.database.read(
            lambda connection: connection.execute(
                sa.select(task_events.c.id).where(task_events.c.type == "completion")
            ).all()
        )
    assert (outside.things, ended) == ([], [])


async def test_what_an_earlier_version_kept_as_a_checkpoint_is_done(tmp_path: Path) -> None:
    async with world(tmp_path, make, settings=SETTINGS, start=False) as w:
        task_id = await w.create(making())
        [claim] = await w.scaffolder.worker.store.claim("before", 1, keep_secrets=True)
        await w.scaffolder.worker._attempts.checkpoints.save(claim, "v1.task.checkpoint.m.last", "made before")
        await _set(w, status="open", worker=None)
        await w.start()
        events = await w.events(task_id)
    assert (body(events[-1])["output"], outside.things) == ({"made": "made before"}, [])
