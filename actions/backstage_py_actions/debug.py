"""``debug:log`` and ``debug:wait``."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from backstage_py.plugin import (
    Action,
    ActionAttributes,
    ActionContext,
    JsonObject,
    NotAllowedError,
    PermanentError,
    Workspace,
)
from backstage_py.plugin.formats import stringify_json
from backstage_py_actions._builtin import builtin

_LONGEST_WAIT = 600.0
_MOST_SHOWN = 1024 * 1024


@builtin("debug:log", dry_run=True, attributes=ActionAttributes(read_only=True, idempotent=True, destructive=False))
async def debug_log(ctx: ActionContext[JsonObject]) -> None:
    """Write the input as JSON, the message, and the list of files."""
    ctx.logger.info(stringify_json(ctx.input, space=2))
    if message := ctx.input.get("message"):
        ctx.logger.info(message)
    if listing := ctx.input.get("listWorkspace"):
        lines = await asyncio.to_thread(_lines, ctx.workspace, with_contents=listing == "with-contents")
        ctx.logger.info("Workspace:\n" + "\n".join(lines))


def _lines(workspace: Workspace, *, with_contents: bool) -> list[str]:
    names = [workspace.relative(path) for path in workspace.files()]
    if not with_contents:
        return [f"  - {name}" for name in names]
    return [_with_content(workspace, name) for name in names]


def _with_content(workspace: Workspace, name: str) -> str:
    try:
        path = workspace.path(name)
        if path.stat().st_size > _MOST_SHOWN:
            return f" - {name}: [skipped]"
        return f" - {name}:\n\n  {path.read_bytes().decode('utf-8', 'replace')}"
    except (NotAllowedError, OSError):
        return f" - {name}: [skipped]"


@dataclass(frozen=True, slots=True)
class Wait:
    """How long; the parts are added."""

    minutes: float = 0
    seconds: float = 0
    milliseconds: float = 0


@builtin("debug:wait", Wait, attributes=ActionAttributes(read_only=True, destructive=False), needs_workspace=False)
async def debug_wait(ctx: ActionContext[Wait]) -> None:
    """Wait, or return early when the task is cancelled."""
    seconds = ctx.input.minutes * 60 + ctx.input.seconds + ctx.input.milliseconds / 1000
    if seconds > _LONGEST_WAIT:
        raise PermanentError("Waiting duration is longer than the maximum threshold of 0 hours, 10 minutes, 0 seconds")
    with suppress(TimeoutError):
        await asyncio.wait_for(ctx.signal.wait(), max(seconds, 0))


ACTIONS: tuple[Action, ...] = (debug_log, debug_wait)
