"""Calling an action, wherever an executor runs it, with cancellation, timeout and retries.

A cancelled action is told by its signal, then interrupted, then ended where that can be done: the task ends within a
second whatever the action does.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from backstage_py import extras, threads
from backstage_py.errors import BackstageError, PermanentError, ServiceUnavailableError, TemporaryError
from backstage_py.execution.failures import as_backstage_error
from backstage_py.plugin import Action, ActionContext, CancelSignal, RetryPolicy
from backstage_py.scaffolder.executors.executor import Execution, Executor
from backstage_py.scaffolder.queue.removal import remove_tree

__all__ = ["Cancelled", "call"]

_NOTICE_SECONDS = 0.4  # for an action to notice the signal
_UNWIND_SECONDS = 0.3  # for an interrupted coroutine to clean up
_JITTER = 0.1
REQUEST_PATIENCE = 60.0
"""Seconds that a request waits for a place. A running action may have sent it, so it must not wait for ever."""


class Cancelled(Exception):  # noqa: N818  # the wanted end of an action, not a fault of it
    """The action was ended because its task is cancelled."""


async def go_on() -> None:
    """Let a call go on that nobody else can make meanwhile: one of a dry run, or of a request."""


async def call(
    action: Action,
    context: ActionContext[Any],
    executor: Executor,
    *,
    patience: float | None = None,
    before_try: Callable[[], Awaitable[None]] = go_on,
) -> None:
    """Run an action; its outputs are in the context's sink afterwards, its temporary folders are gone.

    Args:
        action: what to run.
        context: for its handler; its input is JSON.
        executor: runs it.
        patience: seconds to wait for a place where so many actions run already; None for as long as it takes.
        before_try: awaited before each try; what it raises is raised here.

    Raises:
        Cancelled: the task was cancelled while it ran.
        MissingExtraError: what the action needs is not installed.
        BackstageError: the action failed; errors of any other kind are turned into one with a readable message.
    """
    extras.require(action.id, action.extra)
    try:
        await _call(action, context, executor, patience, before_try)
    finally:
        for folder in context.temporary_directories:
            await threads.file_work(remove_tree, folder)


async def _call(
    action: Action,
    context: ActionContext[Any],
    executor: Executor,
    patience: float | None,
    before_try: Callable[[], Awaitable[None]],
) -> None:
    policy = action.retry or RetryPolicy(attempts=1)
    for attempt in range(1, policy.attempts + 1):
        await before_try()
        try:
            return await _call_once(action, context, executor, patience)
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


async def _call_once(action: Action, context: ActionContext[Any], executor: Executor, patience: float | None) -> None:
    execution = executor.start(action, context)
    cancelled = asyncio.ensure_future(context.signal.wait())
    try:
        if execution.begun:
            await _until_begun(execution.begun, cancelled, patience)
        await _in_time(action, execution, cancelled, context.signal)
    except asyncio.CancelledError:
        execution.cancel()
        raise
    except (BackstageError, Cancelled):
        raise
    except Exception as error:
        raise as_backstage_error(error) from error
    finally:
        cancelled.cancel()
        await asyncio.shield(execution.close())


async def _until_begun(
    begun: "asyncio.Future[None]", cancelled: "asyncio.Future[None]", patience: float | None
) -> None:
    """Wait for a place; the action's own timeout counts from there."""
    await asyncio.wait({begun, cancelled}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    if begun.done():
        return
    if cancelled.done():
        raise Cancelled
    raise ServiceUnavailableError(f"Too many actions run in this service, and for {patience} s; try again later")


async def _in_time(
    action: Action, execution: Execution, cancelled: "asyncio.Future[None]", signal: CancelSignal
) -> None:
    bound = asyncio.timeout(action.timeout)
    try:
        async with bound:
            await _until_ended(execution, cancelled, signal)
    except TimeoutError as error:
        if not bound.expired():
            raise
        execution.cancel()
        raise TemporaryError(f"Action {action.id} did not finish within {action.timeout:g} s") from error


async def _until_ended(execution: Execution, cancelled: "asyncio.Future[None]", signal: CancelSignal) -> None:
    """Wait for the end of a handler, or for the signal and then for a moment longer."""
    await asyncio.wait({execution.ended, cancelled}, return_when=asyncio.FIRST_COMPLETED)
    if not execution.ended.done():
        await asyncio.wait({execution.ended}, timeout=_NOTICE_SECONDS)
    if not execution.ended.done():
        execution.cancel()
        await asyncio.wait({execution.ended}, timeout=_UNWIND_SECONDS)
    if signal.is_set:
        raise Cancelled
    execution.ended.result()
