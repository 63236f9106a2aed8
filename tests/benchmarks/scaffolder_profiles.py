"""How fast tasks are on SQLite and PostgreSQL, with worker processes beside the service or without. Prints a table.

    python -m tests.benchmarks.scaffolder_profiles [--databases sqlite,postgresql] [--workers 0,1,2,4]
        [--streams 1,100,1000,3000] [--queued 10,100,1000] [--tasks 100] [--tree FOLDER …]

One line for each database and number of workers: tasks per second that ten clients create and follow, milliseconds from
POST to completion when idle, processor time of a task in the service and in PostgreSQL, then for each number of event
streams the milliseconds until all of them have seen one task's completion, and for each number of tasks that are
created at once how many end per second. With ``--tree`` other checkouts are measured beside this one, in the same run:
on a busy machine only ratios of one run say something.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml

from tests.benchmarks import scaffolder_load as load
from tests.contract.harness import free_port
from tests.storage.postgres import postgres

CONCURRENCY, SINGLE = 10, 20
_HERE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is measured of each profile."""

    tasks: int
    streams: Sequence[int]
    queued: Sequence[int]


@contextlib.contextmanager
def database(kind: str) -> Iterator[tuple[dict[str, str], int | None]]:
    """Yield the configuration of an empty database, and the process of its server."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield {"client": "better-sqlite3", "connection": f"{folder}/tasks.sqlite"}, None
        return
    with postgres() as server:
        url = server.new_database("tasks").replace("+psycopg", "")
        found = subprocess.run(
            ["pgrep", "-f", f"postgres .*-p {server.port}"], capture_output=True, text=True, check=False
        )
        yield {"client": "pg", "connection": url}, int(found.stdout.split()[0]) if found.stdout else None


def cpu_seconds(root: int | None) -> dict[int, float]:
    """Return the processor time of a process and those below it."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout.split()[2:]
    parents = {int(pid): int(parent) for pid, parent in zip(listed[::2], listed[1::2], strict=True)}
    found: dict[int, float] = {}
    for pid in parents:
        above: int | None = pid
        while above is not None and above != root:
            above = parents.get(above)
        if above is not None:
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                found[pid] = sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return found


def spent(root: int | None, before: dict[int, float], tasks: int) -> float:
    """Return the milliseconds of processor time that each task took since then."""
    now = cpu_seconds(root)
    return round(sum(seconds - before.get(pid, 0.0) for pid, seconds in now.items()) * 1000 / tasks, 1)


@contextlib.asynccontextmanager
async def service(tree: Path, kept: dict[str, str], workers: int) -> AsyncIterator[tuple[load.Server, int]]:
    """Run a checkout's service, and yield it with its process."""
    with tempfile.TemporaryDirectory() as folder:
        load.write_skeleton(Path(folder) / "template")
        port = free_port()
        config = {
            "backend": {
                "baseUrl": f"http://127.0.0.1:{port}",
                "listen": f"127.0.0.1:{port}",
                "workingDirectory": f"{folder}/work",
                "database": kept,
            },
            "auth": {"providers": {"guest": {"dangerouslyAllowOutsideDevelopment": True}}},
            "catalog": {
                "locations": [{"type": "file", "target": f"{folder}/template/template.yaml"}],
                "rules": [{"allow": ["Template"]}],
            },
        }
        path = Path(folder) / "app-config.yaml"
        path.write_text(yaml.safe_dump(config))
        command = [sys.executable, "-m", "backstage_py.cli", "serve", "--config", str(path), "--workers", str(workers)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tree), str(tree / "actions")))}
        with (Path(folder) / "log").open("w") as log:
            process = subprocess.Popen(command, cwd=tree, env=environment, stdout=log, stderr=log)
        try:
            async with _signed_in(f"http://127.0.0.1:{port}") as session:
                yield load.Server(session, process.pid), process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


@contextlib.asynccontextmanager
async def _signed_in(base: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(base) as anonymous:
        while not await _answers(anonymous, "/.backstage/health/v1/readiness"):  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.2)
        async with anonymous.post("/api/auth/guest/refresh") as answer:
            token = (await answer.json())["backstageIdentity"]["token"]
    headers, unbounded = {"authorization": f"Bearer {token}"}, aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(base, headers=headers, connector=unbounded) as session:
        while not await _answers(session, "/api/catalog/entities/by-name/template/default/bench"):  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.2)
        yield session


async def _answers(session: aiohttp.ClientSession, path: str) -> bool:
    try:
        async with session.get(path) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def followed(server: load.Server, streams: int) -> float:
    """Return the milliseconds from a task's POST until so many streams have seen its completion."""
    begin = time.perf_counter()
    task_id = await server.create(0)

    async def one() -> None:
        async for _ in server.follow(task_id):
            pass

    await asyncio.gather(*(one() for _ in range(streams)))
    return (time.perf_counter() - begin) * 1000


async def burst(server: load.Server, tasks: int) -> float:
    """Return how many tasks end per second when so many are created at once."""
    begin = time.perf_counter()
    await asyncio.gather(*(server.run_task(number) for number in range(tasks)))
    return tasks / (time.perf_counter() - begin)


async def measure(tree: Path, kind: str, workers: int, wanted: Wanted) -> dict[str, object]:
    """Measure one profile."""
    with database(kind) as (kept, pid):
        async with service(tree, kept, workers) as (server, service_pid):
            await load._at_once(server.run_task, 5, 1)
            _, single = await load._at_once(server.run_task, SINGLE, 1)
            before, before_server = cpu_seconds(service_pid), cpu_seconds(pid)
            seconds, _ = await load._at_once(server.run_task, wanted.tasks, CONCURRENCY)
            row: dict[str, object] = {
                "tree": tree.name,
                "database": kind,
                "workers": workers,
                "tasks/s": round(wanted.tasks / seconds, 1),
                "idle ms": load._spread(single)["p50"],
                "cpu ms": spent(service_pid, before, wanted.tasks),
                "server cpu ms": spent(pid, before_server, wanted.tasks) if pid else "",
            }
            for streams in wanted.streams:
                row[f"{streams} streams ms"] = round(await followed(server, streams))
            for tasks in wanted.queued:
                row[f"{tasks} queued/s"] = round(await burst(server, tasks), 1)
            return row


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--workers", type=_numbers, default=[0, 1, 2, 4])
    parser.add_argument("--streams", type=_numbers, default=[1, 100, 1000, 3000])
    parser.add_argument("--queued", type=_numbers, default=[10, 100, 1000])
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--tree", type=Path, action="append", default=[])
    asked = parser.parse_args()
    wanted = Wanted(asked.tasks, asked.streams, asked.queued)
    heading: list[str] = []
    for kind in asked.databases.split(","):
        for workers in asked.workers:
            for tree in [_HERE, *asked.tree]:
                row = asyncio.run(measure(tree.resolve(), kind, workers, wanted))
                if not heading:
                    heading = list(row)
                    sys.stdout.write(" | ".join(heading) + "\n")
                sys.stdout.write(
                    " | ".join(str(row[name]).rjust(len(name)) for name in heading)
                    + f"   load {os.getloadavg()[0]:.1f}\n"
                )
                sys.stdout.flush()


if __name__ == "__main__":
    main()
