"""A node that dies under a step, on a real cluster: ``python -m tests.execution_api.lost_node``.

The kubelet of the kit's cluster is stopped and the step's pod is frozen, so that the cluster calls the node NotReady
and taints it; nothing is evicted, since it is the only one. The step must be given to another pod, which waits for a
node; when the node comes back the new pod runs, and the old one, which goes on where it was, is refused.
"""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.cluster.cluster import KubeCluster
from tests.deploy import built
from tests.execution_api import real
from tests.execution_api.bench import SOURCE
from tests.execution_api.real import Real


async def main() -> None:
    """Run it; an error is what went wrong."""
    kube = KubeCluster(Path(os.environ["BACKSTAGE_PY_TEST_KUBECONFIG"]).resolve())
    image = os.environ.get("BACKSTAGE_PY_TEST_STEP_IMAGE") or built.load(kube, built.images(), built.NAME)
    with tempfile.TemporaryDirectory() as folder:
        async with real.opened(kube, image, Path(folder), SOURCE) as on:
            await _prove(on)


async def _prove(on: Real) -> None:
    execution = on.start("pods:waits")
    await _until(lambda: "begun" in on.log, on)
    [old] = on.pods
    kubelet = int((on.kube.kubeconfig.parent / "kubelet.pid").read_text())
    inside = _processes(old["metadata"]["uid"])
    for pid in (kubelet, *inside):
        os.kill(pid, signal.SIGSTOP)
    try:
        await _until(lambda: _has_told("The cluster does not hear from the node of its pod", on), on)
        await _until(lambda: _has_told("and the cluster does not hear from its node; the step begins again", on), on)
        await _until(lambda: len(_jobs(on)) == 1 and _jobs(on) != [old["metadata"]["labels"]["job-name"]], on)
        await _until(lambda: _has_told("taint", on), on)
    finally:
        for pid in (kubelet, *inside):
            os.kill(pid, signal.SIGCONT)
    await execution.ended
    await execution.close()
    outputs = on.step.sink.outputs
    assert outputs["first"] == old["metadata"]["name"], outputs
    assert outputs["now"] != outputs["first"], outputs
    assert on.log.count("begun") == 2, on.log  # the old pod went on, and nobody listened
    sys.stdout.write("".join(f"{line}\n" for line in on.log))


def _has_told(words: str, on: Real) -> bool:
    return any(words in line for line in on.log)


def _jobs(on: Real) -> list[str]:
    return [one["metadata"]["name"] for one in on.jobs]


def _processes(pod_uid: str) -> list[int]:
    """Return the processes of a pod's containers."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal() and pod_uid in (folder / "cgroup").read_text():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


async def _until(is_there: Callable[[], bool], on: Real) -> None:
    try:
        async with asyncio.timeout(240):
            while not await asyncio.to_thread(is_there):  # noqa: ASYNC110  # a cluster's work
                await asyncio.sleep(0.5)
    except TimeoutError:
        raise AssertionError(on.log) from None


if __name__ == "__main__":
    asyncio.run(main())
