"""Work beside a block: coroutines that run for as long as it does, owned and awaited by whoever enters it.

Everything that starts and stops has the shape of this function: ``async with part.running(): …``. Work that must never
end is supervised: ``background.running(background.supervised("worker.claims", self._claim_tasks))``. What is supervised
and runs in this process is listed while it runs; readiness asks ``failing``.
"""

import asyncio
import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from backstage_py.errors import ServiceUnavailableError
from backstage_py.metrics.process import LOOP_DEATHS

_log = structlog.get_logger(__name__)
_PAUSE_SECONDS = 1.0
_SETTLED_SECONDS = 2.0
_SAY_EVERY = 10.0


@asynccontextmanager
async def running(*work: Coroutine[Any, Any, None], name: str | None = None) -> AsyncIterator[None]:
    """Run coroutines until the block is left; they are cancelled then, and their end is awaited."""
    tasks = [asyncio.create_task(one, name=name) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Repeats:
    """What was said lately: whatever lasts as long as an outage need not be said each second."""

    def __init__(self) -> None:
        self._said: tuple[str, float] = ("", -math.inf)

    def is_news(self, problem: str) -> bool:
        """Return whether a problem is another one than last time, or some seconds have gone by."""
        now = time.monotonic()
        if problem == self._said[0] and now - self._said[1] < _SAY_EVERY:
            return False
        self._said = problem, now
        return True


@dataclass(slots=True, eq=False)
class Loop:
    """A supervised loop that runs in this process.

    Attributes:
        name: of the part and what it does, such as ``worker.claims``.
        deaths: how often it died and was started again.
        died_at: when it died last, in seconds of the monotonic clock.
        began_at: when it was started last, by the same clock; None while it waits for that.
        said: what kept it from working, as far as it was logged.
    """

    name: str
    deaths: int = 0
    died_at: float | None = None
    began_at: float | None = None
    said: Repeats = field(default_factory=Repeats)

    @property
    def is_failing(self) -> bool:
        """Whether it is down, or was started again so recently that this says nothing yet."""
        if self.died_at is None:
            return False
        return self.began_at is None or time.monotonic() - self.began_at < _SETTLED_SECONDS


_loops: set[Loop] = set()


def loops() -> Sequence[Loop]:
    """Return the supervised loops that run in this process, by name."""
    return sorted(_loops, key=lambda one: one.name)


def failing() -> Sequence[str]:
    """Return the names of those that are failing."""
    return [one.name for one in loops() if one.is_failing]


async def supervised(name: str, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a loop, and start it again a little later whenever it dies of an error; one that returns has ended.

    A failure is logged with its traceback and counted, so a loop needs no net of its own around each turn.

    Args:
        name: under which it is listed; see ``Loop``.
        loop: makes the coroutine anew for each start.
    """
    one = Loop(name)
    _loops.add(one)
    try:
        while not await _lives(one, loop):  # noqa: ASYNC110  # a pause between two starts, nothing to wait for
            await asyncio.sleep(_PAUSE_SECONDS)
    finally:
        _loops.discard(one)


def supervised_thread(name: str, loop: Callable[[], None]) -> threading.Thread:
    """Start a thread that runs a loop in the same way; what it waited with when it died is lost."""

    def run() -> None:
        one = Loop(name)
        _loops.add(one)
        try:
            while not _lives_here(one, loop):
                threading.Event().wait(_PAUSE_SECONDS)
        finally:
            _loops.discard(one)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread


def _lives_here(one: Loop, loop: Callable[[], None]) -> bool:
    one.began_at = time.monotonic()
    try:
        loop()
    except Exception:  # noqa: BLE001  # as in ``_lives``
        _record_death(one)
        return False
    return True


async def _lives(one: Loop, loop: Callable[[], Coroutine[Any, Any, None]]) -> bool:
    """Run a loop once; False when it died."""
    one.began_at = time.monotonic()
    try:
        await loop()
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if current is None or current.cancelling():
            raise
        _record_death(one)  # something that it awaited was cancelled, not the loop
    except ServiceUnavailableError as error:  # nothing of ours is broken, so where it happened tells nobody anything
        _record_death(one, problem=error.message)
    except Exception:  # noqa: BLE001  # the edge of all loops: none may end unseen
        _record_death(one)
    else:
        return True
    return False


def _record_death(one: Loop, problem: str | None = None) -> None:
    now = time.monotonic()
    lived = now - (one.began_at or now)
    one.deaths += 1
    LOOP_DEATHS.inc(one.name)
    one.died_at, one.began_at = now, None
    shown = {"loop": one.name, "deaths": one.deaths, "lived_seconds": round(lived, 1)}
    if problem is None:
        _log.exception("loop_died", **shown)
    elif one.said.is_news(problem):
        _log.warning("loop_died", **shown, problem=problem)
