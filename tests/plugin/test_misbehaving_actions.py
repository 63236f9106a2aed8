"""An action that does wrong ends its own step at most: a task beside it runs as if nothing were."""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from backstage_py.model.json import JsonObject
from backstage_py.plugin import Action, ActionContext, action
from backstage_py.settings.sections import ScaffolderSettings
from tests.scaffolder.harness import World, body, messages, template, world

ANY: JsonObject = {"type": "object"}


class ForeignError(Exception):
    """Of a library that nobody here knows."""

    def __str__(self) -> str:
        raise ValueError("an error whose text cannot be had")


released = threading.Event()


@action("test:good", ANY)
async def good(ctx: ActionContext[JsonObject]) -> JsonObject:
    ctx.logger.info("all is well")
    return {"ok": True}


@action("test:blocks", ANY)
def blocks(_ctx: ActionContext[JsonObject]) -> None:
    released.wait(60)


@action("test:leaks", ANY)
def leaks(ctx: ActionContext[JsonObject]) -> JsonObject:
    def chatter() -> None:
        while not released.wait(0.001):
            ctx.logger.info("still here")
            ctx.output("late", 1)

    threading.Thread(target=chatter, daemon=True).start()
    time.sleep(0.02)
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


@action("test:object", ANY)
def returns_object(_ctx: ActionContext[JsonObject]) -> JsonObject:
    return {"handle": object()}


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


ALL = (
    good,
    blocks,
    leaks,
    floods,
    exits,
    interrupts,
    foreign,
    returns_object,
    returns_endless,
    returns_surrogate,
    deaf,
)


_LOG_LIMIT = 16 * 1024 * 1024


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[World]:
    released.clear()
    try:
        async with world(tmp_path, *ALL, settings=ScaffolderSettings(log_limit_bytes=_LOG_LIMIT)) as running:
            yield running
    finally:
        released.set()


async def is_unharmed(site: World) -> None:
    """Run another task from its start to its end."""
    async with asyncio.timeout(20):
        events = await site.run(template({"id": "a", "action": "test:good", "input": {}}, name="other"))
    assert body(events[-1])["message"] == "Run completed with status: completed"
    assert any("all is well" in message for message in messages(events))


def step(bad: Action) -> dict[str, Any]:
    return template({"id": "bad", "action": bad.id, "input": {}}, name="bad")


@pytest.mark.parametrize("bad", [blocks, deaf], ids=lambda one: one.id)
async def test_one_that_never_ends_leaves_room_and_can_be_cancelled(site: World, bad: Action) -> None:
    task = await site.create(step(bad))
    await is_unharmed(site)
    await site.scaffolder.service.cancel(task)
    async with asyncio.timeout(10):
        events = await site.events(task)
    assert body(events[-1])["error"]["message"].endswith("has been cancelled.")
    await is_unharmed(site)


async def test_a_thread_that_is_left_behind_says_nothing_more(site: World) -> None:
    events = await site.run(step(leaks))
    assert body(events[-1])["message"] == "Run completed with status: completed"
    await is_unharmed(site)
    later = await site.scaffolder.service.past_events(events[0].task_id)
    assert [event.id for event in later] == [event.id for event in events]


async def test_a_hundred_megabytes_of_log_are_cut(site: World) -> None:
    task = await site.create(step(floods))
    await is_unharmed(site)
    events = await site.events(task)
    kept = sum(len(message) for message in messages(events))
    assert kept < 1.1 * _LOG_LIMIT
    assert any("has reached its limit" in message for message in messages(events))
    assert body(events[-1])["message"] == "Run completed with status: completed"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (exits, "SystemExit: I leave"),
        (interrupts, "KeyboardInterrupt"),
        (foreign, "ForeignError"),
        (returns_object, "Output 'handle' is not a JSON value"),
        (returns_endless, "recursion"),
        (returns_surrogate, "Output 'text' is not a JSON value"),
    ],
    ids=lambda one: one.id if isinstance(one, Action) else "",
)
async def test_what_it_raises_or_returns_fails_its_step_in_words(site: World, bad: Action, words: str) -> None:
    events = await site.run(step(bad))
    assert words in body(events[-1])["error"]["message"]
    await is_unharmed(site)


async def test_many_at_once_do_not_hold_up_another(site: World) -> None:
    bad = [blocks, deaf, leaks, exits, foreign, returns_object]
    tasks = [await site.create(step(one)) for one in bad]
    await is_unharmed(site)
    for task in tasks:
        await site.scaffolder.service.cancel(task)
