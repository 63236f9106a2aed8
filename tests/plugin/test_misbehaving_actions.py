"""An action that does wrong ends its own step at most: a task beside it runs as if nothing were."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from backstage_py.model.json import JsonObject
from backstage_py.plugin import Action, ActionContext, action
from backstage_py.scaffolder.executors import leftovers
from backstage_py.settings.sections import ScaffolderSettings
from tests.scaffolder.harness import World, body, messages, template, world

ANY: JsonObject = {"type": "object"}


class ForeignError(Exception):
    """Of a library that nobody here knows."""

    def __str__(self) -> str:
        raise ValueError("an error whose text cannot be had")


class ForeignBaseError(BaseException):
    """One that ``except Exception`` does not catch."""


released = threading.Event()
begun: list[str] = []


@action("test:good", ANY)
async def good(ctx: ActionContext[JsonObject]) -> JsonObject:
    ctx.logger.info("all is well")
    return {"ok": True}


@action("test:blocks", ANY)
def blocks(ctx: ActionContext[JsonObject]) -> None:
    begun.append(ctx.task_id)
    released.wait(60)


@action("test:blocks-its-loop", ANY)
async def blocks_its_loop(_ctx: ActionContext[JsonObject]) -> None:
    released.wait(60)


@action("test:computes", ANY)
def computes(_ctx: ActionContext[JsonObject]) -> None:
    compute()


@action("test:computes-on-its-loop", ANY)
async def computes_on_its_loop(_ctx: ActionContext[JsonObject]) -> None:
    compute()


def compute() -> None:
    number = 0
    while True:
        number += 1


@action("test:leaks", ANY)
def leaks(ctx: ActionContext[JsonObject]) -> JsonObject:
    def chatter() -> None:
        while not released.wait(0.001):
            ctx.logger.info("still here")
            ctx.output("late", 1)

    threading.Thread(target=chatter, daemon=True).start()
    time.sleep(0.02)
    return {"done": True}


@action("test:leaks-a-task", ANY)
async def leaks_a_task(ctx: ActionContext[JsonObject]) -> JsonObject:
    async def chatter() -> None:
        while True:
            await asyncio.sleep(0.001)
            ctx.logger.info("still here")

    asyncio.ensure_future(chatter())  # noqa: RUF006  # that is the fault
    await asyncio.sleep(0.02)
    return {"done": True}


@action("test:floods", ANY)
def floods(ctx: ActionContext[JsonObject]) -> None:
    line = "x" * 1000
    for _ in range(100_000):
        ctx.logger.info(line)
    ctx.logger.info("y" * 100_000_000)


@action("test:exits", ANY)
def exits(_ctx: ActionContext[JsonObject]) -> None:
    sys.exit("I leave")


@action("test:interrupts", ANY)
async def interrupts(_ctx: ActionContext[JsonObject]) -> None:
    raise KeyboardInterrupt


@action("test:foreign", ANY)
def foreign(_ctx: ActionContext[JsonObject]) -> None:
    raise ForeignError


@action("test:base", ANY)
def raises_base(_ctx: ActionContext[JsonObject]) -> None:
    raise ForeignBaseError("out of the tree")


@action("test:base-async", ANY)
async def raises_base_async(_ctx: ActionContext[JsonObject]) -> None:
    raise ForeignBaseError("out of the tree")


@action("test:stops", ANY)
def stops(_ctx: ActionContext[JsonObject]) -> None:
    next(iter(()))


@action("test:cancels-itself", ANY)
async def cancels_itself(_ctx: ActionContext[JsonObject]) -> None:
    raise asyncio.CancelledError


@action("test:talks-much", ANY)
def fails_at_length(_ctx: ActionContext[JsonObject]) -> None:
    raise ValueError("w" * 50_000_000)


@action("test:object", ANY)
def returns_object(_ctx: ActionContext[JsonObject]) -> JsonObject:
    return {"handle": object()}


@action("test:text", ANY)  # type: ignore[arg-type]  # that is the mistake
def returns_text(_ctx: ActionContext[JsonObject]) -> str:
    return "no set of outputs"


@action("test:forgets", ANY)  # type: ignore[arg-type]  # that is the mistake
def forgets_to_await(ctx: ActionContext[JsonObject]) -> object:
    return ctx.sleep(1)


@action("test:half-awaited", ANY)
async def uses_what_it_did_not_await(ctx: ActionContext[JsonObject]) -> JsonObject:
    answer: Any = ctx.sleep(1)
    try:
        return {"text": answer.text}
    finally:
        answer.close()


@action("test:endless", ANY)
async def returns_endless(_ctx: ActionContext[JsonObject]) -> JsonObject:
    value: JsonObject = {}
    value["self"] = value
    return value


@action("test:surrogate", ANY)
def returns_surrogate(_ctx: ActionContext[JsonObject]) -> JsonObject:
    return {"text": "\ud800"}


@action("test:deaf", ANY)
async def deaf(_ctx: ActionContext[JsonObject]) -> None:
    while not released.is_set():
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            continue


@action("test:signals", ANY)
async def takes_signals(_ctx: ActionContext[JsonObject]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


@action("test:signals-of-loop", ANY)
async def takes_signals_of_its_loop(_ctx: ActionContext[JsonObject]) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, print)


@action("test:moves", ANY)
def moves(ctx: ActionContext[JsonObject]) -> JsonObject:
    os.chdir(ctx.workspace.root)
    return {"folder": str(Path.cwd())}


@action("test:fills-executor", ANY)
async def fills_the_executor(_ctx: ActionContext[JsonObject]) -> None:
    await asyncio.gather(*(asyncio.to_thread(released.wait, 60) for _ in range(50)))


@action("test:prints", ANY)
def prints(_ctx: ActionContext[JsonObject]) -> None:
    sys.stdout.write("to nobody")


BLOCKING = (blocks, blocks_its_loop, computes, computes_on_its_loop, deaf, fills_the_executor)
WRONG = (
    (exits, "SystemExit: I leave"),
    (interrupts, "KeyboardInterrupt"),
    (foreign, "ForeignError"),
    (raises_base, "ForeignBaseError: out of the tree"),
    (raises_base_async, "ForeignBaseError: out of the tree"),
    (stops, "StopIteration"),
    (cancels_itself, "CancelledError: the action cancelled itself"),
    (fails_at_length, "www… (50000012 letters)"),  # with the name of the exception
    (returns_object, "Output 'handle' is not a JSON value"),
    (returns_text, "returned a value of type str; return its outputs by name"),
    (forgets_to_await, "returned a coroutine instead of what it stands for"),
    (uses_what_it_did_not_await, "is there an 'await' missing"),
    (returns_endless, "recursion"),
    (takes_signals, "signal only works in main thread"),
    (takes_signals_of_its_loop, "main thread"),
)
HARMLESS = (good, leaks, leaks_a_task, floods, moves, prints, returns_surrogate)
ALL = (*BLOCKING, *(one for one, _ in WRONG), *HARMLESS)


_LOG_LIMIT = 16 * 1024 * 1024


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[World]:
    released.clear()
    begun.clear()
    try:
        async with world(tmp_path, *ALL, settings=ScaffolderSettings(log_limit_bytes=_LOG_LIMIT)) as running:
            yield running
    finally:
        released.set()
        await until(lambda: leftovers.count() == 0)


def computing() -> bool:
    """Return whether a thread is in ``compute``."""
    return any(compute.__code__ is frame.f_code for frame in sys._current_frames().values())


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens in a thread."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # a thread has no way to tell
            await asyncio.sleep(0.01)


async def is_unharmed(site: World) -> None:
    """Run another task from its start to its end."""
    async with asyncio.timeout(20):
        events = await site.run(template({"id": "a", "action": "test:good", "input": {}}, name="other"))
    assert body(events[-1])["message"] == "Run completed with status: completed"
    assert any("all is well" in message for message in messages(events))


def step(bad: Action) -> dict[str, Any]:
    return template({"id": "bad", "action": bad.id, "input": {}}, name="bad")


@pytest.mark.thorough(sample=1)
@pytest.mark.parametrize("bad", BLOCKING, ids=lambda one: one.id)
async def test_one_that_never_ends_leaves_room_and_can_be_cancelled(site: World, bad: Action) -> None:
    task = await site.create(step(bad))
    await is_unharmed(site)
    await site.scaffolder.service.cancel(task)
    async with asyncio.timeout(10):
        events = await site.events(task)
    assert body(events[-1])["error"]["message"].endswith("has been cancelled.")
    await is_unharmed(site)


@pytest.mark.thorough
async def test_code_that_computes_for_ever_is_ended_behind_its_task(site: World) -> None:
    for bad in (computes, computes_on_its_loop):
        task = await site.create(step(bad))
        await until(computing)
        await site.scaffolder.service.cancel(task)
        await site.events(task)
        await until(lambda: not computing())


@pytest.mark.thorough
async def test_one_that_never_ends_is_not_started_for_ever(site: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "MOST", 2)
    for number in range(2):
        task = await site.create(step(blocks))
        await until(partial(begun.__contains__, task))
        await site.scaffolder.service.cancel(task)
        await site.events(task)
        await until(partial(lambda left: leftovers.count(blocks.id) > left, number))
    events = await site.run(step(blocks))
    assert "2 of its runs were cancelled or timed out and still have not ended" in body(events[-1])["error"]["message"]
    await is_unharmed(site)
    released.set()
    await until(lambda: leftovers.count() == 0)
    events = await site.run(step(blocks))
    assert body(events[-1])["message"] == "Run completed with status: completed"


@pytest.mark.thorough
@pytest.mark.parametrize("bad", [leaks, leaks_a_task], ids=lambda one: one.id)
async def test_what_is_left_behind_says_nothing_more(site: World, bad: Action) -> None:
    events = await site.run(step(bad))
    assert body(events[-1])["message"] == "Run completed with status: completed"
    await is_unharmed(site)
    later = await site.scaffolder.service.past_events(events[0].task_id)
    assert [event.id for event in later] == [event.id for event in events]


@pytest.mark.thorough
async def test_a_hundred_megabytes_of_log_are_cut(site: World) -> None:
    task = await site.create(step(floods))
    await is_unharmed(site)
    events = await site.events(task)
    kept = sum(len(message) for message in messages(events))
    assert kept < 1.1 * _LOG_LIMIT
    assert any("has reached its limit" in message for message in messages(events))
    assert body(events[-1])["message"] == "Run completed with status: completed"


@pytest.mark.thorough(sample=4)
@pytest.mark.parametrize(("bad", "words"), WRONG, ids=lambda one: one.id if isinstance(one, Action) else "")
async def test_what_it_raises_or_returns_fails_its_step_in_words(site: World, bad: Action, words: str) -> None:
    events = await site.run(step(bad))
    assert words in body(events[-1])["error"]["message"]
    await is_unharmed(site)


async def test_half_a_surrogate_pair_is_written_as_the_replacement_character(site: World) -> None:
    """JavaScript carries it; UTF-8, in which the database and answers are, cannot."""
    entity = template(
        {"id": "bad", "action": returns_surrogate.id, "input": {}}, output={"text": "${{ steps.bad.output.text }}"}
    )
    assert body((await site.run(entity))[-1])["output"] == {"text": "\ufffd"}


@pytest.mark.thorough
async def test_many_at_once_do_not_hold_up_another(site: World) -> None:
    bad = [blocks, computes_on_its_loop, deaf, leaks, exits, foreign]
    tasks = [await site.create(step(one)) for one in bad]
    await is_unharmed(site)
    for task in tasks:
        await site.scaffolder.service.cancel(task)


async def test_the_current_directory_stays_that_of_the_service(site: World) -> None:
    before = Path.cwd()
    entity = template({"id": "bad", "action": moves.id, "input": {}}, output={"at": "${{ steps.bad.output.folder }}"})
    events = await site.run(entity)
    assert Path(body(events[-1])["output"]["at"]) != before
    assert Path.cwd() == before
    await is_unharmed(site)


async def test_a_signal_handler_of_the_service_stays(site: World) -> None:
    before = signal.getsignal(signal.SIGTERM)
    await site.run(step(takes_signals))
    await site.run(step(takes_signals_of_its_loop))
    assert signal.getsignal(signal.SIGTERM) is before


async def test_where_a_foreign_exception_came_from_is_in_the_log_without_its_values(
    site: World, capsys: pytest.CaptureFixture[str]
) -> None:
    await site.run(step(raises_base_async))
    [line] = [line for line in capsys.readouterr().out.splitlines() if "action_raised" in line]
    assert "raises_base_async" in line
    assert "test:base-async" in line
    assert "out of the tree" not in line
