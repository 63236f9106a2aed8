"""An action in a thread of this process, where it may block, over the same protocol as one in a process of its own.

So run actions of authors' commands and tests, which may be functions of a moment, and those that ``use: inline`` keeps
in the service. A thread cannot be ended from outside: one that does not end keeps its place among so many.
"""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from backstage_py import threads
from backstage_py.errors import BackstageError
from backstage_py.execution.handler import Handler, Surroundings
from backstage_py.execution.stream import StreamChannel
from backstage_py.plugin import Action, ActionContext
from backstage_py.scaffolder.executors.host import Host
from backstage_py.scaffolder.executors.wire import Wire

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
    """Runs handlers in the lane ``threads.ACTIONS``, each in a thread of its own; another one takes its answers."""

    def start(self, action: Action, context: ActionContext[Any]) -> "ThreadExecution":
        """Run the action's handler once, as soon as there is a place."""
        return ThreadExecution(action, context)

    async def close(self) -> None:
        """Do nothing: it has nothing."""


class ThreadExecution:
    """One call of a handler; see ``executor.Execution``."""

    def __init__(self, action: Action, context: ActionContext[Any]) -> None:
        self._action = action
        self._context = context
        self._raised: BaseException | None = None
        self._ours, self._theirs = socket.socketpair()
        self._wire = Wire(self._over)
        folder = str(context.workspace.root)
        self._host = Host(
            action, context, self._wire.send, context.task_id, folder, context.services, reports=not _is_shown.get()
        )
        self._telling: list[asyncio.Task[None]] = [asyncio.create_task(self._host.tell_signal())]
        self._job = threads.ACTIONS.start(self._serve, owner=action.id)
        self.begun: asyncio.Future[None] | None = asyncio.wrap_future(self._job.begun) if self._job.begun else None
        self.ended: asyncio.Future[None] = asyncio.ensure_future(self._call())

    def cancel(self) -> None:
        """Interrupt the coroutine that runs, at the next ``await`` it is in."""
        self._telling.append(asyncio.create_task(self._host.cancel(interrupt=True)))

    async def close(self) -> None:
        """Expect nothing more of it; a thread that has not ended goes on by itself."""
        if not self.ended.done():
            await self._host.cancel(interrupt=True)
            self.ended.cancel()
        for one in self._telling:
            one.cancel()
        self._job.outcome.cancel()
        await asyncio.wait({self.ended})
        self._host.close()
        self._wire.close()
        if not self._wire.is_open:
            self._ours.close()
        if self._job.outcome.cancelled():  # it never began
            self._theirs.close()
        if not self.ended.cancelled():
            self.ended.exception()

    async def _call(self) -> None:
        await self._wire.open(self._ours)
        await self._wire.begin(self._host)
        try:
            await self._host.ended
        except BackstageError as error:
            error.__cause__ = self._raised if error.__cause__ is None else error.__cause__
            raise

    async def _over(self, _wrong: str | None) -> None:
        self._host.fail(BackstageError(f"Action {self._action.id} has closed its connection with the service"))

    def _serve(self) -> None:
        """Run the action; its plugins and its clock are those of this process."""
        context = self._context
        around = Surroundings(
            find=lambda _: self._action,
            services=context.services,
            workspace=lambda _: context.workspace.root,
            adapt=lambda made: replace(made, clock=context.clock),
            failed=self._note,
            within=lambda: _working_directory_kept(self._action.id),
        )
        with self._theirs:
            handler = Handler(StreamChannel(self._theirs), around)
            handler.serve_one()
            with suppress(OSError):  # the service's end may be closed
                self._theirs.shutdown(socket.SHUT_RDWR)
            handler.join()

    def _note(self, error: BaseException) -> None:
        self._raised = error


@contextmanager
def _working_directory_kept(action_id: str) -> Iterator[None]:
    """Undo an ``os.chdir`` of an action: the current directory is that of the whole process."""
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
