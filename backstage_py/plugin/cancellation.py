"""The signal with which a running action learns that its task was cancelled."""

import asyncio
import threading


class CancelSignal:
    """Set once, from any thread; looked at from any thread, awaited on the loop that made it."""

    def __init__(self) -> None:
        self._flag = threading.Event()
        self._event: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_set(self) -> bool:
        """Whether the task was cancelled."""
        return self._flag.is_set()

    def set(self) -> None:
        """Cancel. Doing so again has no effect."""
        self._flag.set()
        if self._event and self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self) -> None:
        """Return when the task is cancelled."""
        if self._event is None:
            self._loop = asyncio.get_running_loop()
            self._event = asyncio.Event()
            if self._flag.is_set():
                self._event.set()
        await self._event.wait()

    def wait_in_thread(self, seconds: float) -> bool:
        """Sleep in a thread for up to ``seconds``; True as soon as the task is cancelled."""
        return self._flag.wait(seconds)
