"""What a step costs that does nothing: python -m tests.benchmarks.noop_step

Tasks run one after the other on an SQLite file, seen by a client that creates them and follows their events. What a
task of twenty steps takes longer than one of a single step, divided by the nineteen more steps, is what a step costs,
events and records included. The task of a single step covers creation, claim, run and recorded completion as a whole.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from backstage_py import logging
from backstage_py.model.json import JsonObject
from backstage_py.plugin import ActionContext, action
from tests.scaffolder.harness import World, body, template, world

TASKS, STEPS, WARM_UP = 40, 20, 3
WANTED = 3.0  # milliseconds, the project's goal


@action("bench:noop", {"type": "object"})
async def noop_async(_ctx: ActionContext[JsonObject]) -> None:
    """Do nothing, on an event loop of its own."""


@action("bench:noop-thread", {"type": "object"})
def noop_thread(_ctx: ActionContext[JsonObject]) -> None:
    """Do nothing, in a thread."""


noop_built_in = replace(noop_async, id="bench:noop-built-in", is_trusted_on_loop=True)


async def _milliseconds(site: World, action_id: str, steps: int) -> tuple[float, float]:
    """Return the median time of a task, and the processor's time for one."""
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


async def main() -> bool:
    """Measure and print; tell whether the goal is met."""
    met = True
    with tempfile.TemporaryDirectory() as folder:
        async with world(Path(folder), noop_async, noop_thread, noop_built_in) as site:
            for id_ in ("bench:noop", "bench:noop-thread", "bench:noop-built-in"):
                (one, one_cpu), (many, many_cpu) = [await _milliseconds(site, id_, n) for n in (1, STEPS)]
                step, cpu = (many - one) / (STEPS - 1), (many_cpu - one_cpu) / (STEPS - 1)
                met = met and step < WANTED
                found = {"step_ms": step, "step_cpu_ms": cpu, "task_of_one_ms": one, "goal_ms": WANTED}
                sys.stdout.write(json.dumps({"action": id_, **{k: round(v, 2) for k, v in found.items()}}) + "\n")
    return met


if __name__ == "__main__":
    logging.configure("error")
    sys.exit(not asyncio.run(main()))
