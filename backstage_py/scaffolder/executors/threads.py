"""Threads for what cannot run on the event loop, kept for reuse, each of which may be left behind.

Unlike an executor's, these threads are daemons: one that hangs in a foreign call keeps neither its place in a pool nor
the process from ending.
"""

import asyncio
import contextvars
import ctypes
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, ParamSpec, TypeVar

_IDLE_SECONDS = 30.0
_idle: list["_Thread"] = []
_lock = threading.Lock()
P = ParamSpec("P")
T = TypeVar("T")


class Abandoned(BaseException):
    """Raised within a thread whose work nobody waits for any more, wherever its code is at that moment."""


class Job:
    """One function in a thread.

    Attributes:
        outcome: what the function returned or raised.
    """

    def __init__(self, function: Callable[[], Any]) -> None:
        self.outcome: Future[Any] = Future()
        self._function = function
        self._variables = contextvars.copy_context()
        self._thread: int | None = None
        self._is_interrupted = False

    def run(self) -> bool:
        """Run the function on this thread; return whether the thread is as good as new afterwards."""
        if not self.outcome.set_running_or_notify_cancel():
            return True
        self._thread = threading.get_ident()
        try:
            self.outcome.set_result(self._variables.run(self._function))
        except BaseException as error:  # noqa: BLE001  # raised where the result is awaited
            self.outcome.set_exception(error)
        with _lock:
            self._thread = None
            return not self._is_interrupted

    @property
    def frame(self) -> FrameType | None:
        """Where the thread is, None when the function has ended."""
        frames = sys._current_frames()  # noqa: SLF001  # its documented name
        return frames.get(self._thread) if self._thread is not None else None

    def interrupt(self) -> None:
        """Raise ``Abandoned`` in the thread as soon as it runs Python code; a call into C is not cut short."""
        with _lock:
            if self._thread is not None:
                self._is_interrupted = True
                thread, raised = ctypes.c_ulong(self._thread), ctypes.py_object(Abandoned)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, raised)


class _Thread:
    """One thread and the queue through which it gets its next job."""

    def __init__(self) -> None:
        self.jobs: SimpleQueue[Job] = SimpleQueue()
        threading.Thread(target=self._work, name="backstage-py-work", daemon=True).start()

    def _work(self) -> None:
        try:
            while self._take_one():
                pass
        except Abandoned:
            pass  # it came when the function was about to end

    def _take_one(self) -> bool:
        try:
            job = self.jobs.get(timeout=_IDLE_SECONDS)
        except Empty:
            with _lock:
                if self in _idle:
                    _idle.remove(self)
                    return False
            return True  # a job was promised to this thread in that very moment
        if not job.run():
            return False
        with _lock:
            _idle.append(self)
        return True


def start(function: Callable[[], Any]) -> Job:
    """Run a function in a thread, with the caller's context variables."""
    job = Job(function)
    with _lock:
        thread = _idle.pop() if _idle else None
    (thread or _Thread()).jobs.put(job)
    return job


def run(function: Callable[[], Any]) -> "asyncio.Future[Any]":
    """Run a function in a thread, with the caller's context variables.

    Cancelling the future leaves the thread behind; what the function returns then is dropped.
    """
    return asyncio.wrap_future(start(function).outcome)


class Executor(ThreadPoolExecutor):
    """Runs what ``asyncio.to_thread`` is given in threads of this kind.

    An event loop's own executor has few places: some calls that hang, to Vault say, and nobody reads a file any more.
    """

    def __init__(self) -> None:
        super().__init__(max_workers=1)  # it never starts that one: a loop insists on the class, not on its threads

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a function."""
        return start(lambda: fn(*args, **kwargs)).outcome
