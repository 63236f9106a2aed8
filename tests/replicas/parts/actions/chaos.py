"""Actions whose effects are counted outside: each one is a line of a file that all replicas append to."""

import json
import os
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backstage_py.plugin import ActionContext, PermanentError, action

_FAILED = "The first run fails"
LINES = 4

_IS_ZYGOTE = getattr(sys.modules["__main__"].__spec__, "name", "") == "backstage_py.execution.zygote"
_REPLICA = os.getppid() if _IS_ZYGOTE else os.getpid()
"""The process of the replica: this module is loaded by it, and by the zygote that it starts for actions."""

Context = ActionContext[dict[str, Any]]


def note(ctx: Context, what: str, **more: Any) -> None:
    """Append a line; the clock is that of the machine's start, the same in all processes and never set."""
    line = {"at": time.monotonic(), "pid": _REPLICA, "replica": os.environ["CHAOS_REPLICA"]}
    line |= {"task": ctx.task_id, "step": ctx.step.id, "what": what, **more}
    handle = os.open(os.environ["CHAOS_EFFECTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, json.dumps(line).encode() + b"\n")
    finally:
        os.close(handle)


@action("chaos:plain")
def plain(ctx: Context) -> None:
    """Have an effect that nothing guards, say numbered lines, and leave a file."""
    note(ctx, "plain")
    for number in range(LINES):
        ctx.logger.info(f"line {number} of {ctx.step.id} with {ctx.secrets['tok']}")  # noqa: G004  # no logger, see there
        ctx.signal.wait_in_thread(float(ctx.input["seconds"]) / LINES)
    ctx.workspace.path(ctx.step.id).write_text(ctx.step.id)
    ctx.output("files", sorted(path.name for path in ctx.workspace.files()))
    ctx.output("secret", ctx.secrets["tok"][::-1])


@action("chaos:checkpointed")
async def checkpointed(ctx: Context) -> None:
    """Have an effect behind a checkpoint."""

    async def make() -> str:
        note(ctx, "made")
        return str(uuid.uuid4())

    made = await ctx.checkpoint("make", make)
    note(ctx, "kept", value=made)
    await ctx.sleep(float(ctx.input["seconds"]))
    ctx.output("made", made)


@action("chaos:idempotent")
async def idempotent(ctx: Context) -> None:
    """Make something of a name of its own in the foreign system, unless it is there: it may run again without harm."""
    await ctx.sleep(float(ctx.input["seconds"]) / 2)
    _make(ctx)
    await ctx.sleep(float(ctx.input["seconds"]) / 2)


@action("chaos:guarded")
async def guarded(ctx: Context) -> None:
    """Make something that the foreign system would make twice, if it were asked twice."""
    if not hasattr(ctx, "effect"):  # a version before this one
        if not any(_foreign().glob(f"{ctx.task_id} {ctx.step.id} *")):  # which ours made, and was killed behind it
            _make(ctx)
        return
    if (_foreign() / f"{ctx.task_id} {ctx.step.id}").exists():  # that version made it, and was killed behind it
        return

    async def create(marker: str) -> str:
        (_foreign() / f"{ctx.task_id} {ctx.step.id} {marker} {uuid.uuid4()}").touch()  # each request makes one more
        note(ctx, ctx.step.id, marker=marker)
        await ctx.sleep(float(ctx.input["seconds"]) / 2)
        return marker

    def find(marker: str) -> str | None:
        return marker if any(_foreign().glob(f"* {marker} *")) else None

    await ctx.sleep(float(ctx.input["seconds"]) / 2)
    ctx.output("made", await ctx.effect("thing", create=create, find=find))


def _foreign() -> Path:
    return Path(os.environ["CHAOS_FOREIGN"])


def _make(ctx: Context) -> None:
    """Make what can be there once."""
    try:
        with (_foreign() / f"{ctx.task_id} {ctx.step.id}").open("x"):
            note(ctx, ctx.step.id)
    except FileExistsError:
        ctx.logger.info("It was there already")


@action("chaos:files")
def files(ctx: Context) -> None:
    """Write many files that tell which run wrote them; the first run of a task fails behind them."""
    run = uuid.uuid4().hex
    note(ctx, "files", run=run)
    for number in range(int(ctx.input["count"])):
        path = ctx.workspace.path(f"out/{number % 7}/{number}.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(run)
    mark = _foreign() / f"{ctx.task_id}.failed"
    if ctx.input.get("failsOnce") and not mark.exists():
        mark.touch()
        raise PermanentError(_FAILED)


@action("chaos:count")
def count(ctx: Context) -> None:
    """Look whether the workspace holds all files of one run and nothing else of any."""
    found = list(_written(ctx))
    if len(found) != int(ctx.input["count"]) or len(set(found)) != 1:
        raise PermanentError(f"Expected {ctx.input['count']} files of one run, found {len(found)} of {set(found)}")
    ctx.output("files", len(found))


def _written(ctx: Context) -> Iterator[str]:
    for path in ctx.workspace.files("out"):
        yield path.read_text()
