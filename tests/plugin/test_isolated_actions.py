"""An action of others has a thread and an event loop of its own, and misses nothing there."""

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import NotFoundError
from backstage_py.model.http import BackstageResponse
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin import Action, ActionContext, RetryPolicy, Services, TemporaryError, action
from backstage_py.testing import run_action
from tests import patience
from tests.scaffolder.harness import World, body, messages, template, world

ANY: JsonObject = {"type": "object"}
Context = ActionContext[JsonObject]
seen: dict[str, Any] = {}
named: contextvars.ContextVar[str] = contextvars.ContextVar("named", default="nothing")


class Backstage:
    """A client that belongs to the loop it was made on, as connections do."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.ended: list[str] = []

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
        assert asyncio.get_running_loop() is self._loop
        if path == "/hangs":
            try:
                await asyncio.sleep(3600)
            finally:
                self.ended.append(path)
        if path == "/missing":
            raise NotFoundError("There is no such thing")
        return BackstageResponse(200, {}, b'{"path": "%s", "token": "%s"}' % (path.encode(), str(token).encode()))


@action("test:all-async", ANY)
async def all_async(ctx: Context) -> JsonObject:
    seen["thread"] = threading.get_ident()
    ctx.logger.info("a line")
    ctx.progress(1, 1, "copied")
    ctx.output("early", 1)
    folder = ctx.temporary_directory()
    (folder / "scratch").write_text("x")
    seen["folder"] = folder
    ctx.workspace.path("made.txt").write_text("made")
    answer = (await ctx.http.get("/api/there")).json()
    both = await asyncio.gather(ctx.http.get("/1"), ctx.http.get("/2"))
    with pytest.raises(NotFoundError, match="no such thing"):
        await ctx.http.get("/missing")

    async def make() -> str:
        seen["made on"] = threading.get_ident()
        return "made once"

    kept = await ctx.checkpoint("key", make)
    plain = await ctx.checkpoint("plain", lambda: [1, 2])
    [entity] = await ctx.catalog.entities_by_refs(["user:development/guest"], token=ctx.token)
    await ctx.sleep(0.001)
    process = await asyncio.create_subprocess_exec("true")
    return {
        **answer,
        "both": [one.json()["path"] for one in both],
        "kept": [kept, plain],
        "kind": (entity or {}).get("kind"),
        "secret": ctx.secrets["password"],
        "exit": await process.wait(),
    }


@action("test:all-plain", ANY)
def all_plain(ctx: Context) -> JsonObject:
    seen["thread"] = threading.get_ident()
    ctx.logger.info("a line")
    ctx.progress(1, 1, "copied")
    ctx.output("early", 1)
    seen["folder"] = ctx.temporary_directory()
    answer = ctx.wait(ctx.http.get("/api/there")).json()
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda path: ctx.wait(ctx.http.get(path)).json()["path"], ["/1", "/2"]))
    with pytest.raises(NotFoundError, match="no such thing"):
        ctx.wait(ctx.http.get("/missing"))

    def make() -> str:
        seen["made on"] = threading.get_ident()
        return "made once"

    kept = ctx.wait(ctx.checkpoint("key", make))
    plain = ctx.wait(ctx.checkpoint("plain", lambda: [1, 2]))
    [entity] = ctx.wait(ctx.catalog.entities_by_refs(["user:development/guest"], token=ctx.token))
    ctx.wait(ctx.sleep(0.001))
    return {
        **answer,
        "both": both,
        "kept": [kept, plain],
        "kind": (entity or {}).get("kind"),
        "secret": ctx.secrets["password"],
        "exit": 0,
    }


@action("test:names-async", ANY)
async def names_async(_ctx: Context) -> JsonObject:
    return {"name": named.get()}


@action("test:names-plain", ANY)
def names_plain(ctx: Context) -> JsonObject:
    async def found() -> str:
        return named.get()

    return {"name": ctx.wait(found())}


@action("test:hangs-in-request", ANY)
async def hangs_in_request(ctx: Context) -> None:
    try:
        await ctx.http.get("/hangs")
    finally:
        seen["unwound"] = True


@action("test:hangs-in-request-plain", ANY)
def hangs_in_request_plain(ctx: Context) -> None:
    try:
        ctx.wait(ctx.http.get("/hangs"))
    finally:
        seen["unwound"] = True


@action("test:waits", ANY)
async def waits_for_the_signal(ctx: Context) -> None:
    await ctx.sleep(3600)
    seen["heeded"] = ctx.signal.is_set


@action("test:slow", ANY, timeout=0.3, retry=RetryPolicy(attempts=20, first_wait=0.01, factor=1))
def too_slow_once(ctx: Context) -> JsonObject:
    tries = seen["tries"] = seen.get("tries", 0) + 1
    if tries == 1:
        seen["second"].wait(patience.SECONDS)
        ctx.logger.info("said by the first try")
        ctx.output("by", "the first try")
        with pytest.raises(asyncio.CancelledError):
            ctx.wait(ctx.http.get("/late"))
        seen["first ended"].set()
        return {"by": "the first try"}
    seen["second"].set()
    seen["first ended"].wait(patience.SECONDS)
    return {"by": "a later try"}


@action("test:own-timeout", ANY, timeout=60)
async def has_a_timeout_of_its_own(_ctx: Context) -> None:
    async with asyncio.timeout(0.001):
        await asyncio.sleep(10)


@action("test:fails", ANY)
async def fails(_ctx: Context) -> None:
    raise TemporaryError("not now")


ALL = (
    all_async,
    all_plain,
    hangs_in_request,
    hangs_in_request_plain,
    waits_for_the_signal,
    too_slow_once,
    has_a_timeout_of_its_own,
    fails,
)


@pytest.fixture
async def backstage() -> Backstage:
    return Backstage()


@pytest.fixture
async def site(tmp_path: Path, backstage: Backstage) -> AsyncIterator[World]:
    seen.clear()
    seen.update(second=threading.Event(), **{"first ended": threading.Event()})
    async with world(tmp_path, *ALL, services=Services(backstage=backstage)) as running:
        yield running


def step(wanted: Action) -> dict[str, Any]:
    output = {"all": "${{ steps.a.output }}"}
    return template({"id": "a", "action": wanted.id, "input": {}}, output=output)


async def until_begun(site: World, task: str) -> None:
    while True:
        if any("Beginning" in line for line in messages(await site.scaffolder.service.past_events(task))):
            return
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("wanted", [all_async, all_plain], ids=lambda one: one.id)
async def test_all_of_the_context_works_in_its_own_thread(site: World, wanted: Action) -> None:
    secrets = {"password": "hunter2hunter2", "backstageToken": "token-of-the-user"}
    events = await site.run(step(wanted), {}, secrets)
    found: Json = body(events[-1])["output"]["all"]
    assert found["path"] == "/api/there"
    assert found["both"] == ["/1", "/2"]
    assert found["kept"] == ["made once", [1, 2]]
    assert found["kind"] == "User"
    assert found["exit"] == 0
    assert found["early"] == 1
    assert found["secret"] == found["token"] == "***"
    assert seen["thread"] != threading.get_ident()
    assert seen["made on"] == seen["thread"]
    assert not seen["folder"].exists()
    said = "\n".join(messages(events))
    assert "a line" in said
    assert "100% (1 of 1) copied" in said


@pytest.mark.parametrize("wanted", [names_async, names_plain], ids=lambda one: one.id)
async def test_context_variables_go_along(tmp_path: Path, wanted: Action) -> None:
    named.set("by the caller")
    result = await run_action(wanted, {}, folder=tmp_path)
    assert result.outputs == {"name": "by the caller"}


@pytest.mark.thorough
@pytest.mark.parametrize("wanted", [hangs_in_request, hangs_in_request_plain], ids=lambda one: one.id)
async def test_a_cancelled_request_ends_on_both_sides(site: World, wanted: Action, backstage: Backstage) -> None:
    task = await site.create(step(wanted))
    async with patience.bounded():
        await until_begun(site, task)
        await site.scaffolder.service.cancel(task)
        events = await site.events(task)
        while not (seen.get("unwound") and backstage.ended):  # noqa: ASYNC110  # a thread has no way to tell
            await asyncio.sleep(0.01)
    assert body(events[-1])["error"]["message"].endswith("has been cancelled.")


async def test_the_signal_wakes_a_loop_of_its_own(site: World) -> None:
    task = await site.create(step(waits_for_the_signal))
    async with patience.bounded():
        await until_begun(site, task)
        await site.scaffolder.service.cancel(task)
        await site.events(task)
        while "heeded" not in seen:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.01)
    assert seen["heeded"]


async def test_a_try_that_was_left_behind_has_no_part_in_the_next(site: World) -> None:
    events = await site.run(step(too_slow_once))
    assert body(events[-1])["output"]["all"] == {"by": "a later try"}
    said = "\n".join(messages(events))
    assert "did not finish within 0.3 s; trying again" in said
    assert "said by the first try" not in said


async def test_a_timeout_within_an_action_is_not_taken_for_its_own(site: World) -> None:
    events = await site.run(step(has_a_timeout_of_its_own))
    assert body(events[-1])["error"]["message"] == "TimeoutError"
