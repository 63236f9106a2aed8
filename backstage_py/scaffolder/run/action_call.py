"""Calling an action: on the service's loop or isolated in a thread, with cancellation, timeout and retries.

A cancelled action is told by its signal, then interrupted, then left behind: the task ends within a second whatever
the action does.
"""

import asyncio
import random
from collections.abc import Awaitable
from functools import partial
from typing import Any, Protocol

from backstage_py import extras
from backstage_py.errors import BackstageError, PermanentError, ServiceUnavailableError, TemporaryError
from backstage_py.plugin import Action, ActionContext, CancelSignal, RetryPolicy
from backstage_py.scaffolder.executors import step_output, threads
from backstage_py.scaffolder.executors.error_text import as_backstage_error
from backstage_py.scaffolder.executors.in_thread import ThreadExecution
from backstage_py.scaffolder.queue.workspaces import remove_tree

__all__ = ["Cancelled", "call"]

_NOTICE_SECONDS = 0.4  # for an action to notice the signal
_UNWIND_SECONDS = 0.3  # for an interrupted coroutine to clean up
_JITTER = 0.1


class Cancelled(Exception):  # noqa: N818  # the wanted end of an action, not a fault of it
    """The action was ended because its task is cancelled."""


async def call(action: Action, context: ActionContext[Any]) -> None:
    """Run an action; its outputs are in the context's sink afterwards, its temporary folders are gone.

    Raises:
        Cancelled: the task was cancelled while it ran.
        MissingExtraError: what the action needs is not installed.
        BackstageError: the action failed; errors of any other kind are turned into one with a readable message.
    """
    extras.require(action.id, action.extra)
    try:
        await _call(action, context)
    finally:
        for folder in context.temporary_directories:
            await threads.run(partial(remove_tree, folder))


async def _call(action: Action, context: ActionContext[Any]) -> None:
    policy = action.retry or RetryPolicy(attempts=1)
    for attempt in range(1, policy.attempts + 1):
        try:
            return await _call_once(action, context)
        except PermanentError:
            raise
        except (TemporaryError, ServiceUnavailableError) as error:
            if attempt == policy.attempts:
                raise
            wait = _wait(policy, attempt, error)
            note = f"{error.message}; trying again in {wait:.1f} s ({attempt} of {policy.attempts})"
            context.logger.warning(note)
            await context.sleep(wait)
            if context.signal.is_set:
                raise Cancelled from None
    raise AssertionError("a retry policy has at least one attempt")


def _wait(policy: RetryPolicy, attempt: int, error: TemporaryError | ServiceUnavailableError) -> float:
    wait = min(policy.first_wait * policy.factor ** (attempt - 1), policy.longest_wait)
    if isinstance(error, TemporaryError) and error.retry_after is not None:
        wait = max(error.retry_after, 0)
    return wait * (1 + random.uniform(0, _JITTER))  # noqa: S311  # spreads tries, guards nothing


async def _call_once(action: Action, context: ActionContext[Any]) -> None:
    running: _Try = _TryOnLoop(action, context) if action.is_on_service_loop else ThreadExecution(action, context)
    bound = asyncio.timeout(action.timeout)
    try:
        async with bound:
            await _until_cancelled(running, context.signal)
    except TimeoutError as error:
        if not bound.expired():
            raise as_backstage_error(error) from error
        raise TemporaryError(f"Action {action.id} did not finish within {action.timeout:g} s") from error
    except (BackstageError, Cancelled):
        raise
    except Exception as error:
        raise as_backstage_error(error) from error


class _Try(Protocol):
    """An action that was begun once."""

    future: "asyncio.Future[None]"

    def cancel(self) -> None:
        """Interrupt it."""

    def leave(self) -> None:
        """Have no more to do with it, whether it has ended or not."""


class _TryOnLoop:
    """A built-in action, which never blocks, on the loop that serves requests."""

    def __init__(self, action: Action, context: ActionContext[Any]) -> None:
        self.future: asyncio.Future[None] = asyncio.ensure_future(self._run(action, context))
        self._is_cancelled = False

    def cancel(self) -> None:
        self._is_cancelled = True
        self.future.cancel()

    def leave(self) -> None:
        """Take note of an outcome that nobody waits for, so that asyncio does not report it as forgotten."""
        self.future.add_done_callback(lambda done: None if done.cancelled() else done.exception())

    async def _run(self, action: Action, context: ActionContext[Any]) -> None:
        try:
            work: Awaitable[Any] = action.handler(context)
            step_output.take_outputs(action, context, await work)
        except asyncio.CancelledError as error:
            if self._is_cancelled:
                raise
            raise as_backstage_error(error) from error
        except (SystemExit, KeyboardInterrupt) as error:  # of a library; on this loop it would end the service
            raise as_backstage_error(error) from error


async def _until_cancelled(running: _Try, signal: CancelSignal) -> None:
    """Wait for a running action, or for the signal and then for a moment longer."""
    watch = asyncio.ensure_future(signal.wait())
    try:
        await asyncio.wait({running.future, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not running.future.done():
            await asyncio.wait({running.future}, timeout=_NOTICE_SECONDS)
        if not running.future.done():
            running.cancel()
            await asyncio.wait({running.future}, timeout=_UNWIND_SECONDS)
        if signal.is_set:
            raise Cancelled
        running.future.result()
    except asyncio.CancelledError:
        running.cancel()
        raise
    finally:
        watch.cancel()
        running.leave()
