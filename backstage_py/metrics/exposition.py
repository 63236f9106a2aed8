"""The text of a scrape, in the format that Prometheus has always read.

The library collects; its lines are written here, since its own writer takes three times as long for the same, and
writes no counter without ``_total``. ``promtool check metrics`` and the library's parser hold what comes out.
"""

from collections.abc import Iterator
from functools import lru_cache
from math import inf, isnan
from typing import TYPE_CHECKING, Final

from backstage_py.metrics.collecting import Collection
from backstage_py.metrics.instruments import Instrument, Kind, Origin, declared

if TYPE_CHECKING:
    from prometheus_client import Metric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_LINES_KEPT = 16_384


def text(collection: Collection) -> bytes:
    """Return all that is known. Safe in any thread."""
    plain = {one.name for one in declared() if is_exported_twice(one)}
    return "".join(_lines(collection, plain)).encode()


def is_exported_twice(one: Instrument) -> bool:
    """Whether a counter has a name without ``_total``, too.

    Backstage exports these by prom-client, which adds nothing, and by OpenTelemetry, which adds it; dashboards know
    both.
    """
    return one.kind is Kind.COUNTER and one.origin is Origin.BACKSTAGE


def _lines(collection: Collection, plain: set[str]) -> Iterator[str]:
    for family in collection.registry.collect():
        yield from _family(family, f"{family.name}_total" if family.type == "counter" else family.name)
        if family.name in plain:
            yield _head(family.name, family.documentation, family.type)
            for sample in family.samples:
                yield f"{_series(family.name, tuple(sample.labels.items()))} {_number(sample.value)}\n"
    for one, values in collection.readings.items():
        yield _head(one.name, one.about, one.kind)
        for labels, value in values.items():
            yield f"{_series(one.name, tuple(zip(one.labels, labels, strict=True)))} {_number(value)}\n"


def _family(family: "Metric", name: str) -> Iterator[str]:
    yield _head(name, family.documentation, family.type)
    for sample in family.samples:
        yield f"{_series(sample.name, tuple(sample.labels.items()))} {_number(sample.value)}\n"


def _head(name: str, about: str, kind: str) -> str:
    told = about.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {told}\n# TYPE {name} {kind}\n"


@lru_cache(maxsize=_LINES_KEPT)
def _series(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    """Return a series as it is written; most are the same in each scrape."""
    if not labels:
        return name
    return f"{name}{{{','.join(_label(key, value) for key, value in sorted(labels))}}}"


def _label(key: str, value: str) -> str:
    escaped = value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return f'{key}="{escaped}"'


def _number(value: float) -> str:
    if value == inf:
        return "+Inf"
    return "NaN" if isnan(value) else repr(value)
