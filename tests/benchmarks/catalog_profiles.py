"""How fast a catalog of some size is on SQLite and PostgreSQL: taking it in, and each query. Prints a table.

    python -m tests.benchmarks.catalog_profiles [--databases sqlite,postgresql]
        [--entities 1000,10000,100000,250000] [--tree FOLDER …]

One block for each database and number of entities: seconds until all of them and their relations in both directions
can be read, memory, processor time of the service and of PostgreSQL, then a line for each query (see ``catalog_load``)
with the milliseconds of its median and answers per second, one client and eight. The large ones take minutes. With
``--tree`` other checkouts are measured beside this one, in the same run: on a busy machine only ratios of one run say
something.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import yaml

from tests.benchmarks import catalog_load
from tests.benchmarks.scaffolder_profiles import cpu_seconds, database
from tests.contract.harness import free_port

_HERE = Path(__file__).resolve().parents[2]
KINDS = ["Component", "System", "Group", "Location"]


@contextlib.asynccontextmanager
async def service(tree: Path, kept: dict[str, str], files_port: int) -> AsyncIterator[tuple[str, int]]:
    """Run a checkout's service, and yield its address and process."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        config = {
            "backend": {
                "baseUrl": f"http://127.0.0.1:{port}",
                "listen": f"127.0.0.1:{port}",
                "workingDirectory": f"{folder}/work",
                "database": kept,
                "reading": {"allow": [{"host": f"127.0.0.1:{files_port}"}]},
            },
            "auth": {"providers": {"guest": {"dangerouslyAllowOutsideDevelopment": True}}},
            "catalog": {"rules": [{"allow": KINDS}]},
        }
        path = Path(folder) / "app-config.yaml"
        path.write_text(yaml.safe_dump(config))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tree), str(tree / "actions")))}
        with (Path(folder) / "log").open("w") as log:
            command = [sys.executable, "-m", "backstage_py.cli", "serve", "--config", str(path)]
            process = subprocess.Popen(command, cwd=tree, env=environment, stdout=log, stderr=log)
        try:
            await _ready(f"http://127.0.0.1:{port}/.backstage/health/v1/readiness")
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


async def _ready(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.2)


async def measure(tree: Path, kind: str, entities: int) -> None:
    """Measure one profile, and write each line as soon as it is known."""
    with database(kind) as (kept, server):
        before = cpu_seconds(server) if server else {}
        files_port = free_port()
        rates: dict[str, list[str]] = {}

        def tell(found: catalog_load.Measurement) -> None:
            if found["what"] == "ingest":
                spent = sum(seconds - before.get(one, 0.0) for one, seconds in cpu_seconds(server).items())
                _say(_heading(tree, kind, found) + (f", PostgreSQL's {spent:.1f} s" if server else ""))
                return
            row = rates.setdefault(found["what"], [])
            row.append(f"{found['p50_ms']:9.2f} ms {found['per_second']:9.1f}/s")
            if len(row) == 2:  # with one client and with eight
                _say(f"  {found['what']:26}{''.join(row)}")

        async with service(tree, kept, files_port) as (base, pid):
            await catalog_load.run_one(base, pid, entities, files_port, tell)


def _heading(tree: Path, kind: str, found: catalog_load.Measurement) -> str:
    return (
        f"{tree.name} {kind} {found['entities']} entities: first {found.get('first_s')} s, "
        f"all {found.get('all_s')} s, both ways {found.get('both_ways_s')} s, {found['rss_mib']} MiB, "
        f"load {found['load1']}, processor time {found['cpu_s']} s"
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--entities", default="1000,10000,100000,250000")
    parser.add_argument("--tree", type=Path, action="append", default=[])
    asked = parser.parse_args()
    for kind in asked.databases.split(","):
        for entities in map(int, asked.entities.split(",")):
            for tree in [_HERE, *asked.tree]:
                asyncio.run(measure(tree.resolve(), kind, entities))


if __name__ == "__main__":
    main()
