"""``roadiehq:utils:sleep``."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from backstage_py.plugin import Action, ActionAttributes, ActionContext
from backstage_py_actions._builtin import builtin


@dataclass(frozen=True, slots=True)
class Sleep:
    """``amount`` in seconds."""

    amount: float


@builtin(
    "roadiehq:utils:sleep",
    Sleep,
    dry_run=True,
    attributes=ActionAttributes(read_only=True, idempotent=True, destructive=False),
    needs_workspace=False,
)
async def sleep(ctx: ActionContext[Sleep]) -> None:
    """Wait, or return early when the task is cancelled; a dry run waits too, as with the original."""
    ctx.logger.info(f"Waiting {ctx.input.amount} seconds")
    with suppress(TimeoutError):
        await asyncio.wait_for(ctx.signal.wait(), max(ctx.input.amount, 0))


ACTIONS: tuple[Action, ...] = (sleep,)
