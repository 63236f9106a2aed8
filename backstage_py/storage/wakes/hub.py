"""Waking: whoever waits for a topic is told as soon as a commit touched it, in this process or another.

Within a process a topic is a set of waiters; a carrier takes it to the other processes of the same database. Nothing
is polled; a wake is a hint and never data, so one that is lost only costs the patience of the waiter's timeout.
"""

import asyncio
import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

Receive = Callable[[set[str] | None], None]
"""Takes the topics that another process named; None when some may have been missed."""


class Carrier(Protocol):
    """Takes topics from process to process."""

    def listen(self, receive: Receive) -> None:
        """Call ``receive`` on the running event loop for what other processes send; a second call has no effect."""

    def send(self, topics: Iterable[str]) -> None:
        """Send to the other processes; callable from any thread, never raises, never waits for them."""

    def close(self) -> None:
        """Stop listening and sending."""


class Wake:
    """One waiter's view of its topics. It remembers a wake that came while nobody was waiting."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._event = asyncio.Event()

    async def wait(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109  # a timeout is an answer here
        """Return True after a wake, False after ``timeout`` seconds without one."""
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True

    def set_from_any_thread(self) -> None:
        """Wake the waiter; a loop that is already closed has no waiter left."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._event.set)


class WakeHub:
    """The topics of one database.

    Args:
        carrier: to and from the other processes.
    """

    def __init__(self, carrier: Carrier) -> None:
        self._waiters: dict[str, set[Wake]] = defaultdict(set)
        self._lock = threading.Lock()
        self._carrier = carrier

    @contextlib.contextmanager
    def subscribe(self, *topics: str) -> Iterator[Wake]:
        """Wait for topics: ``with hub.subscribe("tasks") as wake: await wake.wait()``."""
        self._carrier.listen(self._wake_here)
        wake = Wake(asyncio.get_running_loop())
        with self._lock:
            for topic in topics:
                self._waiters[topic].add(wake)
        try:
            yield wake
        finally:
            with self._lock:
                for topic in topics:
                    self._waiters[topic].discard(wake)
                    if not self._waiters[topic]:
                        del self._waiters[topic]

    def wake(self, topics: Iterable[str], *, elsewhere: Iterable[str] = ()) -> None:
        """Wake the waiters of ``topics``, here and in the other processes; callable from any thread.

        Args:
            topics: whom to wake.
            elsewhere: whom to wake in the other processes only, since those here know already.
        """
        here = set(topics)
        names = here.union(elsewhere)
        if here:
            self._wake_here(here)
        if names:
            self._carrier.send(names)

    def close(self) -> None:
        """Stop listening to other processes."""
        self._carrier.close()

    def _wake_here(self, names: set[str] | None) -> None:
        with self._lock:
            named = self._waiters.values() if names is None else [self._waiters.get(name, ()) for name in names]
            waiters = {wake for wakes in named for wake in wakes}
        for waiter in waiters:
            waiter.set_from_any_thread()
