"""The database goes away at every moment of a task in turn: no attempt fails for it, and no step runs twice for it."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backstage_py import background
from backstage_py.catalog.authorized import AuthorizedCatalog
from backstage_py.catalog.client import LocalCatalogClient
from backstage_py.catalog.service import CatalogService
from backstage_py.errors import ConflictError, ServiceUnavailableError
from backstage_py.identity.principals import Credentials, ServicePrincipal
from backstage_py.model.task import EventType, TaskEvent
from backstage_py.permissions.authority import Authority
from backstage_py.plugin import ActionContext, PermanentError, action
from backstage_py.scaffolder.queue import worker
from backstage_py.settings.sections import CatalogSettings, ScaffolderSettings, TaskRecoverySettings
from backstage_py.storage import outages
from tests import patience
from tests.catalog.harness import HOST, Web
from tests.effort import IS_THOROUGH
from tests.scaffolder.harness import GUEST, World, body, database_url, template, world
from tests.storage.postgres import Postgres, postgres
from tests.storage.wire import Wire, wire

pytestmark = [pytest.mark.xdist_group(__name__), pytest.mark.timeout(600)]

Context = ActionContext[dict[str, Any]]
SETTINGS = ScaffolderSettings(recovery=TaskRecoverySettings(enabled=True), workspace_serialization="database")
OURSELVES = Credentials(ServicePrincipal("plugin:scaffolder"))
ON_PURPOSE = "The first run fails"
STRIDE = 3 if IS_THOROUGH else 31
ran: "Counter[tuple[str, str]]" = Counter()
failed: set[str] = set()


@action("test:reads")
def reads(ctx: Context) -> None:
    """Read the catalog from a thread, write a file, and fail in the first run if told so."""
    ran[ctx.task_id, ctx.step.id] += 1
    ctx.wait(ctx.catalog.entities_by_refs(["component:default/web"], token=None))
    ctx.workspace.path(f"{ctx.step.id}.txt").write_text(ctx.secrets["token"])
    if ctx.input.get("fails") and ctx.task_id not in failed:
        failed.add(ctx.task_id)
        raise PermanentError(ON_PURPOSE)


@action("test:keeps")
async def keeps(ctx: Context) -> None:
    """Keep something once, and register a location."""
    ran[ctx.task_id, ctx.step.id] += 1

    async def make() -> str:
        ran[ctx.task_id, "made"] += 1
        return "made"

    ctx.output("made", await ctx.checkpoint("made", make))
    await ctx.catalog.add_location(f"{HOST}/{ctx.task_id}.yaml", token=None)
    ctx.output("files", sorted(path.name for path in ctx.workspace.files()))


TASK = template(
    {"id": "one", "name": "One", "action": "test:reads", "input": {}},
    {"id": "two", "name": "Two", "action": "test:reads", "input": {"fails": True}},
    {"id": "three", "name": "Three", "action": "test:keeps"},
    EXPERIMENTAL_recovery={"EXPERIMENTAL_strategy": "resume"},
    output={"files": "${{ steps.three.output.files }}"},
)


class Stored(LocalCatalogClient):
    """The catalog of the same database; nothing of it is processed."""

    async def add_location(self, target: str, *, token: str | None, type: str = "url") -> dict[str, Any]:  # noqa: A002
        """Do not wait for what is registered."""
        return (await self._catalog.register(type, target, OURSELVES)).as_json()


@dataclass
class Stage:
    world: World
    line: Wire

    async def run(self, *, breaks_at: int, passes_on: bool) -> tuple[str, list[TaskEvent], list[TaskEvent]]:
        """Run a task that fails once, and again, with an outage at a turn of the wire; return its events."""
        task_id = await self._created()
        self.line.broke.clear()
        self.line.passes_on, self.line.breaks_at = passes_on, breaks_at
        mending = asyncio.create_task(self._mend())
        try:
            first = await self._followed(task_id)
            await self._retried(task_id)
            second = await self._followed(task_id, int(first[-1].id))
        finally:
            mending.cancel()
            await asyncio.gather(mending, return_exceptions=True)
            self.line.breaks_at, self.line.refuses = None, False
            async with patience.bounded():
                while self.world.database.outages.is_on:  # noqa: ASYNC110  # what the watch finds out has no event here
                    await asyncio.sleep(0.02)
        return task_id, first, second

    async def _created(self) -> str:
        async with patience.bounded():
            while True:
                try:
                    return await self.world.create(TASK, secrets={"token": "told"})
                except ServiceUnavailableError:  # the watch of a busy machine takes a slow answer for none
                    await asyncio.sleep(0.05)

    async def _mend(self) -> None:
        """Let the server answer again when everybody has noticed that it does not."""
        await self.line.broke.wait()
        async with patience.bounded():
            while not self.world.database.outages.is_on:  # noqa: ASYNC110  # as above
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        self.line.refuses = False

    async def _followed(self, task_id: str, after: int | None = None) -> list[TaskEvent]:
        found: list[TaskEvent] = []
        async with patience.bounded():
            while not found or found[-1].type != EventType.COMPLETION:
                try:
                    found += await self.world.events(task_id, found[-1].id if found else after)
                except ServiceUnavailableError:
                    await asyncio.sleep(0.05)
        return found

    async def _retried(self, task_id: str) -> None:
        async with patience.bounded():
            while True:
                try:
                    return await self.world.scaffolder.service.retry(task_id, {"token": "told"}, GUEST)
                except ConflictError:  # an answer was lost
                    return None
                except ServiceUnavailableError:
                    await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@contextlib.asynccontextmanager
async def stage(server: Postgres, name: str, folder: Path) -> AsyncIterator[Stage]:
    url = server.new_database(name)
    async with wire(server.port) as line:
        token = database_url.set(url.replace(str(server.port), str(line.port)))
        try:
            async with world(folder, reads, keeps, settings=SETTINGS) as w:
                catalog = CatalogService(w.database, Web(), CatalogSettings())
                w.catalog.stored = Stored(AuthorizedCatalog(catalog, Authority()))
                yield Stage(w, line)
        finally:
            database_url.reset(token)


@pytest.mark.thorough(sample=1)
@pytest.mark.parametrize("passes_on", [False, True], ids=["request-lost", "answer-lost"])
async def test_an_outage_at_any_moment_fails_no_task_and_repeats_no_step(
    server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passes_on: bool
) -> None:
    monkeypatch.setattr(outages, "_LITTLE_WHILE", 0.0)  # whoever is not patient fails at once
    monkeypatch.setattr(background, "_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(worker, "_CLAIM_PATIENCE", 0.3)
    async with stage(server, f"any-moment-{passes_on}", tmp_path) as acting:
        broken, at = 0, 1
        while True:
            task_id, first, second = await acting.run(breaks_at=at, passes_on=passes_on)
            assert body(first[-1])["error"]["message"] == ON_PURPOSE, (at, body(first[-1]))
            assert body(second[-1])["output"] == {"files": ["one.txt", "two.txt"]}, (at, body(second[-1]))
            times = {step: count for (of, step), count in ran.items() if of == task_id}
            assert times == {"one": 1, "two": 2, "three": 1, "made": 1}, at
            if not acting.line.broke.is_set():
                break
            broken, at = broken + 1, at + STRIDE
        assert broken * STRIDE > 15
