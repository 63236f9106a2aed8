"""The signal with which a running action learns that its task was cancelled."""

import asyncio
import threading
from concurrent.futures import Future


class CancelSignal:
    """Whether the task was cancelled: set once, from any thread; looked at from any thread, awaited on any event loop.

    It is what the ``AbortSignal`` in ``ctx.signal`` is to an action of Backstage. An action that does not heed it is
    interrupted a moment later, and left behind after that.
    """

    def __init__(self) -> None:
        self._flag = threading.Event()
        self._lock = threading.Lock()
        self._waiting: set[Future[None]] = set()

    @property
    def is_set(self) -> bool:
        """Whether the task was cancelled."""
        return self._flag.is_set()

    def set(self) -> None:
        """Cancel. Doing so again has no effect."""
        with self._lock:
            self._flag.set()
            waiting, self._waiting = self._waiting, set()
        for one in waiting:
            if one.set_running_or_notify_cancel():
                one.set_result(None)

    async def wait(self) -> None:
        """Return when the task is cancelled."""
        told: Future[None] = Future()
        with self._lock:
            if self._flag.is_set():
                return
            self._waiting.add(told)
        try:
            await asyncio.wrap_future(told)
        finally:
            with self._lock:
                self._waiting.discard(told)

    def wait_in_thread(self, seconds: float) -> bool:
        """Sleep in a thread for up to ``seconds``; True as soon as the task is cancelled."""
        return self._flag.wait(seconds)
