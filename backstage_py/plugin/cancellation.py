"""The signal with which a running action learns that its task was cancelled."""

import asyncio
import threading
from contextlib import suppress


class CancelSignal:
    """Whether the task was cancelled: set once, from any thread; looked at from any thread, awaited on any event loop.

    It is what the ``AbortSignal`` in ``ctx.signal`` is to an action of Backstage. An action that does not heed it is
    interrupted a moment later, and ended with its process after that.
    """

    def __init__(self) -> None:
        self._flag = threading.Event()
        self._lock = threading.Lock()
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def is_set(self) -> bool:
        """Whether the task was cancelled."""
        return self._flag.is_set()

    def set(self) -> None:
        """Cancel. Doing so again has no effect."""
        with self._lock:
            self._flag.set()
            waiting, self._waiting = self._waiting, set()
        for told in waiting:
            with suppress(RuntimeError):  # its loop is closed: nobody waits there any more
                told.get_loop().call_soon_threadsafe(_tell, told)

    async def wait(self) -> None:
        """Return when the task is cancelled."""
        told = asyncio.get_running_loop().create_future()
        with self._lock:
            if self._flag.is_set():
                return
            self._waiting.add(told)
        try:
            await told
        finally:
            with self._lock:
                self._waiting.discard(told)

    def wait_in_thread(self, seconds: float) -> bool:
        """Sleep in a thread for up to ``seconds``; True as soon as the task is cancelled."""
        return self._flag.wait(seconds)


def _tell(told: "asyncio.Future[None]") -> None:
    if not told.done():
        told.set_result(None)
