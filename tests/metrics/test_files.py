"""What several processes counted is added up as the library does, also when they have ended."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.multiprocess import MultiProcessCollector

from backstage_py.metrics.files import Files
from tests import patience

_COUNTS = """
import os, random, sys
from backstage_py.metrics import collecting, instruments
with collecting.collected_in(sys.argv[1]):
    chance = random.Random(sys.argv[2])
    for one in instruments.declared():
        for _ in range(0 if one.is_shared else 5):
            labels = [chance.choice('abc') + '"' for _ in one.labels]
            tell = {"counter": lambda: one.inc(*labels), "gauge": lambda: one.set(chance.randint(0, 9), *labels)}
            tell.get(str(one.kind), lambda: one.observe(chance.randint(0, 99) / 8, *labels))()
    print(os.getpid())
"""
Row = tuple[str, str, str, str, tuple[tuple[str, str], ...]]


def count(folder: Path, seed: str) -> int:
    """Let a process count; its id is returned."""
    done = subprocess.run(
        [sys.executable, "-c", _COUNTS, str(folder), seed],
        capture_output=True,
        text=True,
        check=True,
        timeout=patience.SECONDS,
    )
    return int(done.stdout)


def rows(families: Iterable[Any]) -> dict[Row, float]:
    return {
        (one.name, one.type, one.documentation, sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for one in families
        for sample in one.samples
    }


def of_library(folder: Path) -> dict[Row, float]:
    merge: Any = MultiProcessCollector.merge
    return rows(merge([str(path) for path in folder.glob("*.db") if path.stat().st_size]))


@pytest.fixture
def pids(tmp_path: Path) -> list[int]:
    return [count(tmp_path, seed) for seed in "12"]


def test_the_sum_is_the_librarys_and_stays_when_processes_end(tmp_path: Path, pids: list[int]) -> None:
    (tmp_path / "counter_1.db").touch()  # of a process that begins just now
    files = Files(tmp_path)
    found = rows(files.collect())
    assert found == of_library(tmp_path)
    assert {kind for _, kind, *_ in found} == {"counter", "gauge", "histogram", "summary"}
    for pid in pids:
        files.forget(pid)
    kept = {row: value for row, value in found.items() if row[1] != "gauge"}
    assert rows(files.collect()) == of_library(tmp_path) == kept
    assert {path.stem for path in tmp_path.iterdir()} == {
        "counter_1",
        "counter_dead",
        "histogram_dead",
        "summary_dead",
    }


def test_a_file_that_was_cut_off_is_dropped_with_its_process(tmp_path: Path, pids: list[int]) -> None:
    files = Files(tmp_path)
    broken = tmp_path / f"counter_{pids[0]}.db"
    broken.write_bytes(broken.read_bytes()[:64])
    files.forget(pids[0])
    files.forget(pids[1])
    assert rows(files.collect()) == of_library(tmp_path)
    assert not broken.exists()
