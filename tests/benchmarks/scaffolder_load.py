"""How fast a scaffolder is, seen by a client: the same load against this service and against a real Backstage.

    python -m tests.benchmarks.scaffolder_load skeleton FOLDER      writes the template ``bench`` with 20 files
    python -m tests.benchmarks.scaffolder_load run BASE_URL [BASE_URL …] [--pid N …]

    python -m tests.benchmarks.scaffolder_load run OURS BACKSTAGE --pid OURS --pid BACKSTAGE      with ratios at the end

Each server must have ``FOLDER/template.yaml`` in its catalog and offer guest sign-in. Servers are measured one after
the other, in several rounds, so that a busy machine is seen in the difference; the ratios compare the first server
with each of the others over all rounds, as medians. Numbers go to standard output as JSON lines:
tasks per second over event streams at concurrency 10 and when all are created at once, milliseconds from POST to the
completion event when idle, dry-runs per second, and the server's memory and processor time if its process id is given.
"""

import argparse
import asyncio
import base64
import json
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

TASKS, CONCURRENCY, SINGLE, DRY_RUNS, WARM_UP = 200, 10, 20, 100, 3
TEMPLATE = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata:
  name: bench
  title: Bench
spec:
  owner: team-a
  type: service
  parameters:
    - title: Basics
      required: [name]
      properties:
        name: {title: Name, type: string}
        port: {title: Port, type: number, default: 8080}
  steps:
    - id: fetch
      name: Fetch
      action: fetch:template
      input:
        url: ./skeleton
        values:
          name: ${{ parameters.name }}
          port: ${{ parameters.port }}
    - id: log
      name: Log
      action: debug:log
      input:
        message: made ${{ parameters.name }}
    - id: rename
      name: Rename
      action: fs:rename
      input:
        files:
          - from: README.md
            to: docs/README.md
"""


def skeleton() -> dict[str, str]:
    """Return 20 files: text with expressions, a loop and a condition, some of them in folders with templated names."""
    files = {"README.md": "# ${{ values.name }}\n\nListens on ${{ values.port }}.\n" + "More to read.\n" * 20}
    for number in range(12):
        lines = [f"const value{line} = '${{{{ values.name }}}}-{line}';" for line in range(15)]
        files[f"src/${{{{ values.name }}}}/part{number}.js"] = "\n".join(lines) + "\n"
    for number in range(7):
        files[f"deploy/part{number}.yaml"] = (
            "name: ${{ values.name }}\n"
            "{% if values.port > 80 %}port: ${{ values.port }}{% else %}port: 80{% endif %}\n"
            "{% for n in [1, 2, 3, 4] %}- item${{ n }}: ${{ values.name | upper }}\n{% endfor %}"
        )
    return files


CONTENTS = [
    {"path": f"skeleton/{path}", "base64Content": base64.b64encode(text.encode()).decode()}
    for path, text in skeleton().items()
]


def write_skeleton(folder: Path) -> None:
    """Write the template and its skeleton."""
    for path, text in skeleton().items():
        target = folder / "skeleton" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    (folder / "template.yaml").write_text(TEMPLATE)


@dataclass
class Server:
    """A server under load."""

    session: aiohttp.ClientSession
    pid: int | None

    async def create(self, number: int) -> str:
        body = {"templateRef": "template:default/bench", "values": {"name": f"bench-{number}", "port": 8080}}
        async with self.session.post("/api/scaffolder/v2/tasks", json=body) as answer:
            assert answer.status == 201, await answer.text()
            return str((await answer.json())["id"])

    async def follow(self, task_id: str) -> AsyncIterator[str]:
        """Yield the types of a task's events as they come."""
        url = f"/api/scaffolder/v2/tasks/{task_id}/eventstream"
        async with self.session.get(url, headers={"accept": "text/event-stream"}) as answer:
            assert answer.status == 200, await answer.text()
            async for line in answer.content:
                if line.startswith(b"event: "):
                    yield line[7:].decode().strip()

    async def run_task(self, number: int) -> float:
        """Run a task and return the milliseconds from its POST to its completion event."""
        begin = time.perf_counter()
        task_id = await self.create(number)
        async for kind in self.follow(task_id):
            if kind == "completion":
                return (time.perf_counter() - begin) * 1000
        raise AssertionError("the stream ended without a completion")

    async def template(self) -> dict[str, Any]:
        """Return the template that dry-runs try."""
        async with self.session.get("/api/catalog/entities/by-name/template/default/bench") as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def dry_run(self, template: dict[str, Any], number: int) -> float:
        """Try a template with the skeleton beside it and return the milliseconds that it took."""
        values = {"name": f"dry-{number}", "port": 80}
        body = {"template": template, "values": values, "secrets": {}, "directoryContents": CONTENTS}
        begin = time.perf_counter()
        async with self.session.post("/api/scaffolder/v2/dry-run", json=body) as answer:
            found = await answer.json()
            assert len(found.get("directoryContents", ())) == len(CONTENTS), found
        return (time.perf_counter() - begin) * 1000

    def usage(self) -> dict[str, float]:
        """Return resident memory and processor time of the server so far."""
        if self.pid is None:
            return {}
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        ticks = os.sysconf("SC_CLK_TCK")
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return {
            "cpu_s": (int(fields[11]) + int(fields[12])) / ticks,
            "rss_mib": pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        }


async def _at_once(work: Callable[[int], Awaitable[float]], count: int, concurrency: int) -> tuple[float, list[float]]:
    """Do work ``count`` times, so many at once; return the seconds of it all and the milliseconds of each."""
    numbers = iter(range(count))
    took: list[float] = []

    async def worker() -> None:
        for number in numbers:
            took.append(await work(number))  # noqa: PERF401  # one after the other is the point

    begin = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return time.perf_counter() - begin, took


async def measure(base: str, pid: int | None) -> dict[str, Any]:
    """Measure one server."""
    async with aiohttp.ClientSession(base) as anonymous, anonymous.post("/api/auth/guest/refresh") as answer:
        token = (await answer.json())["backstageIdentity"]["token"]
    headers = {"authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(base, headers=headers, connector=aiohttp.TCPConnector(limit=0)) as session:
        server = Server(session, pid)
        await _at_once(server.run_task, WARM_UP, 1)
        _, single = await _at_once(server.run_task, SINGLE, 1)
        before = server.usage()
        seconds, loaded = await _at_once(server.run_task, TASKS, CONCURRENCY)
        after = server.usage()
        burst_seconds, _ = await _at_once(server.run_task, TASKS, TASKS)
        try_it = partial(server.dry_run, await server.template())
        await _at_once(try_it, WARM_UP, 1)
        dry_seconds, dry = await _at_once(try_it, DRY_RUNS, 4)
    result: dict[str, Any] = {
        "base": base,
        "load": os.getloadavg()[0],
        "tasks_per_s": round(TASKS / seconds, 1),
        "burst_tasks_per_s": round(TASKS / burst_seconds, 1),
        "completion_ms_at_load": _spread(loaded),
        "completion_ms_idle": _spread(single),
        "dry_runs_per_s": round(DRY_RUNS / dry_seconds, 1),
        "dry_run_ms": _spread(dry),
    }
    if after:
        result["cpu_ms_per_task"] = round((after["cpu_s"] - before["cpu_s"]) * 1000 / TASKS, 1)
        result["rss_mib"] = round(server.usage()["rss_mib"], 1)
    return result


def ratios(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return how many times better the first server is than each other one: medians over its rounds."""
    bases = list(dict.fromkeys(one["base"] for one in results))
    return [
        {
            "ratio": f"{bases[0]} to {other}",
            "tasks_per_s": _ratio(results, bases[0], other, _named("tasks_per_s")),
            "burst_tasks_per_s": _ratio(results, bases[0], other, _named("burst_tasks_per_s")),
            "dry_runs_per_s": _ratio(results, bases[0], other, _named("dry_runs_per_s")),
            "completion_idle_p50": _ratio(results, other, bases[0], lambda one: one["completion_ms_idle"]["p50"]),
            **(
                {"cpu_per_task": _ratio(results, other, bases[0], _named("cpu_ms_per_task"))}
                if all("cpu_ms_per_task" in one for one in results)
                else {}
            ),
        }
        for other in bases[1:]
    ]


def _named(name: str) -> Callable[[dict[str, Any]], float]:
    return lambda one: float(one[name])


def _ratio(results: Sequence[dict[str, Any]], over: str, under: str, value: Callable[[dict[str, Any]], float]) -> float:
    top, bottom = (statistics.median(value(one) for one in results if one["base"] == base) for base in (over, under))
    return round(top / bottom, 1)


def _spread(milliseconds: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(milliseconds, n=100)
    return {"p50": round(cuts[49], 1), "p90": round(cuts[89], 1), "p99": round(cuts[98], 1)}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("skeleton").add_argument("folder", type=Path)
    run = commands.add_parser("run")
    run.add_argument("bases", nargs="+")
    run.add_argument("--pid", type=int, action="append", default=[])
    run.add_argument("--rounds", type=int, default=2)
    wanted = parser.parse_args()
    if wanted.command == "skeleton":
        write_skeleton(wanted.folder)
        return
    pids = [*wanted.pid, *[None] * len(wanted.bases)]
    results = []
    for _ in range(wanted.rounds):
        for base, pid in zip(wanted.bases, pids, strict=False):
            results.append(asyncio.run(measure(base, pid)))
            sys.stdout.write(json.dumps(results[-1]) + "\n")
            sys.stdout.flush()
    for compared in ratios(results):
        sys.stdout.write(json.dumps(compared) + "\n")


if __name__ == "__main__":
    main()
