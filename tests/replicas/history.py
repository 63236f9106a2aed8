"""What happened during a run, on one clock: what was done to whom, and which process is excused for what."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

LEASE = 4.0
"""Seconds of silence after which a task is taken from its worker (``scaffolder.taskRecovery.staleTimeout``)."""
GRACE = 4.0
"""Seconds that a stop in good order may take; what runs then is left behind (``scaffolder.shutdownTimeout``)."""
_RETURN = 2.5
"""Seconds that a process may take to be heard again after a fault: a heartbeat, and a new connection."""


@dataclass(frozen=True, slots=True)
class Note:
    """A moment: seconds of the machine's monotonic clock, and what happened."""

    at: float
    text: str


@dataclass(slots=True)
class Process:
    """A process of a replica, by its pid.

    Attributes:
        asked: when it was asked to stop.
        ended: when it ended, in whatever way.
        impaired: when it could not reach the database, or do anything.
    """

    pid: int
    replica: str
    asked: float | None = None
    ended: float | None = None
    impaired: list[tuple[float, float]] = field(default_factory=list)

    def is_excused(self, begin: float, end: float) -> bool:
        """Say whether it was killed, out of time to stop, or silent for longer than its lease, between two moments."""
        if self.ended is not None and begin <= self.ended <= end:
            return True
        if self.asked is not None and self.asked + GRACE <= end:
            return True
        return any(low <= end and high >= begin for low, high in self.silences())

    def silences(self) -> Iterator[tuple[float, float]]:
        """Yield the times in which its lease may have ended; faults that follow each other closely count as one."""
        for low, high in joined(self.impaired, _RETURN):
            if high - low >= LEASE - _RETURN:
                yield low, high + _RETURN


@dataclass(slots=True)
class History:
    """The notes of a run, and the processes that took part."""

    notes: list[Note] = field(default_factory=list)
    processes: dict[int, Process] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    """What was wrong at the moment at which it was seen."""

    def note(self, text: str) -> None:
        """Write down that something happens now."""
        self.notes.append(Note(time.monotonic(), text))

    def complain(self, text: str) -> None:
        """Write down that something is wrong."""
        self.note(f"WRONG: {text}")
        self.complaints.append(text)

    @contextmanager
    def impairing(self, pids: Iterable[int], text: str) -> Iterator[None]:
        """Mark processes as impaired until the block is left."""
        begin, hit = time.monotonic(), tuple(pids)
        self.note(f"{text} begins")
        try:
            yield
        finally:
            self.note(f"{text} ends")
            for pid in hit:
                self.processes[pid].impaired.append((begin, time.monotonic()))


def joined(times: Iterable[tuple[float, float]], gap: float) -> Iterator[tuple[float, float]]:
    """Yield the times in order; those that are less than ``gap`` apart become one."""
    current: tuple[float, float] | None = None
    for low, high in sorted(times):
        if current and low - current[1] <= gap:
            current = (current[0], max(current[1], high))
            continue
        if current:
            yield current
        current = (low, high)
    if current:
        yield current
