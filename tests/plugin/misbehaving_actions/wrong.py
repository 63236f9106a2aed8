"""Actions that do wrong, for ``test_misbehaving_actions``; loaded as a folder of plain files."""

import asyncio
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from backstage_py.model.json import JsonObject
from backstage_py.plugin import ActionContext, action

ANY: JsonObject = {"type": "object"}
ended = threading.Event()
"""Set by a test in whose process actions left threads."""


class ForeignError(Exception):
    """Of a library that nobody here knows."""

    def __str__(self) -> str:
        raise ValueError("an error whose text cannot be had")


class ForeignBaseError(BaseException):
    """One that ``except Exception`` does not catch."""


@action("test:good", ANY)
async def good(ctx: ActionContext[JsonObject]) -> JsonObject:
    ctx.logger.info("all is well")
    return {"ok": True}


@action("test:blocks", ANY)
def blocks(ctx: ActionContext[JsonObject]) -> None:
    Path(ctx.input["mark"]).write_text("begun")
    ended.wait()


@action("test:blocks-its-loop", ANY)
async def blocks_its_loop(ctx: ActionContext[JsonObject]) -> None:
    Path(ctx.input["mark"]).write_text("begun")
    ended.wait()


@action("test:deaf", ANY)
async def deaf(ctx: ActionContext[JsonObject]) -> None:
    Path(ctx.input["mark"]).write_text("begun")
    while not ended.is_set():
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            continue


@action("test:fills-executor", ANY)
async def fills_the_executor(ctx: ActionContext[JsonObject]) -> None:
    Path(ctx.input["mark"]).write_text("begun")
    await asyncio.gather(*(asyncio.to_thread(ended.wait) for _ in range(50)))


@action("test:leaks", ANY)
def leaks(ctx: ActionContext[JsonObject]) -> JsonObject:
    def chatter() -> None:
        while not ended.wait(0.001):
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
    for _ in range(20_000):
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


@action("test:prints", ANY)
def prints(_ctx: ActionContext[JsonObject]) -> None:
    sys.stdout.write("to nobody")
