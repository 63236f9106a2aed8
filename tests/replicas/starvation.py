"""Times in which a machine that had too much to do let a replica wait for a processor: silence that nobody caused.

The kernel counts for each thread how long it was ready to run and did not (``/proc/<pid>/schedstat``). A replica whose
main thread got less than half of what it wanted, for a second or more at a stretch, may have sent no heartbeat; that
is written down like any other impairment, and nothing else is excused by load.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.replicas.history import History

_STEP = 0.25
_MOST = 0.5
"""The share of a step for which a process may wait."""
_LONG = 1.0
"""Seconds at a stretch; heartbeats come once a second."""


@dataclass(slots=True)
class Starvation:
    """Looks at processes again and again.

    Attributes:
        waited: returns the seconds for which a process has waited until now, None when it is gone.
    """

    history: History
    waited: "Callable[[int], float | None]"
    _last: dict[int, tuple[float, float]] = field(default_factory=dict)
    _since: dict[int, float] = field(default_factory=dict)

    def look(self, pids: Iterable[int], now: float) -> None:
        """Compare with the look before."""
        for pid in pids:
            waited = self.waited(pid)
            at, before = self._last.get(pid, (now, waited or 0.0))
            if waited is not None:
                self._last[pid] = now, waited
            if waited is not None and now > at and waited - before > _MOST * (now - at):
                self._since.setdefault(pid, at)
            elif (since := self._since.pop(pid, None)) is not None and at - since >= _LONG:
                self.history.note(f"process {pid} waited for a processor for {at - since:.1f} s")
                self.history.processes[pid].impaired.append((since, at))


@asynccontextmanager
async def watched(history: History, pids: Callable[[], Iterable[int]]) -> AsyncIterator[None]:
    """Write down for which processes there was no time, until the block is left; Linux tells, others do not."""
    starvation = Starvation(history, _waited)

    async def watch() -> None:
        while True:
            starvation.look(pids(), time.monotonic())
            await asyncio.sleep(_STEP)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def _waited(pid: int) -> float | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    return None
