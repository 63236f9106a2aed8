"""Hundreds of runs that wait take a bounded number of threads, and nothing that waits for a thread holds one up."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from backstage_py import threads
from backstage_py.errors import ServiceUnavailableError
from backstage_py.model.http import BackstageResponse
from backstage_py.model.json import JsonObject
from backstage_py.plugin import Action, ActionContext, Services, action
from backstage_py.scaffolder.run import action_call
from backstage_py.settings.sections import ScaffolderSettings
from backstage_py_actions.debug import debug_wait
from tests import patience
from tests.effort import IS_THOROUGH
from tests.scaffolder.harness import GUEST, World, body, template, world

ANY: JsonObject = {"type": "object"}
MANY = 500 if IS_THOROUGH else 150  # more than there are threads
OWN = 40
"""Threads that a scaffolder has besides those of its actions: the database's, the watch's, for files."""


@dataclass
class Seen:
    """What actions saw."""

    most: int = 0
    helping: list[None] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        self.most = max(self.most, threading.active_count())


seen = Seen()


@action("test:waits", ANY, dry_run=True)
def waits(_ctx: ActionContext[JsonObject]) -> None:
    time.sleep(0.02)
    seen.look()


@action("test:to-thread", ANY, dry_run=True)
async def waits_in_threads(_ctx: ActionContext[JsonObject]) -> None:
    await asyncio.gather(*(asyncio.to_thread(help_out) for _ in range(20)))


def help_out() -> None:
    seen.helping.append(None)
    seen.most = max(seen.most, len(seen.helping))
    time.sleep(0.01)
    seen.helping.pop()


@action("test:calls", ANY, dry_run=True)
def calls_the_service(ctx: ActionContext[JsonObject]) -> None:
    ctx.wait(ctx.http.get("/files"))
    seen.look()


@action("test:calls-an-action", ANY, dry_run=True)
def runs_another(ctx: ActionContext[JsonObject]) -> None:
    ctx.wait(ctx.http.get("/dry-run"))


@action("test:holds", ANY)
def holds(ctx: ActionContext[JsonObject]) -> None:
    seen.ran.append(ctx.task_id)
    seen.release.wait(patience.SECONDS)


@action("test:quick", ANY, timeout=2 * patience.SECONDS)
def is_quick(ctx: ActionContext[JsonObject]) -> None:
    seen.ran.append(ctx.task_id)


ALL = (waits, waits_in_threads, calls_the_service, runs_another, holds, is_quick, debug_wait)


class Backstage:
    """A client whose answers need a thread for files, or a place for another action."""

    def __init__(self) -> None:
        self.site: World | None = None

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        token: str | None,
        timeout: float,  # noqa: ASYNC109  # as the protocol has it
    ) -> BackstageResponse:
        assert self.site
        if path == "/dry-run":
            await dry_run(self.site, waits)
        await threads.file_work(time.sleep, 0.001)
        return BackstageResponse(200, {}, b"{}")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[World]:
    seen.__init__()  # type: ignore[misc]  # as new
    backstage = Backstage()
    settings = ScaffolderSettings(concurrent_tasks_limit=MANY)
    try:
        async with world(tmp_path, *ALL, settings=settings, services=Services(backstage=backstage)) as running:
            backstage.site = running
            yield running
    finally:
        seen.release.set()


def only(wanted: Action, **given: Any) -> dict[str, Any]:
    return template({"id": "a", "action": wanted.id, "input": given}, name=wanted.id.replace(":", "-"))


async def dry_run(site: World, wanted: Action) -> JsonObject:
    request = {"template": only(wanted), "values": {}, "directoryContents": []}
    return await site.scaffolder.service.dry_run(request, GUEST)


@pytest.mark.parametrize("wanted", [waits, calls_the_service], ids=lambda one: one.id)
async def test_hundreds_of_dry_runs_share_the_threads_that_there_are(site: World, wanted: Action) -> None:
    async with patience.bounded():
        await asyncio.gather(*(dry_run(site, wanted) for _ in range(MANY)))
    assert seen.most <= 2 * threads.ACTIONS.limit + OWN


async def test_hundreds_of_tasks_share_the_threads_that_there_are(site: World) -> None:
    async with patience.bounded():
        found = await asyncio.gather(*(site.run(only(waits)) for _ in range(MANY)))
    assert {body(events[-1])["message"] for events in found} == {"Run completed with status: completed"}
    assert seen.most <= 2 * threads.ACTIONS.limit + OWN


async def test_what_actions_hand_to_threads_is_bounded_for_each_of_them(
    site: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads.ACTIONS, "limit", 4)
    async with patience.bounded():
        await asyncio.gather(*(dry_run(site, waits_in_threads) for _ in range(50)))
    assert 0 < seen.most <= 4 * 8


async def test_waiting_takes_no_thread(site: World) -> None:
    wanted = replace(debug_wait, is_trusted_on_loop=True)
    before = threading.active_count()
    async with patience.bounded():
        running = asyncio.gather(*(site.run(only(wanted, milliseconds=50)) for _ in range(MANY)))
        while not running.done():
            seen.look()
            await asyncio.sleep(0.01)
    assert seen.most <= before + OWN


async def test_actions_that_run_others_wait_for_each_other_no_longer_than_a_request_may(
    site: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads.ACTIONS, "limit", 2)
    monkeypatch.setattr(action_call, "REQUEST_PATIENCE", 0.3)
    async with patience.bounded():
        found = await asyncio.gather(*(dry_run(site, runs_another) for _ in range(2)), return_exceptions=True)
    assert any("Too many actions run" in str(one) for one in found)
    assert all(isinstance(one, ServiceUnavailableError) for one in found if isinstance(one, Exception))
    monkeypatch.setattr(action_call, "REQUEST_PATIENCE", patience.SECONDS)
    await dry_run(site, waits)


async def test_an_action_that_never_ends_leaves_places_to_others(site: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads.ACTIONS, "limit", 3)
    monkeypatch.setattr(threads.ACTIONS, "share", 2)
    stuck = [await site.create(only(holds)) for _ in range(4)]
    await patience.until(lambda: len(seen.ran) == 2)
    for _ in range(3):
        assert body((await site.run(only(waits)))[-1])["message"] == "Run completed with status: completed"
    seen.release.set()
    for task in stuck:
        await site.events(task)
    assert sorted(seen.ran) == sorted(stuck)


async def test_who_waits_for_a_place_can_be_cancelled_and_never_runs(
    site: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads.ACTIONS, "limit", 1)
    first = await site.create(only(holds))
    await patience.until(lambda: seen.ran == [first])
    second = await site.create(only(is_quick))
    async with patience.bounded():
        async for _ in await site.scaffolder.service.event_stream(second, None):
            await site.scaffolder.service.cancel(second)
    seen.release.set()
    await site.events(first)
    assert seen.ran == [first]


async def test_the_time_of_an_action_counts_from_its_beginning(site: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads.ACTIONS, "limit", 1)
    first = await site.create(only(holds))
    await patience.until(lambda: seen.ran == [first])
    second = await site.create(only(is_quick))
    await patience.until_answered(lambda: site.scaffolder.service.past_events(second), "it waits for a place")
    loop = asyncio.get_running_loop()
    now = loop.time
    monkeypatch.setattr(loop, "time", lambda: now() + 2 * patience.SECONDS)
    await asyncio.sleep(0)
    monkeypatch.setattr(loop, "time", now)
    seen.release.set()
    assert body((await site.events(second))[-1])["message"] == "Run completed with status: completed"
