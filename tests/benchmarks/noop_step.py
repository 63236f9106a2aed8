"""What a step costs that does nothing: python -m tests.benchmarks.noop_step

Tasks run one after the other on an SQLite file, seen by a client that creates them and follows their events. What a
task of twenty steps takes longer than one of a single step, divided by the nineteen more steps, is what a step costs,
events and records included. The task of a single step covers creation, claim, run and recorded completion as a whole;
with actions of others a process is forked for it. How long the first such step of a service takes, which starts the
zygote, and what zygote and process have in memory stands in a line of its own.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from backstage_py import logging
from backstage_py.plugin import load_plugins
from backstage_py.scaffolder.executors.process.executor import ProcessExecutor
from backstage_py.settings.sections import ScaffolderSettings
from tests.benchmarks.actions.noop import noop_async
from tests.scaffolder.harness import World, body, template, world

TASKS, STEPS, WARM_UP = 40, 20, 3
WANTED = 3.0  # milliseconds, the project's goal
ACTIONS = Path(__file__).with_name("actions")

noop_built_in = replace(noop_async, id="bench:noop-built-in", is_trusted_on_loop=True)
IDS = ("bench:noop-built-in", "bench:noop", "bench:noop-plain")


async def _milliseconds(site: World, action_id: str, steps: int) -> tuple[float, float]:
    """Return the median time of a task, and the processor's time of the service for one."""
    entity = template(
        *({"id": f"s{n}", "action": action_id, "input": {}} for n in range(steps)), name=f"t{steps}{action_id[-1]}"
    )
    times = []
    worked = time.process_time()
    for number in range(TASKS + WARM_UP):
        started = time.perf_counter()
        events = await site.run(entity)
        taken = (time.perf_counter() - started) * 1000
        assert body(events[-1])["message"] == "Run completed with status: completed"
        if number >= WARM_UP:
            times.append(taken)
    return statistics.median(times), (time.process_time() - worked) * 1000 / (TASKS + WARM_UP)


async def _first(site: World) -> Mapping[str, float]:
    """Return what the first action of others costs that a service runs."""
    process = site.scaffolder.executors.elsewhere["process"]
    assert isinstance(process, ProcessExecutor)
    started = time.perf_counter()
    await site.run(template({"id": "a", "action": "bench:noop", "input": {}}, name="first"))
    first = (time.perf_counter() - started) * 1000
    assert process.zygote.pid
    zygote = _memory(process.zygote.pid)
    return {"first_step_of_a_service_ms": first, "zygote_mib": zygote["Rss"], "zygote_own_mib": zygote["Pss"]}


def _memory(pid: int) -> Mapping[str, float]:
    """Return the MiB of a process: all it has (``Rss``), and its share of what it shares with others (``Pss``)."""
    found = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return {words[0].removesuffix(":"): int(words[1]) / 1024 for words in found}


async def main() -> bool:
    """Measure and print; tell whether the goal is met."""
    met, built_in = True, 0.0
    registry = load_plugins(ACTIONS).actions
    with tempfile.TemporaryDirectory() as folder:
        settings = ScaffolderSettings(actions_folder=ACTIONS)
        async with world(Path(folder), noop_built_in, settings=settings, registry=registry) as site:
            _print(await _first(site))
            for id_ in IDS:
                (one, one_cpu), (many, many_cpu) = [await _milliseconds(site, id_, n) for n in (1, STEPS)]
                step, cpu = (many - one) / (STEPS - 1), (many_cpu - one_cpu) / (STEPS - 1)
                met = met and step < WANTED
                built_in = built_in or step
                found = {"step_ms": step, "step_cpu_ms": cpu, "task_of_one_ms": one, "times_inline": step / built_in}
                _print({"action": id_, **found, "goal_ms": WANTED})
    return met


def _print(found: Mapping[str, object]) -> None:
    shown = {name: round(value, 2) if isinstance(value, float) else value for name, value in found.items()}
    sys.stdout.write(json.dumps(shown) + "\n")


if __name__ == "__main__":
    logging.configure("error")
    sys.exit(not asyncio.run(main()))
