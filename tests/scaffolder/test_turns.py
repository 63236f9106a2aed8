"""How often a task waits for PostgreSQL: over a network each turn costs, and each wakes two processes."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from backstage_py.model.task import EventType
from backstage_py.plugin import ActionContext, action
from tests.scaffolder.harness import GUEST, World, database_url, template, world
from tests.storage import fresh
from tests.storage.postgres import Postgres, postgres
from tests.storage.wire import Wire, wire

pytestmark = pytest.mark.xdist_group(__name__)

Context = ActionContext[dict[str, object]]
TASKS = 10
MOST = 12
"""Turns of one task of three steps, with its creation, its event stream and wakes for others. Of many tasks the one
with the fewest counts: leases are renewed beside them, and on a slow machine log lines come apart. There were 85."""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@action("test:files")
async def files(ctx: Context) -> None:
    """Write 20 files."""
    for number in range(20):
        ctx.workspace.path(f"{number}.txt").write_text("text")


async def turns_of_tasks(folder: Path, line: Wire) -> list[int]:
    entity = template(*({"id": f"s{n}", "name": f"Step {n}", "action": "test:files"} for n in range(3)))
    async with world(folder, files) as w:
        await w.run(entity)
        for _ in range(3):
            await w.run(entity)
        found = []
        for _ in range(TASKS):
            before = line.turns
            assert (await w.run(entity))[-1].type == EventType.COMPLETION
            found.append(line.turns - before)
        return found


async def test_a_task_takes_few_turns(server: Postgres, tmp_path: Path) -> None:
    url = fresh.on(server, "turns")
    async with wire(server.port) as line:
        token = database_url.set(url.replace(str(server.port), str(line.port)))
        try:
            turns = await turns_of_tasks(tmp_path, line)
        finally:
            database_url.reset(token)
    assert min(turns) <= MOST


async def test_an_event_stream_reads_its_task_once(server: Postgres, tmp_path: Path) -> None:
    async with wire(server.port) as line:
        token = database_url.set(server.new_database("stream").replace(str(server.port), str(line.port)))
        try:
            async with world(tmp_path, files, start=False) as w:
                task_id = await w.create(template({"id": "s", "action": "test:files"}))
                turns = [await _turns_of_first_batch(w, task_id, line) for _ in range(12)]
        finally:
            database_url.reset(token)
    assert min(turns) == 2  # the task, and its events; more while connections are opened


async def _turns_of_first_batch(w: World, task_id: str, line: Wire) -> int:
    before = line.turns
    async with contextlib.aclosing(await w.scaffolder.authorized.event_stream(task_id, None, GUEST)) as batches:
        await anext(batches)
    return line.turns - before
