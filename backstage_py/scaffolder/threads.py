"""Threads for what cannot run on the event loop, kept for reuse, each of which may be left behind.

Unlike an executor's, these threads are daemons: one that hangs in a foreign call keeps neither its place in a pool nor
the process from ending.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any

_IDLE_SECONDS = 30.0
_Job = Callable[[], None]
_idle: list["_Thread"] = []
_lock = threading.Lock()


class _Thread:
    """One thread and the queue through which it gets its next job."""

    def __init__(self) -> None:
        self.jobs: SimpleQueue[_Job] = SimpleQueue()
        threading.Thread(target=self._work, name="backstage-py-work", daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                job = self.jobs.get(timeout=_IDLE_SECONDS)
            except Empty:
                with _lock:
                    if self in _idle:
                        _idle.remove(self)
                        return
                continue  # a job was promised to this thread in that very moment
            job()
            with _lock:
                _idle.append(self)


def run(function: Callable[[], Any]) -> "asyncio.Future[Any]":
    """Run a function in a thread, with the caller's context variables.

    Cancelling the future leaves the thread behind; what the function returns then is dropped.
    """
    outcome: Future[Any] = Future()
    variables = contextvars.copy_context()

    def job() -> None:
        if not outcome.set_running_or_notify_cancel():
            return
        try:
            outcome.set_result(variables.run(function))
        except BaseException as error:  # noqa: BLE001  # raised where the result is awaited
            outcome.set_exception(error)

    with _lock:
        thread = _idle.pop() if _idle else None
    (thread or _Thread()).jobs.put(job)
    return asyncio.wrap_future(outcome)
