"""What the processes of a service count in files, added up, and what dead ones leave.

The library's own sum takes most of a scrape: it reads each name of each file as JSON and keeps a sample for each. Here
equal names are added first, and what a name means is remembered.
"""

import json
import struct
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

if TYPE_CHECKING:
    from prometheus_client import Metric

_log = structlog.get_logger(__name__)

_DEAD: Final = "dead"  # in the place of a process id
_NAMES_KEPT = 16_384
_LARGEST = "gauge_max"
_BOUND = "le"


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a folder, named ``<kind>_<process id>.db``; gauges are named by how they merge, too."""

    folder: Path
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def collect(self) -> Iterable["Metric"]:
        """Return the sum of all processes. Safe in any thread."""
        with self._lock:
            return _families(self._sums())

    def _sums(self) -> Mapping[str, dict[str, float]]:
        """Return what all processes counted, by kind and then by name."""
        found: dict[str, dict[str, float]] = {}
        for path in self.folder.glob("*.db"):
            if path.stat().st_size:  # a file that was made just now has nothing in it
                kind = path.stem.rpartition("_")[0]
                sums = found.setdefault(kind, {})
                for name, value in _values(path):
                    before = sums.get(name)
                    if before is None:
                        sums[name] = value
                    else:
                        sums[name] = max(before, value) if kind == _LARGEST else before + value
        return found

    def forget(self, pid: int) -> None:
        """Add what a process that has ended counted to what all such ones did, and drop its files."""
        with self._lock:
            for path in self.folder.glob(f"*_{pid}.db"):
                try:
                    if not path.name.startswith("gauge_") and path.stat().st_size:
                        _add(path, path.with_name(path.name.replace(f"_{pid}.", f"_{_DEAD}.")))
                except (OSError, RuntimeError, struct.error) as error:  # a full disk, or cut off while it was written
                    _log.warning("worker_counts_lost", file=path.name, problem=str(error))
                path.unlink()


def _values(path: Path) -> Iterator[tuple[str, float]]:
    from prometheus_client.mmap_dict import MmapedDict

    read: Any = MmapedDict.read_all_values_from_file
    return ((name, value) for name, value, _, _ in read(str(path)))


def _add(counted: Path, to: Path) -> None:
    """Add the values of one file to those of another."""
    from prometheus_client.mmap_dict import MmapedDict

    of_library: Any = MmapedDict  # it has no types
    total = of_library(str(to))
    try:
        for name, value in _values(counted):
            before, _ = total.read_value(name)
            total.write_value(name, before + value, 0.0)
    finally:
        total.close()


@lru_cache(maxsize=_NAMES_KEPT)
def _meaning(name: str) -> tuple[str, str, dict[str, str], str]:
    """Return family, series, labels and description of a name, as the library writes it; do not change them."""
    family, series, labels, about = json.loads(name)
    return family, series, labels, about


def _families(sums: Mapping[str, dict[str, float]]) -> Iterable["Metric"]:
    from prometheus_client import Metric
    from prometheus_client.samples import Sample

    found: dict[str, Metric] = {}
    for kind, of_kind in sums.items():
        type_ = kind.partition("_")[0]
        below: dict[tuple[tuple[str, str], ...], float] = {}  # so far, of the buckets of each series
        for name, value in of_kind.items():
            family, series, labels, about = _meaning(name)
            metric = found.get(family)
            if metric is None:
                metric = found[family] = Metric(family, about, type_)
            if _BOUND not in labels:
                metric.samples.append(Sample(series, labels, value))
                continue
            key = _without_bound(name)
            below[key] = so_far = below.get(key, 0.0) + value  # a series has its bounds in order
            metric.samples.append(Sample(series, labels, so_far))
            if labels[_BOUND] == "+Inf":
                metric.samples.append(Sample(f"{family}_count", dict(key[1:]), so_far))
    return found.values()


@lru_cache(maxsize=_NAMES_KEPT)
def _without_bound(name: str) -> tuple[tuple[str, str], ...]:
    family, _, labels, _ = _meaning(name)
    return (("", family), *((label, value) for label, value in labels.items() if label != _BOUND))
