"""Whole tasks of a service whose steps run in pods: how many an hour, and how late their lines are at a client."""

import sys
import tempfile
import time
from pathlib import Path

from tests.cluster.cluster import KubeCluster
from tests.execution_api import proof
from tests.execution_api.proof import Proof

_TASKS = 24
_LINES = 100


async def measure(kube: KubeCluster, image: str) -> None:
    """Print both, with Jobs that are made when they are needed and with pods that wait."""
    for name, changes in (("cold", {}), ("warm", {"warmPods": 4})):
        with tempfile.TemporaryDirectory() as folder:
            async with proof.opened(kube, image, Path(folder), count=1, pause=0.0, **changes) as on:
                await _rate(on, name)
                await _lines(on, name)


async def _rate(on: Proof, name: str) -> None:
    await on.run(2, 2)
    began = time.monotonic()
    await on.run(_TASKS, 8)
    rate = _TASKS / (time.monotonic() - began) * 3600
    assert await on.problems() == []
    sys.stdout.write(f"tasks of {proof.STEPS} steps, {name}: {rate:.0f} an hour\n")


async def _lines(on: Proof, name: str) -> None:
    """Follow a task as a client does, by its event stream, and compare when its lines came with what they say."""
    one = await on.tasks.start("tells", {"lines": _LINES})
    late = []
    async for event in on.replicas.client.follow(one.id, None):
        now = time.time()
        if (said := proof.said_at(event)) is not None:
            late.append((now - said) * 1000)
    assert len(late) == _LINES, late
    late.sort()
    half, most = late[len(late) // 2], late[round(len(late) * 0.95) - 1]
    sys.stdout.write(
        f"line of a pod at an open stream, {name}: p50 {half:.0f} ms, p95 {most:.0f} ms, {late[-1]:.0f} at most\n"
    )
