"""Percentiles of durations, some of which have not ended yet."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from backstage_py.model.json import Json, JsonObject

_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Durations:
    """How long things took, in milliseconds.

    Attributes:
        ended: of those that came to their end.
        open: ages of those that did not, so far.
    """

    ended: Sequence[int] = ()
    open: Sequence[int] = ()

    @property
    def n(self) -> int:
        """How many there are."""
        return len(self.ended) + len(self.open)

    def percentile(self, percent: int) -> int | None:
        """Return the shortest duration within which so many percent end; None when it is not reached yet.

        What is open counts for as long as it was watched: this is the estimate of Kaplan and Meier. Where all have
        ended that is the nearest rank: the smallest value that is not exceeded by so many percent of all.
        """
        if self.ended and not self.open:
            return sorted(self.ended)[-(-percent * self.n // _PERCENT) - 1]
        lasting, enough = Fraction(1), 1 - Fraction(percent, _PERCENT)
        watched, ages = self.n, sorted(self.open)
        for length, count in sorted(Counter(self.ended).items()):
            lasting *= 1 - Fraction(count, watched - bisect_left(ages, length))
            if lasting <= enough:
                return length
            watched -= count
        return None

    def as_json(self) -> JsonObject:
        """Return ``n, p50Seconds, p95Seconds``."""
        return {"n": self.n, "p50Seconds": seconds(self.percentile(50)), "p95Seconds": seconds(self.percentile(95))}


def seconds(milliseconds: int | None) -> Json:
    """Return whole seconds, rounded down."""
    return None if milliseconds is None else milliseconds // 1000


def share(part: int, n: int) -> JsonObject:
    """Return a share with what it is of; of nothing there is none."""
    return {"n": n, "share": round(part / n, 4) if n else None}
