"""How far long work is, as lines of the log that do not flood it."""

from typing import Protocol

from backstage_py.plugin.clock import Clock

_PAUSE = 2.0


class _Logger(Protocol):
    def info(self, message: str) -> None:
        """Say what was done."""


class Progress:
    """Reports one action's progress: at once, then at most every two seconds, and in any case when it is done."""

    def __init__(self, log: _Logger, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._reported_at: float | None = None

    def report(self, done: float, total: float | None, message: str) -> None:
        """Log how far the work is, unless the last line is too recent."""
        share = done / total if total else (0.0 if total == 0 else done)
        now = self._clock.monotonic()
        if self._reported_at is not None and now - self._reported_at < _PAUSE and share < 1:
            return
        self._reported_at = now
        counted = f" ({done:g} of {total:g})" if total is not None else ""
        self._log.info(f"{min(max(share, 0), 1):.0%}{counted}{f' {message}' if message else ''}")
