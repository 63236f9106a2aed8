"""What a dry run of ten trivial steps takes in this process: python -m tests.benchmarks.dry_run

Each step writes a message with a parameter (``debug:log``); no store and no server is involved.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from backstage_py import logging
from backstage_py.plugin import Action, ActionRegistry, Services
from backstage_py.scaffolder.face import dryrun
from backstage_py.scaffolder.face.dryrun import DryRun
from backstage_py.scaffolder.run.action_gate import for_author
from backstage_py.scaffolder.run.equipment import Equipment
from backstage_py_actions import debug

RUNS, STEPS, WARM_UP = 300, 10, 10
TRIED = DryRun(
    {
        "apiVersion": "scaffolder.backstage.io/v1beta3",
        "parameters": {"name": "shop"},
        "user": {},
        "output": {},
        "steps": [
            {
                "id": f"s{n}",
                "name": f"s{n}",
                "action": "debug:log",
                "input": {"message": "hello ${{ parameters.name }}"},
            }
            for n in range(STEPS)
        ],
    },
    {"name": "t"},
    {},
    [],
)


def _equipment() -> Equipment:
    registry = ActionRegistry()
    for one in vars(debug).values():
        if isinstance(one, Action):
            registry.add(one)
    return Equipment(registry, Services())


async def main() -> None:
    """Measure and print."""
    equipment, times = _equipment(), []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(RUNS + WARM_UP):
            started = time.perf_counter()
            await dryrun.run(TRIED, equipment, gate=for_author(), working_directory=Path(folder))
            if number >= WARM_UP:
                times.append((time.perf_counter() - started) * 1000)
    found = {"median_ms": statistics.median(times), "least_ms": min(times)}
    sys.stdout.write(json.dumps({"steps": STEPS, **{name: round(value, 2) for name, value in found.items()}}) + "\n")


if __name__ == "__main__":
    logging.configure("error")
    asyncio.run(main())
