"""The text of a scrape, in the format that Prometheus has always read."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from backstage_py.metrics.collecting import Collection
from backstage_py.metrics.instruments import Instrument, Kind, Origin, declared

if TYPE_CHECKING:
    from prometheus_client import Metric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_UNTYPED = re.compile(rb"^(# TYPE \S+ )untyped$", re.MULTILINE)


def text(collection: Collection) -> bytes:
    """Return all that is known."""
    from prometheus_client import generate_latest

    return _UNTYPED.sub(rb"\1counter", generate_latest(_All(collection)))


class _All:
    """A collector of what the library keeps, what the database said, and counters under their older names."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def collect(self) -> Iterator["Metric"]:
        """Yield every family."""
        plain = {one.name: one for one in declared() if is_exported_twice(one)}
        for family in self._collection.registry.collect():
            yield family
            if family.name in plain:
                yield _as_backstage_names_it(family)
        for one, values in self._collection.readings.items():
            yield _family(one, values)


def is_exported_twice(one: Instrument) -> bool:
    """Whether a counter has a name without ``_total``, too."""
    return one.kind is Kind.COUNTER and one.origin is Origin.BACKSTAGE


def _as_backstage_names_it(family: "Metric") -> "Metric":
    """Return a counter without ``_total``.

    Backstage exports these by prom-client, which adds nothing, and by OpenTelemetry, which adds it; dashboards know
    both. The library writes no counter without it, so it is untyped until ``text`` has the last word.
    """
    from prometheus_client import Metric

    other = Metric(family.name, family.documentation, "unknown")
    for sample in family.samples:
        other.add_sample(family.name, sample.labels, sample.value)
    return other


def _family(one: Instrument, values: "dict[tuple[str, ...], float] | object") -> "Metric":
    from prometheus_client import Metric

    family = Metric(one.name, one.about, "gauge")
    if isinstance(values, dict):
        for labels, value in values.items():
            family.add_sample(one.name, dict(zip(one.labels, labels, strict=True)), value)
    return family
