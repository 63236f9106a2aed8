"""``./dev chaos``: replicas on PostgreSQL under faults at random, for as long as asked.

Prints the seed first. On failure it prints what was wrong with the history behind it, and keeps the folder of the run.
"""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.replicas import checks
from tests.replicas.cluster import cluster
from tests.replicas.storm import Storm, summary
from tests.storage.postgres import postgres


def main(arguments: list[str]) -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(prog="./dev chaos", description="Replicas on PostgreSQL under faults at random.")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--replicas", type=int, default=3, choices=(2, 3, 4))
    asked = parser.parse_args(arguments)
    sys.stdout.write(f"seed {asked.seed}, {asked.minutes:g} minutes, {asked.replicas} replicas\n")
    sys.stdout.flush()
    return asyncio.run(_run(asked.seed, asked.minutes * 60, asked.replicas))


async def _run(seed: int, seconds: float, replicas: int) -> int:
    folder = Path(tempfile.mkdtemp(prefix="backstage-py-chaos-"))
    with postgres(is_lasting=True) as server:
        async with cluster(server, folder, "chaos", replicas) as running:
            storm = Storm(running, seed, seconds)
            found = await storm.run()
            text = checks.report(running, found) if found else ""
    sys.stdout.write(
        f"{text}\n{summary(storm)}: {f'{len(found)} problems, files in {folder}' if found else 'all is well'}\n"
    )
    if not found:
        shutil.rmtree(folder)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
