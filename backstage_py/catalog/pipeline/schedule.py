"""When what depends on the outside is processed again."""

import heapq
import random
from collections.abc import Callable, Collection

_SPREAD = 0.5


class Schedule:
    """Times by entity. The last time that was set for an entity counts.

    Args:
        interval: seconds to wait, half as much more at random; None never.
        clock: seconds that never go back.
    """

    def __init__(self, interval: float | None, clock: Callable[[], float]) -> None:
        self._interval = interval
        self._clock = clock
        self._due: list[tuple[float, int]] = []
        self._current: dict[int, float] = {}

    def add(self, id_: int, *, soon: bool = False) -> None:
        """Have an entity processed after the interval, or at once."""
        if self._interval is None:
            return
        wait = 0.0 if soon else self._interval * (1 + random.random() * _SPREAD)  # noqa: S311  # spreads load
        due = self._clock() + wait
        self._current[id_] = due
        heapq.heappush(self._due, (due, id_))

    def seconds(self, most: float) -> float:
        """Return how long nothing is due, at most ``most``."""
        return min(max(self._due[0][0] - self._clock(), 0.0), most) if self._due else most

    def take(self, count: int, *, excluding: Collection[int]) -> list[int]:
        """Return up to ``count`` entities that are due now; they are not scheduled any more."""
        now = self._clock()
        ids: list[int] = []
        while self._due and self._due[0][0] <= now and len(ids) < count:
            due, id_ = heapq.heappop(self._due)
            if self._current.get(id_) == due and id_ not in excluding:
                del self._current[id_]
                ids.append(id_)
        return ids
