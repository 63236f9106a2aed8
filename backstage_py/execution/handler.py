"""Calls actions for the service at the other end of a channel, one after the other."""

import asyncio
import shutil
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from backstage_py import threads
from backstage_py.errors import BackstageError
from backstage_py.execution import asking, failures, messages, outputs, stacks
from backstage_py.execution.channel import Channel, ChannelClosed
from backstage_py.execution.connection import Connection, Scope
from backstage_py.execution.failures import as_backstage_error
from backstage_py.execution.messages import Answer, Begin, Cancel, Ended, Nothing, ProtocolError, Span
from backstage_py.model.json import JsonObject
from backstage_py.plugin import Action, ActionContext, CancelSignal, Services, StepInfo, TemplateInfo, User, Workspace
from backstage_py.tracing import forwarding

_CLEAN_UP_SECONDS = 0.3


def _on_this_machine(begin: Begin) -> Path:
    if begin.workspace is None:
        raise BackstageError("The workspace has not been fetched")
    return Path(begin.workspace)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the place where actions run brings along.

    Attributes:
        find: returns the action of an id.
        services: the plugins of this process; the rest comes from the service.
        workspace: returns the task's folder, ready to be worked in.
        adapt: changes a context before its action gets it.
        interrupt: ends plain code that runs on the thread of ``serve``, as far as that can be done.
        is_clean: whether nothing of the last action runs on.
        traces: whether spans of actions are to be sent to the service: this is a process of their own.
        failed: told of what an action raised before it becomes words.
        within: what a call runs within, which is left before the service hears that the call has ended.
    """

    find: Callable[[str], Action]
    services: Services = field(default_factory=Services)
    workspace: Callable[[Begin], Path] = _on_this_machine
    adapt: Callable[[ActionContext[Any]], ActionContext[Any]] = lambda context: context
    interrupt: Callable[[], None] = lambda: None
    is_clean: Callable[[], bool] = lambda: True
    traces: bool = False
    failed: Callable[[BaseException], None] = lambda _: None
    within: Callable[[], AbstractContextManager[None]] = nullcontext


class Handler:
    """Serves one channel; actions run on the thread that calls ``serve``, and answers come in on one of its own."""

    def __init__(self, channel: Channel, around: Surroundings) -> None:
        self._channel = channel
        self._around = around
        self._connection = Connection(channel)
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._current: _Call | None = None
        self._seen = 0
        self._reader = threading.Thread(target=self._receive, name="backstage-py-answers", daemon=True)

    def serve(self) -> None:
        """Run what the service begins, until it closes the channel or says that it was the last."""
        self._reader.start()
        while (call := self._calls.get()) and self._serve(call):
            pass

    def serve_one(self) -> None:
        """Run what the service begins first, and nothing more; ``join`` waits for its thread behind it."""
        self._reader.start()
        if call := self._calls.get():
            self._serve(call)

    def join(self) -> None:
        """Wait for the thread that takes answers; the channel is closed."""
        self._reader.join()

    def _serve(self, call: "_Call") -> bool:
        """Run an action and tell how it ended; return whether the service still listens."""
        try:
            ended = call.run()
        except BaseException as error:  # noqa: BLE001  # an interrupt that came when the action had just ended
            ended = Ended(failures.told(as_backstage_error(error)), is_clean=False)
        try:
            self._connection.tell(ended)
        except ChannelClosed:
            return False
        return True

    def _receive(self) -> None:
        try:
            while (data := self._channel.receive()) is not None and self._take(data):
                pass
        except ProtocolError:
            pass  # the service's side is broken: nobody is there to be told
        finally:
            if self._current:
                self._current.cancel(interrupt=True)
                self._current.scope.close()
            self._calls.put(None)

    def _take(self, data: bytes) -> bool:
        """Act on a message; return whether there may be more."""
        seq, message = messages.from_service(data)
        if seq <= self._seen:
            return True
        self._seen = seq
        match message:
            case Begin():
                self._current = _Call(message, self._connection, self._around)
                self._calls.put(self._current)
            case Answer() if self._current:
                self._current.scope.answer(message)
            case Cancel() if self._current:
                self._current.cancel(interrupt=message.interrupt)
            case Nothing(is_over=True):
                return False
        return True


class _Call:
    """One call of an action."""

    def __init__(self, begin: Begin, connection: Connection, around: Surroundings) -> None:
        self.scope = Scope(connection)
        self._begin = begin
        self._around = around
        self._signal = CancelSignal()
        self._thread = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._helpers: threads.Executor | None = None
        self._is_running = False
        self._is_interrupted = False
        self._lock = threading.Lock()

    def cancel(self, *, interrupt: bool) -> None:
        """Set the signal, and interrupt what runs, once: what it does then to tidy up is left in peace.

        Called on another thread.
        """
        self._signal.set()
        with self._lock:
            if not interrupt or self._is_interrupted:
                return
            self._is_interrupted = self._is_running
            if self._task and self._loop:
                self._loop.call_soon_threadsafe(self._task.cancel)
            elif self._is_running:
                self._around.interrupt()

    def run(self) -> Ended:
        """Run the action to its end; return what is to be said of it."""
        self._thread = threading.get_ident()
        context: ActionContext[Any] | None = None
        error: BaseException | None = None
        try:
            action = self._around.find(self._begin.action_id)
            context = self._around.adapt(self._context())
            context.input = action.parse_input(self._begin.input)
            traced = forwarding.within(self._begin.trace if self._around.traces else {}, self._tell_span)
            with self._around.within(), traced:
                outputs.take_outputs(action, context, self._returned(action, context))
        except BaseException as raised:  # noqa: BLE001  # the edge: whatever an action raises is told to the service
            error = raised
        self._tidy(context)
        self.scope.close()
        return self._ended(error)

    def _returned(self, action: Action, context: ActionContext[Any]) -> Any:
        with self._lock:
            self._is_running = True
        try:
            return self._run(action.handler(context)) if action.is_async else action.handler(context)
        finally:
            with self._lock:
                self._is_running = False

    def _tell_span(self, span: JsonObject) -> None:
        self.scope.tell(Span(span))

    def _ended(self, error: BaseException | None) -> Ended:
        is_clean = self._around.is_clean()
        if error is None:
            return Ended(is_clean=is_clean)
        self._around.failed(error)
        if isinstance(error, BackstageError):
            return Ended(failures.told(error), is_clean=is_clean)
        return Ended(failures.told(as_backstage_error(error)), stacks.of_error(error), is_clean)

    def _context(self) -> ActionContext[Any]:
        begin = self._begin
        info = begin.template_info
        return ActionContext(
            input=begin.input,
            logger=asking.Logger(self.scope),
            workspace=Workspace(self._around.workspace(begin)),
            task_id=begin.task_id,
            step=StepInfo(str(begin.step.get("id")), str(begin.step.get("name"))),
            sink=asking.Sink(self.scope),
            services=asking.services(begin, self.scope, self._around.services),
            secrets=begin.secrets,
            user=User(begin.user.get("ref"), begin.user.get("entity")),
            template_info=TemplateInfo(str(info["entityRef"]), info.get("baseUrl"), info.get("entity"))
            if info
            else None,
            is_dry_run=begin.is_dry_run,
            signal=self._signal,
            each=begin.each,
            waiter=self._wait,
        )

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine of a plain function; a thread that the function started itself gets a loop for it."""
        return self._run(work) if threading.get_ident() == self._thread else asyncio.run(work)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._helpers = threads.action_helpers()
            self._loop.set_default_executor(self._helpers)
            asyncio.set_event_loop(self._loop)
        task = self._loop.create_task(work)
        with self._lock:
            self._task = task
        try:
            return self._loop.run_until_complete(task)
        finally:
            with self._lock:
                self._task = None
            if task.done() and not task.cancelled():
                task.exception()  # retrieved, so that asyncio does not report what is told already

    def _tidy(self, context: ActionContext[Any] | None) -> None:
        """End what the action left on its loop, within a moment, and remove what it needed beside its workspace."""
        with suppress(BaseException):  # an action may have left anything there, its own event loop policy included
            self._close_loop()
        for job in list(self._helpers.jobs) if self._helpers else ():
            job.outcome.cancel()
        for folder in context.temporary_directories if context else ():
            shutil.rmtree(folder, ignore_errors=True)

    def _close_loop(self) -> None:
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


async def _cancelled(tasks: "set[asyncio.Task[Any]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=_CLEAN_UP_SECONDS)
