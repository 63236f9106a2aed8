"""Spans of time, and the months in them; all of UTC."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

_WEEK = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class Window:
    """From a moment to before another one, in milliseconds since 1970."""

    start: int
    end: int

    def __contains__(self, moment: int | None) -> bool:
        """Whether something happened in it."""
        return moment is not None and self.start <= moment < self.end

    @property
    def weeks(self) -> float:
        """How many it has."""
        return (self.end - self.start) / _WEEK

    def months(self) -> Iterator[tuple[str, "Window"]]:
        """Yield its months by name (``2026-01``), the first and the last as far as they are in it."""
        first = datetime.fromtimestamp(self.start / 1000, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        while (begin := int(first.timestamp() * 1000)) < self.end:
            following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
            end = int(following.timestamp() * 1000)
            yield f"{first:%Y-%m}", Window(max(begin, self.start), min(end, self.end))
            first = following
