"""Says who blocks the service's event loop: code that waits without ``await`` holds up everybody.

Actions of others run elsewhere; this finds faults of the service and its built-in actions, and calls
into C that keep the interpreter to themselves. They cannot be interrupted, so they are named, with file and line.
"""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from backstage_py.execution import stacks
from backstage_py.metrics.process import LOOP_LAG

_LOOK_SECONDS = 0.5
_BLOCKED_SECONDS = 2.0

_log = structlog.get_logger(__name__)

Report = Callable[[float, str], None]
"""Takes the seconds so far and where the loop's thread is."""


def _report(seconds: float, where: str) -> None:
    _log.error(
        "event_loop_blocked",
        seconds=round(seconds, 1),
        where=where,
        hint="the service itself, or a call into C that does not let other threads run; please report the first",
    )


class LoopWatch:
    """A thread that looks whether the loop still turns; each time it does not, it reports once."""

    def __init__(self, *, blocked_seconds: float = _BLOCKED_SECONDS, report: Report = _report) -> None:
        self._blocked_seconds = blocked_seconds
        self._report = report
        self._stop = threading.Event()
        self._turned = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch the running loop until the block is left."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        threading.Thread(target=self._watch, name="backstage-py-loop-watch", daemon=True).start()
        try:
            yield
        finally:
            self._stop.set()

    def _watch(self) -> None:
        due = time.monotonic() + _LOOK_SECONDS
        while not self._stop.wait(_LOOK_SECONDS):
            asked = time.monotonic()
            self._turned.clear()
            if not self._ask():
                return
            if not self._turned.wait(self._blocked_seconds) and not self._stop.is_set():
                frames = sys._current_frames()  # noqa: SLF001  # its documented name
                self._report(time.monotonic() - asked, stacks.of_frame(frames.get(self._loop_thread)))
                while not self._turned.wait(_LOOK_SECONDS) and not self._stop.is_set():
                    pass  # reported already
            LOOP_LAG.observe(time.monotonic() - due)  # this thread is late, too, without a processor
            due = time.monotonic() + _LOOK_SECONDS

    def _ask(self) -> bool:
        try:
            if self._loop:
                self._loop.call_soon_threadsafe(self._turned.set)
        except RuntimeError:  # the loop is closed
            return False
        return True
