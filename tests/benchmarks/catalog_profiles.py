"""How fast a catalog of some size is on SQLite and PostgreSQL: taking it in, and each query. Prints JSON lines.

    python -m tests.benchmarks.catalog_profiles [--databases sqlite,postgresql] [--entities 1000,10000]
        [--tree FOLDER …]

Larger ones take minutes: ``--entities 100000,250000``. With ``--tree`` other checkouts are measured beside this one, in
the same run: on a busy machine only ratios of one run say something. What the lines hold is said in ``catalog_load``;
``server_cpu_s`` is the processor time of PostgreSQL for all of a profile.
"""

import argparse
import asyncio
import contextlib
import json
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
    """Measure one profile."""
    with database(kind) as (kept, server):
        before = cpu_seconds(server) if server else {}
        files_port = free_port()
        async with service(tree, kept, files_port) as (base, pid):
            sys.stdout.write(json.dumps({"tree": tree.name, "database": kind, "entities": entities}) + "\n")
            await catalog_load.run_one(base, pid, entities, files_port)
        if server:
            spent = sum(seconds - before.get(one, 0.0) for one, seconds in cpu_seconds(server).items())
            sys.stdout.write(json.dumps({"server_cpu_s": round(spent, 2)}) + "\n")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--entities", default="1000,10000")
    parser.add_argument("--tree", type=Path, action="append", default=[])
    asked = parser.parse_args()
    for kind in asked.databases.split(","):
        for entities in map(int, asked.entities.split(",")):
            for tree in [_HERE, *asked.tree]:
                asyncio.run(measure(tree.resolve(), kind, entities))


if __name__ == "__main__":
    main()
