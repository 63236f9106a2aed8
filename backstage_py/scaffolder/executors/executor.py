"""What runs an action, as ``run.action_call`` sees it."""

import asyncio
from typing import Any, Protocol

from backstage_py.plugin import Action, ActionContext


class Execution(Protocol):
    """One call of an action's handler.

    Attributes:
        begun: done when the handler runs; None when it did not have to wait for a place.
        ended: done when the handler has ended and its outputs are in the context's sink.
    """

    begun: "asyncio.Future[None] | None"
    ended: "asyncio.Future[None]"

    def cancel(self) -> None:
        """Interrupt the handler, or take it out of the queue."""

    async def close(self) -> None:
        """Stop waiting for it; return when nothing of it goes on, as far as that can be had."""


class Executor(Protocol):
    """Runs handlers somewhere, for one run."""

    def start(self, action: Action, context: ActionContext[Any]) -> Execution:
        """Run the action's handler once, as soon as there is a place; the context's input is JSON."""

    async def close(self) -> None:
        """The run is over."""
