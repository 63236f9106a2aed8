"""Instruments: declared once by name, told what happens, kept by whoever collects."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol, Self

MOST_SERIES: Final = 200
"""Sets of label values that an instrument keeps in a process; what comes later counts as ``other``."""
OTHER: Final = "other"
_LONGEST = 120
DURATIONS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds, those of Backstage's client library."""
WAITS: Final = (0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1_800.0)
"""The same of what may take long."""


class Kind(StrEnum):
    """What an instrument can do; the names are those of Prometheus."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"


class Origin(StrEnum):
    """Whose name it is."""

    BACKSTAGE = "Backstage"
    OURS = "ours"


class Series(Protocol):
    """What keeps the numbers for one set of label values."""

    def inc(self, amount: float = 1) -> None:
        """Add to a counter or a gauge."""

    def set(self, value: float) -> None:
        """Set a gauge."""

    def observe(self, amount: float) -> None:
        """Add an observation."""


class Keeper(Protocol):
    """What keeps the numbers of one instrument."""

    def series(self, values: tuple[str, ...]) -> Series:
        """Return what keeps those of some label values."""


@dataclass(slots=True, eq=False)
class Instrument:
    """A thing that is counted or timed.

    Attributes:
        name: as it is exported. A counter of ours ends in ``_total``; one of Backstage is exported both as it is and
            with ``_total``, as its two client libraries do.
        about: a sentence for people.
        labels: names of the labels.
        buckets: upper bounds of a histogram.
        is_shared: read out of the database when somebody asks, so every replica says the same.
        merges: how values of several processes become one gauge: ``sum`` or ``max``.
    """

    kind: Kind
    name: str
    about: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    origin: Origin = Origin.OURS
    is_shared: bool = False
    merges: str = "sum"
    _keeper: Keeper | None = None
    _series: dict[tuple[str, ...], Series] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name in _declared:
            raise ValueError(f"There are two instruments {self.name}")
        _declared[self.name] = self

    def kept_by(self, keeper: Keeper | None) -> Self:
        """Let somebody keep the numbers from now on, or nobody."""
        self._keeper, self._series = keeper, {}
        if keeper and not self.labels and not self.is_shared:
            self._of(())  # it is seen from the start, as zero
        return self

    def inc(self, *values: str, amount: float = 1) -> None:
        """Count; ``values`` are those of the labels, in their order."""
        if self._keeper:
            self._of(values).inc(amount)

    def set(self, value: float, *values: str) -> None:
        """Set a gauge."""
        if self._keeper:
            self._of(values).set(value)

    def observe(self, amount: float, *values: str) -> None:
        """Add an observation, of seconds where nothing else is said."""
        if self._keeper:
            self._of(values).observe(amount)

    def _of(self, values: tuple[str, ...]) -> Series:
        found = self._series.get(values)
        if found is None and self._keeper:
            known = values
            if len(self._series) >= MOST_SERIES:
                known = (OTHER,) * len(values)
            made = self._series.get(known) or self._keeper.series(tuple(value[:_LONGEST] for value in known))
            if known is values or known not in self._series:
                self._series[known] = made
            return made
        assert found is not None  # noqa: S101  # callers have looked for a keeper
        return found


_declared: dict[str, Instrument] = {}


def declared() -> Iterator[Instrument]:
    """Yield every instrument, in the order of declaration."""
    yield from _declared.values()


def counter(name: str, about: str, *labels: str, origin: Origin = Origin.OURS) -> Instrument:
    """Declare what only grows."""
    return Instrument(Kind.COUNTER, name, about, labels, origin=origin)


def gauge(name: str, about: str, *labels: str, merges: str = "sum") -> Instrument:
    """Declare what goes up and down in a process."""
    return Instrument(Kind.GAUGE, name, about, labels, merges=merges)


def shared(name: str, about: str, *labels: str, origin: Origin = Origin.OURS) -> Instrument:
    """Declare what is read out of the database."""
    return Instrument(Kind.GAUGE, name, about, labels, origin=origin, is_shared=True)


def histogram(
    name: str, about: str, *labels: str, buckets: tuple[float, ...] = DURATIONS, origin: Origin = Origin.OURS
) -> Instrument:
    """Declare what is observed, with its distribution."""
    return Instrument(Kind.HISTOGRAM, name, about, labels, buckets, origin)


def summary(name: str, about: str, *labels: str, origin: Origin = Origin.OURS) -> Instrument:
    """Declare what is observed, with its number and sum alone."""
    return Instrument(Kind.SUMMARY, name, about, labels, origin=origin)
