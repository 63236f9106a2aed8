"""Where a run writes what it does: into the store, or into a list for a dry run.

A run stages events and step results and commits them at the boundary of steps; log lines in between are flushed a few
milliseconds after the first of them. Whatever is staged at one moment is stored in one transaction.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from backstage_py.model.json import JsonObject
from backstage_py.model.task import Claim, ClaimLost, EventType, NewEvent, StepResult, TaskStatus, Transition, new_event
from backstage_py.scaffolder.run.redaction import Redactor

if TYPE_CHECKING:
    from backstage_py.storage.scaffolder.claims import ClaimStore

_FLUSH_DELAY = 0.004
_EVENT_SIZE = 128
"""What an event takes besides its message."""
_LONGEST_OUTCOME = 64 * 1024
_LONGEST_IN_THE_END = 1024


class Journal(Protocol):
    """What a run needs of the place it writes to."""

    redactor: Redactor

    def say(self, message: str, step_id: str | None = None, status: str | None = None) -> None:
        """Add a log event. Callable from any thread."""

    def finish_step(self, result: StepResult) -> None:
        """Stage a step's result; it is stored together with the events staged before."""

    async def commit_steps(self) -> None:
        """Return once every staged step result is stored; events alone are stored a few milliseconds later.

        Raises:
            ClaimLost: the run has lost its task.
        """


class ListJournal:
    """Keeps the log of a dry run, in the form of its answer: ``{"body": {…}}``.

    Args:
        spend: told of the bytes that are added to the log; raises when there are too many.
    """

    def __init__(self, spend: Callable[[int], None] = lambda _: None) -> None:
        self.redactor = Redactor()
        self.log: list[JsonObject] = []
        self._spend = spend

    def say(self, message: str, step_id: str | None = None, status: str | None = None) -> None:
        """Add a log event."""
        shown = self.redactor.text(message)
        self._spend(len(shown))
        self.log.append({"body": _body(shown, step_id, status)})

    def finish_step(self, result: StepResult) -> None:
        """Forget the result: a dry run is never resumed."""

    async def commit_steps(self) -> None:
        """Do nothing: there is no store."""


class TaskJournal:
    """Writes a claimed task's events and step results.

    Args:
        store: where tasks are.
        claim: the run's claim; the journal refuses to write once it is lost.
        log_limit: bytes of events that are kept; life cycle events always are.
        trace_id: of the task's trace, which events that are about no step name; None without one.
    """

    def __init__(self, store: "ClaimStore", claim: Claim, *, log_limit: int, trace_id: str | None = None) -> None:
        self.redactor = Redactor(claim.secrets.values())
        self._store = store
        self._claim = claim
        self._loop = asyncio.get_running_loop()
        self._events: list[NewEvent] = []
        self._steps: list[StepResult] = []
        self._lock = threading.Lock()
        self._writing = asyncio.Lock()
        self._flush: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._left = log_limit
        self._of_task: JsonObject = {"traceId": trace_id} if trace_id else {}

    def say(self, message: str, step_id: str | None = None, status: str | None = None) -> None:
        """Add a log event. Callable from any thread."""
        if status is None:
            if self._left < 0:
                return
            self._left -= size(message) + _EVENT_SIZE
            if self._left < 0:  # before anything is done with a text that may be huge
                message = "The log of this task has reached its limit (scaffolder.logLimitBytes); the rest is dropped"
            shown = self.redactor.text(message)
        else:  # these are always kept, if short in the end; cut when redacted: half a secret would not be found
            shown = self.redactor.text(message)
            most = _LONGEST_OUTCOME if self._left > 0 else _LONGEST_IN_THE_END
            shown = shown if len(shown) <= most else f"{shown[:most]}…"
            self._left -= min(size(shown) + _EVENT_SIZE, max(self._left, 0))
        body = _body(shown, step_id, status)
        self._add(new_event(EventType.LOG, body if step_id else body | self._of_task))

    def has_logged(self, before: int) -> None:
        """Take off the limit what earlier attempts wrote."""
        self._left = max(self._left - before, 0)

    def finish_step(self, result: StepResult) -> None:
        """Stage a step's result; it is stored together with the events staged before."""
        with self._lock:
            self._steps.append(result)

    async def commit_steps(self) -> None:
        """Return once every staged step result is stored."""
        if self._steps:
            await self._write(None)
        if self._failure:
            raise self._failure

    async def commit(self) -> None:
        """Return once all that was added is stored."""
        await self._write(None)
        if self._failure:
            raise self._failure

    async def end(self, status: TaskStatus, body: JsonObject, *, keep_progress: bool) -> None:
        """Store the completion with all that was added; the task has ended then."""
        completion = new_event(EventType.COMPLETION, self.redactor.value(body) | self._of_task)
        with self._lock:
            self._events.append(completion)
        await self._write(status, keep_progress=keep_progress)
        if self._failure:
            raise self._failure

    async def close(self) -> None:
        """Wait for a flush that is under way; nothing is written after that."""
        with self._lock:
            self._failure = self._failure or ClaimLost(self._claim.id)
            flush = self._flush
        if flush:
            await asyncio.gather(flush, return_exceptions=True)

    def _add(self, event: NewEvent) -> None:
        with self._lock:
            if self._failure:  # an abandoned thread of an action still logs
                return
            self._events.append(event)
            first = len(self._events) == 1
        if first:
            self._loop.call_soon_threadsafe(self._schedule)

    def _schedule(self) -> None:
        if self._flush is None or self._flush.done():
            self._flush = self._loop.create_task(self._flush_soon())

    async def _flush_soon(self) -> None:
        while self._events and not self._failure:
            await asyncio.sleep(_FLUSH_DELAY)
            await self._write(None)

    async def _write(self, end: TaskStatus | None, *, keep_progress: bool = False) -> None:
        async with self._writing:
            with self._lock:
                events, self._events = self._events, []
                steps, self._steps = self._steps, []
            if self._failure or not (events or steps or end):
                return
            try:
                await self._store.record(self._claim, Transition(events, steps, end, keep_progress))
            except (ClaimLost, Exception) as error:  # noqa: BLE001  # kept and raised where the run waits for its commit
                self._failure = error


def size(message: str) -> int:
    """Return the bytes of a text, without making them of one that is plain."""
    return len(message) if message.isascii() else len(message.encode("utf-8", "surrogatepass"))


def _body(message: str, step_id: str | None, status: str | None) -> JsonObject:
    body: JsonObject = {"message": message}
    if step_id is not None:
        body["stepId"] = step_id
    if status is not None:
        body["status"] = status
    return body
