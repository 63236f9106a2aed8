"""What a snapshot of a workspace costs behind a step: python -m tests.benchmarks.snapshots

A workspace of 5,000 files (10 MB), on an SQLite file and on PostgreSQL: behind the step that wrote them, behind steps
that changed nothing, one file, or all of them, and bringing it back. An archive of all files, as each step took one
before, is made in the same run for comparison.
"""

import asyncio
import contextlib
import io
import json
import random
import statistics
import sys
import tarfile
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from backstage_py import logging
from tests.scaffolder.harness import database_url
from tests.scaffolder.test_snapshots import Keeping, keeping, settle
from tests.storage.postgres import postgres

FILES, SIZE, TIMES = 5_000, 2_000, 7
Work = Callable[[int], Awaitable[object]]


def _write(folder: Path, files: range) -> None:
    words = [f"word{number}" for number in range(2_000)]
    for number in files:
        target = folder / f"d{number % 50}" / f"f{number}.txt"
        target.parent.mkdir(exist_ok=True)
        target.write_text(" ".join(random.choices(words, k=SIZE // 8)))


async def _milliseconds(times: int, prepare: Callable[[int], object], work: Work) -> float:
    """Return the median time of some work; what is prepared for it does not count."""
    taken = []
    for number in range(times):
        prepare(number)
        began = time.perf_counter()
        await work(number)
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def _archive(folder: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(), mode="w:gz", compresslevel=1) as archive:
        archive.add(folder, arcname=".")


async def _measured(k: Keeping, folder: Path) -> dict[str, float]:
    take = await k.taker()
    _write(k.folder, range(FILES))
    settle(k.folder)
    found = {"first": await _milliseconds(1, lambda _: None, take)}
    position = iter(range(1, 1_000))
    step: Work = lambda _: take(next(position))  # noqa: E731  # one line says it
    found["nothing_changed"] = await _milliseconds(TIMES, lambda _: None, step)
    found["one_changed"] = await _milliseconds(TIMES, lambda number: _write(k.folder, range(number, number + 1)), step)
    found["all_changed"] = await _milliseconds(TIMES, lambda _: _write(k.folder, range(FILES)), step)
    found["restored"] = await _milliseconds(1, lambda _: None, lambda number: k.restored(999, folder / f"r{number}"))
    return found


async def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        for kind in ("sqlite", "postgresql"):
            folder = Path(name, kind)
            folder.mkdir()
            if kind == "postgresql":
                database_url.set(stack.enter_context(postgres()).new_database("snapshots"))
            async with keeping(folder) as k:
                found = await _measured(k, folder)
                found["archive"] = await _milliseconds(
                    1, lambda _: None, lambda _: asyncio.to_thread(_archive, k.folder)
                )
            sys.stdout.write(json.dumps({"database": kind, **{key: round(ms, 1) for key, ms in found.items()}}) + "\n")


if __name__ == "__main__":
    logging.configure("error")
    asyncio.run(main())
