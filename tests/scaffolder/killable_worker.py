"""A worker process for tests that kill it: ``python -m tests.scaffolder.killable_worker FOLDER``."""

import asyncio
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import structlog

from backstage_py.plugin import ActionContext, ActionRegistry, Services, action
from backstage_py.settings.sections import AuthSettings, ScaffolderSettings, TaskRecoverySettings
from backstage_py.storage.database import Database
from backstage_py.wiring import keys
from backstage_py.wiring.scaffolder import Scaffolder

LINES = 5
SETTINGS = ScaffolderSettings(
    concurrent_tasks_limit=4,
    recovery=TaskRecoverySettings(enabled=True, stale_timeout=20),
    secrets_key="k" * 32,
    shutdown_timeout=5,
)


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


def registry() -> ActionRegistry:
    known = ActionRegistry()
    known.add(work)
    known.add(once)
    known.add(effect)
    return known


async def main(folder: Path) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    database = Database(os.environ["DATABASE"])
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    work = folder / "work"
    async with (
        database.running(),
        keys.opened(database, AuthSettings(), SETTINGS, work) as kept,
        Scaffolder(database, registry(), SETTINGS, Services(), kept.box, working_directory=work).running(),
    ):
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
