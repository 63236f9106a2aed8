"""Whole tasks whose steps run in real pods, while pods and replicas are killed; more of both in ``.ci/proof``."""

import asyncio
import os
import random
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cluster.cluster import KubeCluster
from tests.deploy import built
from tests.execution_api import proof

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(900)]  # the image may be built first


async def test_each_task_completes_once_while_pods_and_replicas_are_killed(kube: KubeCluster, tmp_path: Path) -> None:
    image = os.environ.get("BACKSTAGE_PY_TEST_STEP_IMAGE") or built.load(kube, built.images(), built.NAME)
    async with proof.opened(kube, image, tmp_path) as on:
        some = {name: proof.FAULTS[name] for name in ("pod killed", "replica killed")}
        faults = asyncio.create_task(on.disturb(random.Random(20), 3.0, some))
        await on.run(8, 4)
        faults.cancel()
        with suppress(asyncio.CancelledError):
            await faults
        for one in on.replicas.replicas:
            if not one.is_running:
                await one.start()
        await on.replicas.until_ready()
        assert await on.problems() == []
        assert {job["metadata"]["labels"]["backstage.io/task"] for job in on.jobs} <= set(on.tasks.followed)
