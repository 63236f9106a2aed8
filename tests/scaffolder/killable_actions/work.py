"""Actions for tests that kill workers; loaded as a folder of plain files, so they run in processes of their own."""

import asyncio
import os
import random
from pathlib import Path
from typing import Any

from backstage_py.plugin import ActionContext, action

LINES = 5


def _line(number: int, step: str) -> str:
    return f"line {number} of {step}"


@action("test:work")
def work(ctx: ActionContext[dict[str, Any]]) -> None:
    """Say numbered lines, leave a file in the workspace, and note the execution where the test finds it."""
    marker = ctx.workspace.path(ctx.step.id)
    with Path(os.environ["EXECUTIONS"]).open("a") as executions:
        executions.write(f"{ctx.task_id} {ctx.step.id}\n")
    for number in range(LINES):
        ctx.logger.info(_line(number, ctx.step.id))
        ctx.signal.wait_in_thread(random.uniform(0, 0.03))
    marker.write_text(ctx.step.id)
    ctx.output("files", sorted(path.name for path in ctx.workspace.files()))
    ctx.output("secret", ctx.secrets["tok"][::-1])


@action("test:once")
async def once(ctx: ActionContext[dict[str, Any]]) -> None:
    """Do something that must not happen twice behind a checkpoint."""

    async def make() -> str:
        with Path(os.environ["EXECUTIONS"]).open("a") as executions:
            executions.write(f"{ctx.task_id} made\n")
        return "made"

    ctx.output("made", await ctx.checkpoint("make", make))


@action("test:effect")
async def effect(ctx: ActionContext[dict[str, Any]]) -> None:
    """Do something outside that must not happen twice; the way to it and the way back take some time."""
    outside = Path(os.environ["EFFECTS"])

    async def create(marker: str) -> str:
        await asyncio.sleep(random.uniform(0, 0.05))
        with outside.open("a") as effects:
            effects.write(f"{marker}\n")
        await asyncio.sleep(random.uniform(0, 0.05))
        return marker

    async def find(marker: str) -> str | None:
        return marker if outside.exists() and marker in outside.read_text().split() else None

    ctx.output("made", await ctx.effect("thing", create=create, find=find))
