"""An action in a thread of its own, where it may block, and with an event loop of its own.

Whatever such an action does to its thread or its loop, the service's go on. A thread cannot be stopped from outside,
so one that does not end is left behind: its log is dropped, its requests are refused, and it is counted
(``leftovers``).
"""

import asyncio
import os
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from backstage_py import threads
from backstage_py.errors import BackstageError
from backstage_py.execution import outputs, stacks
from backstage_py.execution.failures import as_backstage_error
from backstage_py.plugin import Action, ActionContext
from backstage_py.scaffolder.executors import bridge, leftovers

_CLEAN_UP_SECONDS = 0.3

_log = structlog.get_logger(__name__)
_is_shown: ContextVar[bool] = ContextVar("is_shown", default=False)


@contextmanager
def shown_by_caller() -> Iterator[None]:
    """Leave it to the caller to show where a foreign exception came from, as a test does with its traceback."""
    token = _is_shown.set(True)
    try:
        yield
    finally:
        _is_shown.reset(token)


class ThreadExecutor:
    """Runs handlers in the lane ``threads.ACTIONS``, each in a thread of its own."""

    def start(self, action: Action, context: ActionContext[Any]) -> "ThreadExecution":
        """Run the action's handler once, as soon as there is a place."""
        return ThreadExecution(action, context)

    async def close(self) -> None:
        """Do nothing: it has nothing."""


class ThreadExecution:
    """One call of a handler; see ``executor.Execution``. ``ended`` raises BackstageError and nothing else."""

    def __init__(self, action: Action, context: ActionContext[Any]) -> None:
        self._bridge = bridge.Bridge()
        self._action = action
        self._context = replace(bridge.bridged_context(context, self._bridge), waiter=self._wait)
        self._thread = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._is_unwanted = False
        self._is_shown = _is_shown.get()
        self._helpers: threads.Executor | None = None
        self._job = threads.ACTIONS.start(self._work, owner=action.id)
        self.begun: asyncio.Future[None] | None = asyncio.wrap_future(self._job.begun) if self._job.begun else None
        self.ended: asyncio.Future[None] = asyncio.wrap_future(self._job.outcome)

    def cancel(self) -> None:
        """Interrupt the coroutine that runs, at the next ``await`` it is in."""
        self._is_unwanted = True
        if self._loop and self._task:
            with suppress(RuntimeError):  # the loop is closed: the action has just ended
                self._loop.call_soon_threadsafe(self._task.cancel)

    async def close(self) -> None:
        """Expect nothing more of it; a thread that has not ended is left behind and counted."""
        self._bridge.close()
        self.ended.add_done_callback(_retrieve)
        if not self._is_unwanted:
            self.cancel()
        if not (self._job.outcome.done() or self._job.outcome.cancel()):
            self.ended.cancel()
            leftovers.follow(self._action.id, self._context.task_id, self._job)

    def _work(self) -> None:
        leftovers.check_limit(self._action.id)
        self._thread = threading.get_ident()
        with _working_directory_kept(self._action.id):
            try:
                self._call()
            except (BackstageError, threads.Abandoned):
                raise
            except BaseException as error:
                self._report(error)
                raise as_backstage_error(error) from error
            finally:
                self._close()

    def _report(self, error: BaseException) -> None:
        """Tell the operator where a foreign exception came from; the task shows its message only."""
        if not (self._is_unwanted or self._is_shown):
            known = {"action": self._action.id, "task_id": self._context.task_id}
            _log.warning("action_raised", **known, error=type(error).__name__, where=stacks.of_error(error))

    def _call(self) -> None:
        handler, context = self._action.handler, self._context
        context.input = self._action.parse_input(context.input)
        returned = self._run(handler(context)) if self._action.is_async else handler(context)
        outputs.take_outputs(self._action, context, returned)

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine of a plain function; a thread that the function started itself gets a loop for it."""
        return self._run(work) if threading.get_ident() == self._thread else asyncio.run(work)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._helpers = threads.action_helpers()
            self._loop.set_default_executor(self._helpers)
            asyncio.set_event_loop(self._loop)
        self._task = task = self._loop.create_task(work)
        try:
            return self._loop.run_until_complete(task)
        finally:
            self._task = None
            if task.done():
                _retrieve(task)

    def _close(self) -> None:
        """End what the action left running on its loop, within a moment."""
        if self._loop is None:
            return
        left = asyncio.all_tasks(self._loop)
        try:
            if left:
                self._loop.run_until_complete(_cancelled(left))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            self._loop.close()
            self._follow_helpers()

    def _follow_helpers(self) -> None:
        """Count the threads of ``asyncio.to_thread`` that have not ended."""
        for job in list(self._helpers.jobs) if self._helpers else ():
            if not job.outcome.cancel():
                leftovers.follow(self._action.id, self._context.task_id, job, interrupt=self._is_unwanted)


def _retrieve(done: "asyncio.Future[None]") -> None:
    """Retrieve an outcome that nobody may wait for, so that asyncio does not report it."""
    if not done.cancelled():
        done.exception()


async def _cancelled(tasks: "set[asyncio.Task[Any]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=_CLEAN_UP_SECONDS)


@contextmanager
def _working_directory_kept(action_id: str) -> Iterator[None]:
    """Undo an ``os.chdir``: the current directory is that of the whole process."""
    before = _working_directory()
    try:
        yield
    finally:
        if before is not None and _working_directory() != before:
            _log.warning("action_changed_directory", action=action_id, hint="use 'ctx.workspace.path' and 'cwd='")
            with suppress(OSError):
                os.chdir(before)


def _working_directory() -> Path | None:
    try:
        return Path.cwd()
    except OSError:  # it was removed
        return None
