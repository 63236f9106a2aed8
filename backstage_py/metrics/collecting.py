"""Keeping what instruments are told, with ``prometheus-client``, for one process or for a service and its workers.

Worker processes write their numbers into files of a folder that lives as long as the service; a scrape adds up what
is in them. What a dead worker counted is added to the files of all dead ones, and its gauges go with it.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from backstage_py.metrics import catalog, executors, process, reporting, scaffolder, shared
from backstage_py.metrics.files import Files
from backstage_py.metrics.instruments import Instrument, Kind, Series, declared

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["DECLARING", "Collection", "Readings", "collected", "collected_in"]

DECLARING: Final = (scaffolder, catalog, executors, process, reporting, shared)
"""The modules that declare instruments; importing them declares all."""
FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The library's name for the variable that names the folder."""

Readings = Mapping[Instrument, Mapping[tuple[str, ...], float]]
"""What is known of shared instruments, by the values of their labels."""


@dataclass(slots=True)
class Collection:
    """What a service collects.

    Attributes:
        registry: the library's, which a scrape reads.
        files: where worker processes keep their numbers; None without any.
        readings: what was last read out of the database.
    """

    registry: "CollectorRegistry"
    files: Files | None = None
    readings: Readings = field(default_factory=dict)

    @property
    def folder(self) -> str | None:
        """Where those files are."""
        return str(self.files.folder) if self.files else None

    def forget_process(self, pid: int) -> None:
        """Keep what a worker process that has ended counted, and nothing else of it."""
        if self.files:
            self.files.forget(pid)


@contextmanager
def collected(*, has_workers: bool = False) -> Iterator[Collection]:
    """Collect until the block is left, in this process and, with a folder for them, in its workers."""
    from prometheus_client import CollectorRegistry, ProcessCollector

    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    if not has_workers:
        with _kept(registry):
            yield Collection(registry)
        return
    with tempfile.TemporaryDirectory(prefix="backstage-py-metrics-") as folder:
        files = Files(Path(folder))
        registry.register(files)
        with collected_in(folder):
            yield Collection(registry, files)


@contextmanager
def collected_in(folder: str) -> Iterator[None]:
    """Collect into files of a folder until the block is left, for the service that reads them."""
    from prometheus_client import values

    before, class_before = os.environ.get(FOLDER), values.ValueClass
    os.environ[FOLDER] = folder
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]  # it has no types
    try:
        with _kept(None):
            yield
    finally:
        values.ValueClass = class_before
        os.environ.pop(FOLDER)
        if before is not None:
            os.environ[FOLDER] = before


@contextmanager
def _kept(registry: "CollectorRegistry | None") -> Iterator[None]:
    import prometheus_client

    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no types
    mine = [one for one in declared() if not one.is_shared]
    for one in mine:
        one.kept_by(_Keeper(_metric(one, registry), has_labels=bool(one.labels)))
    try:
        yield
    finally:
        for one in mine:
            one.kept_by(None)


def _metric(one: Instrument, registry: "CollectorRegistry | None") -> Any:
    import prometheus_client

    if one.kind is Kind.COUNTER:
        return prometheus_client.Counter(one.name, one.about, one.labels, registry=registry)
    if one.kind is Kind.SUMMARY:
        return prometheus_client.Summary(one.name, one.about, one.labels, registry=registry)
    if one.kind is Kind.HISTOGRAM:
        return prometheus_client.Histogram(one.name, one.about, one.labels, buckets=one.buckets, registry=registry)
    mode: Any = {"sum": "livesum", "max": "max"}[one.merges]
    return prometheus_client.Gauge(one.name, one.about, one.labels, multiprocess_mode=mode, registry=registry)


@dataclass(frozen=True, slots=True)
class _Keeper:
    metric: Any
    has_labels: bool

    def series(self, values: tuple[str, ...]) -> Series:
        """Return what keeps the numbers for some label values."""
        found: Series = self.metric.labels(*values) if self.has_labels else self.metric
        return found
