"""How long steps take in pods, beside a process of the service: ``python -m tests.execution_api.bench``.

On the cluster of BACKSTAGE_PY_TEST_KUBECONFIG. Numbers are printed, nothing is asserted.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from backstage_py.scaffolder.executors.choice import RunFacts
from backstage_py.scaffolder.executors.kubernetes import workspace
from backstage_py.scaffolder.executors.process.executor import ProcessExecutor
from backstage_py.settings.sections import ProcessSettings
from backstage_py.testing.runner import Log
from tests.cluster.cluster import KubeCluster
from tests.deploy import built
from tests.execution_api import bench_tasks, real
from tests.execution_api.real import Real

SOURCE = Path(__file__).parent / "actions" / "steps.py"
_ROUNDS = 20
_FILES = 500


class Sent:
    """What of workspaces travelled."""

    def __init__(self) -> None:
        self.bytes: Counter[str] = Counter()

    def inc(self, direction: str, _way: str, amount: int) -> None:
        self.bytes[direction] += amount


async def timed(run: Callable[[], Awaitable[None]]) -> float:
    """Return milliseconds."""
    began = time.perf_counter()
    await run()
    return (time.perf_counter() - began) * 1000


def say(what: str, found: list[float]) -> None:
    """Print half and 95 %."""
    ordered = sorted(found)
    half, most = statistics.median(ordered), ordered[min(len(ordered) - 1, round(len(ordered) * 0.95))]
    sys.stdout.write(f"{what}: p50 {half:.0f} ms, p95 {most:.0f} ms ({len(ordered)} steps)\n")


async def cold(on: Real) -> None:
    """A Job for each step."""
    say("no-op step, a Job of its own", [await timed(lambda: on.run("pods:nothing")) for _ in range(_ROUNDS)])


async def warm(on: Real) -> None:
    """A pod that waits for each step."""
    found = []
    for _ in range(_ROUNDS):
        while not on.executor.has_warm_pod:  # noqa: ASYNC110  # a pod's work
            await asyncio.sleep(0.05)
        found.append(await timed(lambda: on.run("pods:nothing")))
    say("no-op step, a warm pod", found)


async def kept(on: Real) -> None:
    """One pod for the steps of a task, and what travels."""
    folder = on.workspace / "many"
    folder.mkdir()
    for number in range(_FILES):
        (folder / f"{number}").write_bytes(os.urandom(2_000))
    sent = Sent()
    setattr(workspace, "WORKSPACE_BYTES", sent)  # noqa: B010  # in the place of the counter
    await on.run("pods:nothing", each_step=False)
    sys.stdout.write(
        f"workspace of {_FILES} files, 1 MB: {sent.bytes['down']:.0f} bytes down, {sent.bytes['up']:.0f} up\n"
    )
    (folder / "1").write_text("changed")
    sent.bytes.clear()
    await on.run("pods:nothing", each_step=False)
    sys.stdout.write(
        f"next step, one small file changed: {sent.bytes['down']:.0f} bytes down, {sent.bytes['up']:.0f} up\n"
    )
    for one in folder.iterdir():
        one.unlink()
    found = [await timed(lambda: on.run("pods:nothing", each_step=False)) for _ in range(10 * _ROUNDS)]
    say("no-op step, in the pod of its task", found)
    await on.run_pods(each_step=False).close()


async def lines(on: Real) -> None:
    """How late lines of a step are in its log here."""
    arrived: list[float] = []

    class Timed(Log):
        def info(self, message: str) -> None:
            arrived.append(time.time())
            super().info(message)

    on.step.log = Timed()
    await on.run("pods:says", {"times": 10 * _ROUNDS})
    said = [float(one) for one in on.log]
    late = sorted((there - then) * 1000 for then, there in zip(said, arrived[-len(said) :], strict=True))
    sys.stdout.write(f"line of a pod in the step's log: p50 {late[len(late) // 2]:.1f} ms, {late[-1]:.0f} at most\n")


async def local(on: Real) -> None:
    """The process of a task beside the service."""
    executor = ProcessExecutor(ProcessSettings(), SOURCE.parent, reloads=False)
    run = executor.of_run(RunFacts("task-local", claim=1), each_step=False)
    action = on.actions["pods:nothing"]

    async def once() -> None:
        execution = run.start(action, on.step.context({}))
        try:
            await execution.ended
        finally:
            await execution.close()

    try:
        await once()
        say("no-op step, in a process of the service", [await timed(once) for _ in range(10 * _ROUNDS)])
    finally:
        await run.close()
        await executor.close()


async def main() -> None:
    """Measure all of it."""
    kube = KubeCluster(Path(os.environ["BACKSTAGE_PY_TEST_KUBECONFIG"]).resolve())
    image = os.environ.get("BACKSTAGE_PY_TEST_STEP_IMAGE") or built.load(kube, built.images(), built.NAME)
    small = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}}
    sys.stdout.write(f"load of the machine: {os.getloadavg()[0]:.1f}\n")
    with tempfile.TemporaryDirectory() as folder:
        for name, measures, changes in (("cold", (cold, kept, lines, local), {}), ("warm", (warm,), {"warm": 1})):
            place = Path(folder, name)
            place.mkdir()
            async with real.opened(kube, image, place, SOURCE, resources=small, **changes) as on:
                for one in measures:
                    await one(on)
    await bench_tasks.measure(kube, image)


if __name__ == "__main__":
    asyncio.run(main())
