"""What runs an action, as ``run.action_call`` sees it, and the one place that chooses it."""

import asyncio
from typing import Any, Protocol

from backstage_py.plugin import Action, ActionContext
from backstage_py.scaffolder.executors.in_thread import ThreadExecutor
from backstage_py.scaffolder.executors.inline import InlineExecutor


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

    def abandon(self) -> None:
        """Stop waiting for it, whether it has ended or not."""


class Executor(Protocol):
    """Runs handlers somewhere."""

    def start(self, action: Action, context: ActionContext[Any]) -> Execution:
        """Run the action's handler once, as soon as there is a place."""


_INLINE: Executor = InlineExecutor()
_THREAD: Executor = ThreadExecutor()


def executor_of(action: Action) -> Executor:
    """Return what runs an action: our own run on the service's loop, all others in threads."""
    return _INLINE if action.is_on_service_loop else _THREAD
