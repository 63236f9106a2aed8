"""Calling an action: on the loop or in a thread, with cancellation, timeout and retries.

A cancelled action is told by its signal, then interrupted, then left behind: the task ends within a second whatever
the action does. A thread cannot be stopped; what it still says or returns is dropped.
"""

import asyncio
import random
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Any

from backstage_py.errors import BackstageError, PermanentError, ServiceUnavailableError, TemporaryError
from backstage_py.plugin import Action, ActionContext, CancelSignal, RetryPolicy
from backstage_py.scaffolder import threads

_HEED_SECONDS = 0.4  # for an action to notice the signal
_UNWIND_SECONDS = 0.3  # for an interrupted coroutine to clean up
_JITTER = 0.1


class Cancelled(Exception):  # noqa: N818  # the wanted end of an action, not a fault of it
    """The action was ended because its task is cancelled."""


async def call(action: Action, context: ActionContext[Any]) -> Any:
    """Run an action's handler and return what it returned.

    Raises:
        Cancelled: the task was cancelled while it ran.
        BackstageError: the action failed; errors of any other kind are turned into one with a readable message.
    """
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


async def _call_once(action: Action, context: ActionContext[Any]) -> Any:
    try:
        async with asyncio.timeout(action.timeout):
            return await _until_cancelled(_start(action, context), context.signal)
    except TimeoutError as error:
        if action.timeout is None:
            raise readable(error) from error
        raise TemporaryError(f"Action {action.id} did not finish within {action.timeout:g} s") from error
    except (BackstageError, Cancelled):
        raise
    except Exception as error:
        raise readable(error) from error


def _start(action: Action, context: ActionContext[Any]) -> "asyncio.Future[Any]":
    if action.is_async:
        return asyncio.ensure_future(_awaited(action.handler(context)))
    return threads.run(lambda: _in_thread(action, context))


def _in_thread(action: Action, context: ActionContext[Any]) -> Any:
    with _contained():
        return action.handler(context)


async def _awaited(result: Awaitable[Any]) -> Any:
    with _contained():
        return await result


@contextmanager
def _contained() -> Iterator[None]:
    """Turn an action's wish to end the process, as of ``sys.exit``, into an error of its step.

    On the event loop such an exception would end the service, and with it the tasks of others.
    """
    try:
        yield
    except (SystemExit, KeyboardInterrupt) as error:
        raise readable(error) from error


async def _until_cancelled(running: "asyncio.Future[Any]", signal: CancelSignal) -> Any:
    """Wait for a running action, or for the signal and then for a moment longer."""
    watch = asyncio.ensure_future(signal.wait())
    try:
        await asyncio.wait({running, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            await asyncio.wait({running}, timeout=_HEED_SECONDS)
        if not running.done():
            running.cancel()
            await asyncio.wait({running}, timeout=_UNWIND_SECONDS)
        if signal.is_set:
            _drop(running)
            raise Cancelled
        return running.result()
    except asyncio.CancelledError:
        running.cancel()
        _drop(running)
        raise
    finally:
        watch.cancel()


def _drop(running: "asyncio.Future[Any]") -> None:
    """Take note of an outcome that nobody waits for, so that asyncio does not report it as forgotten."""
    running.add_done_callback(lambda done: None if done.cancelled() else done.exception())


def readable(error: BaseException) -> BackstageError:
    """Return an error of ours for one of Python's or a library's, whose message says enough by itself."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  # a foreign error may fail even at that
        text = ""
    return BackstageError(f"{type(error).__name__}: {text}" if text else type(error).__name__)
