"""Workers are killed at random moments under load; nothing may be lost, doubled or done twice, and no process is left.

``BACKSTAGE_PY_SIGKILLS`` says how many kills (8 by default, 20 in CI).
"""

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Self

import pytest
import sqlalchemy as sa

from backstage_py.integrations.children import supervisor
from backstage_py.model.task import TaskEvent
from backstage_py.plugin import Services
from backstage_py.settings.sections import AuthSettings
from backstage_py.storage import migrate
from backstage_py.storage.database import Database
from backstage_py.storage.scaffolder.secrets import SecretBox
from backstage_py.storage.scaffolder.tables import task_events
from backstage_py.wiring import keys
from backstage_py.wiring.scaffolder import Scaffolder
from tests import patience
from tests.effort import IS_THOROUGH
from tests.scaffolder.harness import Catalog, World, body, is_alive, template
from tests.scaffolder.killable_actions.work import LINES
from tests.scaffolder.killable_worker import SETTINGS, registry

KILLS = int(os.environ.get("BACKSTAGE_PY_SIGKILLS", "20" if IS_THOROUGH else "8"))
WORKERS = 2
IN_FLIGHT = 12
STEPS = ["one", "two", "three"]
ONCE = ["effect", "once"]


class Workers:
    """Worker processes that are started again when they are killed."""

    def __init__(self, folder: Path, database: str) -> None:
        self._folder = folder
        files = {"EXECUTIONS": str(folder / "executions"), "EFFECTS": str(folder / "effects")}
        self._environment = {**os.environ, **files, "DATABASE": database}
        self.processes: list[asyncio.subprocess.Process] = []

    async def start(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.scaffolder.killable_worker", str(self._folder), env=self._environment
        )
        self.processes.append(process)

    async def kill_one(self) -> None:
        process = self.processes.pop(random.randrange(len(self.processes)))
        below = supervisor.below(process.pid)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        async with patience.bounded():
            while any(is_alive(pid) for pid in below):  # noqa: ASYNC110  # a process has no way to tell
                await asyncio.sleep(0.01)
        await self.start()

    async def __aenter__(self) -> Self:
        for _ in range(WORKERS):
            await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave no process behind, also when the test fails."""
        for process in self.processes:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        # one that was started a moment ago has not yet learned to stop in good order
        assert {await process.wait() for process in self.processes} <= {0, -signal.SIGTERM}


@pytest.mark.timeout(60 + 6 * KILLS)
async def test_killed_workers_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    await check_kills(tmp_path, f"sqlite:///{tmp_path / 'tasks.sqlite'}", KILLS)


async def check_kills(tmp_path: Path, url: str, kills: int) -> None:
    """Keep workers busy, kill them, and look at all that is left."""
    async with Database(url).running() as database:
        await migrate.upgrade(database)
        async with keys.opened(database, AuthSettings(), SETTINGS, tmp_path / "work") as kept:
            await _check_kills(tmp_path, url, kills, database, kept.box)


async def _check_kills(tmp_path: Path, url: str, kills: int, database: Database, box: SecretBox) -> None:
    catalog = Catalog()
    services, work = Services(catalog=catalog), tmp_path / "work"
    scaffolder = Scaffolder(database, registry(), SETTINGS, services, box, working_directory=work, worker_limit=0)
    world = World(scaffolder, catalog, database)
    streamed: dict[str, list[TaskEvent]] = {}
    async with Workers(tmp_path, url) as workers:
        killing = asyncio.create_task(_kill_often(workers, kills, database))
        await asyncio.gather(*(_keep_busy(world, streamed, killing) for _ in range(IN_FLIGHT)))
        await killing
        await workers.stop()
    tasks, total = await scaffolder.service.list()
    stored = {task.id: await scaffolder.service.events.list(task.id, None, starts_over=False) for task in tasks}

    assert total == len(streamed) >= IN_FLIGHT
    assert {task.status for task in tasks} == {"completed"}
    for task_id, seen in streamed.items():
        assert [event.id for event in seen] == [event.id for event in stored[task_id]]
        _check_task(seen)
    made = Counter((tmp_path / "executions").read_text().splitlines())
    assert sum(made.values()) > len(tasks)
    effects = Counter(marker.rpartition("-")[0] for marker in (tmp_path / "effects").read_text().split())
    assert effects == Counter(task.id for task in tasks)
    assert sum(event.type == "recovered" for history in stored.values() for event in history) > 0


async def _kill_often(workers: Workers, kills: int, database: Database) -> None:
    """Kill as often as asked, and on a slow machine until at least one kill has hit a running task."""
    killed = 0
    while killed < kills or not await database.read(_has_recovered):
        pause = random.uniform(0.1, 1.2) if 0 < killed < kills else 2 + max(killed - kills, 0)
        await asyncio.sleep(pause)  # the first ones have to get to work, and on a slow machine the last ones
        await workers.kill_one()
        killed += 1


def _has_recovered(connection: sa.Connection) -> bool:
    return (
        connection.execute(sa.select(task_events.c.id).where(task_events.c.type == "recovered").limit(1)).first()
        is not None
    )


async def _keep_busy(world: World, streamed: dict[str, list[TaskEvent]], killing: "asyncio.Task[None]") -> None:
    steps = [{"id": step, "name": step, "action": "test:work"} for step in STEPS]
    once = [{"id": name, "name": name, "action": f"test:{name}"} for name in ONCE]
    entity = template(*steps, *once)
    while True:
        task_id = await world.create(entity, {}, {"tok": "tok-secret"})
        async with asyncio.timeout(240):
            found: list[TaskEvent] = []
            async for batch in await world.scaffolder.service.event_stream(task_id, None):
                found += [event for event, _ in batch]
        streamed[task_id] = found
        if killing.done():
            return


def _check_task(events: list[TaskEvent]) -> None:
    finished: set[str] = set()
    lines: dict[str, list[str]] = {}
    for event in events:
        said = body(event)
        step = said.get("stepId")
        if step is None:
            continue
        message = str(said["message"])
        if message.startswith("Beginning step"):
            assert step not in finished, f"{step} ran again after its completion was recorded"
            lines[step] = []
        elif message.startswith("Finished step"):
            assert step not in finished
            finished.add(step)
            if step in STEPS:
                assert lines[step] == [f"line {number} of {step}" for number in range(LINES)]
        elif "line " in message:
            lines[step].append(message.partition("\x1b[39m: ")[2])
    assert finished == {*STEPS, *ONCE}
    assert [event.type for event in events].count("completion") == 1
    assert not any("tok-secret" in event.body for event in events)
