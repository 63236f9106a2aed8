"""What of workspaces the service moves itself, over HTTP and over a bucket.

``python -m tests.execution_api.bench_bucket``

Three pods of one attempt, each with a step of its own that changes one small file of 500; no cluster is needed. Numbers
are printed, nothing is asserted.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from backstage_py.disk import MIB
from backstage_py.execution.carrier import Carrier
from backstage_py.execution.http_calls import Calls
from backstage_py.folders.receiving import Bounds
from backstage_py.scaffolder.executors.kubernetes import depots, workspace
from backstage_py.scaffolder.executors.kubernetes.depots import Depots
from backstage_py.settings.sections.kubernetes_executor import BucketSettings
from tests import s3
from tests.execution_api import talking

_PODS = 3


class Moved:
    """Takes the place of the counter."""

    def __init__(self) -> None:
        self.bytes: Counter[str] = Counter()

    def inc(self, direction: str, _way: str, amount: int) -> None:
        self.bytes[direction] += amount


def fill(root: Path, size: int) -> None:
    for number in range(500):
        (root / f"{number}").write_bytes(os.urandom(size // 500))


async def measured(way: str, found: Depots | None, size: int) -> None:
    moved = Moved()
    for one in (workspace, depots):
        setattr(one, "WORKSPACE_BYTES", moved)  # noqa: B010  # in the place of the counter
    with tempfile.TemporaryDirectory() as folder:
        async with talking.serving(Path(folder), found, Bounds(1000 * MIB, 10_000)) as api:
            began = 0.0
            for number in range(_PODS):
                key = f"task-{way}.1.{number}.0"
                _, token = await api.opened(key)
                root = api.contents[f"task-{way}", "1"].root
                if number == 0:
                    fill(root, size)
                    began = time.perf_counter()
                carrier = Carrier(Calls(f"{api.talker.url}/{key}", token), Path(folder) / f"pod-{number}")
                await asyncio.to_thread(carrier.fetch)
                (Path(folder) / f"pod-{number}" / "1").write_text(f"changed {number}")
                await asyncio.to_thread(carrier.send)
            seconds = time.perf_counter() - began
    told = f"{moved.bytes['down']:,} bytes down, {moved.bytes['up']:,} up, {seconds:.2f} s"
    sys.stdout.write(f"{size // MIB} MiB, {_PODS} pods, {way}: {told}\n")


async def main() -> None:
    """Measure all of it."""
    sys.stdout.write(f"load of the machine: {os.getloadavg()[0]:.1f}\n")
    with s3.serving() as server:
        server.new_bucket("steps")
        settings = BucketSettings(
            bucket="steps",
            region=s3.REGION,
            endpoint=server.url,
            access_key_id="service",
            secret_access_key=s3.SECRET,
        )
        for size in (MIB, 10 * MIB):
            await measured("http", None, size)
            await measured("s3", Depots(settings, "bench"), size)


if __name__ == "__main__":
    asyncio.run(main())
