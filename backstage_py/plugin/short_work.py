"""Work that is mostly over in a moment: begun at once, and handed to a thread only when it turns out to take longer.

A thread for some small files costs more than writing them: at each system call the interpreter changes hands with the
thread that serves requests, and back. So such work is an iterator that stops where it can be interrupted.
"""

from collections import deque
from collections.abc import Iterator
from time import perf_counter
from typing import TypeVar

from backstage_py import threads

T = TypeVar("T")
MOMENT = 0.01
"""Seconds that the event loop can spare."""
LONG = object()
"""Yielded by work whose next piece may take long, whatever time is left."""


async def run(work: Iterator[object], *, moment: float = MOMENT) -> None:
    """Run ``work`` to its end: for a moment (in seconds) on the event loop, the rest in a thread."""
    until = perf_counter() + moment
    for done in work:
        if done is LONG or perf_counter() > until:
            await threads.file_work(finish, work)
            return


async def collect(work: Iterator[T], *, moment: float = MOMENT) -> list[T]:
    """Run ``work`` in the same way and return what it yields."""
    found: list[T] = []
    until = perf_counter() + moment
    for item in work:
        found.append(item)
        if perf_counter() > until:
            found += await threads.file_work(list, work)
            break
    return found


def finish(work: Iterator[object]) -> None:
    """Run ``work`` to its end on this thread."""
    deque(work, maxlen=0)
