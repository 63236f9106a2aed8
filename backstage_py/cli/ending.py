"""The end of a process that runs until it is told to stop, also while it is still starting.

A start may take long, since it waits for a database that is away. Nothing needs an order then: what has begun is
cancelled, as it may be killed at any time.
"""

import asyncio
import contextlib
import signal
from collections.abc import Iterator


class Ending:
    """Somebody's wish that this process ends.

    Attributes:
        asked: set once there is one.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.is_cancelling = False
        self._starting = asyncio.current_task()

    def started(self) -> None:
        """Say that from here on whoever made this waits for ``asked``, and stops in good order."""
        self._starting = None

    def ask(self) -> None:
        """Ask for the end."""
        self.asked.set()
        if self._starting is not None:
            self.is_cancelling = True
            self._starting.cancel()


@contextlib.contextmanager
def by_signal() -> Iterator[Ending]:
    """Let SIGINT and SIGTERM ask for the end; the block is left quietly when they do so during the start."""
    ending = Ending()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ending.ask)
    try:
        yield ending
    except asyncio.CancelledError:
        if not ending.is_cancelling:
            raise
