"""A built-in action on the loop that serves requests; it never blocks."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

from backstage_py.execution import outputs
from backstage_py.execution.failures import as_backstage_error
from backstage_py.plugin import Action, ActionContext


class InlineExecutor:
    """Runs handlers on the running loop."""

    def start(self, action: Action, context: ActionContext[Any]) -> "InlineExecution":
        """Run the action's handler once."""
        return InlineExecution(action, context)

    async def close(self) -> None:
        """Do nothing: it has nothing."""


class InlineExecution:
    """One call of a handler; see ``executor.Execution``."""

    def __init__(self, action: Action, context: ActionContext[Any]) -> None:
        self.begun: asyncio.Future[None] | None = None
        self.ended: asyncio.Future[None] = asyncio.ensure_future(self._run(action, context))
        self._is_cancelled = False

    def cancel(self) -> None:
        """Interrupt the handler."""
        self._is_cancelled = True
        self.ended.cancel()

    async def close(self) -> None:
        """Retrieve an outcome that nobody waits for, so that asyncio does not report it."""
        self.ended.add_done_callback(lambda done: None if done.cancelled() else done.exception())

    async def _run(self, action: Action, context: ActionContext[Any]) -> None:
        try:
            parsed = replace(context, input=action.parse_input(context.input))
            work: Awaitable[Any] = action.handler(parsed)
            outputs.take_outputs(action, context, await work)
        except asyncio.CancelledError as error:
            if self._is_cancelled:
                raise
            raise as_backstage_error(error) from error
        except (SystemExit, KeyboardInterrupt) as error:  # of a library; here it would end the service
            raise as_backstage_error(error) from error
