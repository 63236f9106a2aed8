"""Steps in real pods of a real cluster, made by an account that may do what the manifest for operators says."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import BackstageError
from backstage_py.settings.sections.kubernetes_executor import BucketSettings
from tests.cluster import waiting
from tests.cluster.cluster import KubeCluster
from tests.deploy import built
from tests.execution_api import real
from tests.execution_api.real import Real
from tests.execution_api.stage import ATTEMPT

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(900)]  # the image may be built first
SOURCE = Path(__file__).parent / "actions" / "steps.py"


@pytest.fixture(scope="module")
def image(kube: KubeCluster) -> str:
    """The image of this tree, which the tests of the chart build, too; once for a run."""
    return os.environ.get("BACKSTAGE_PY_TEST_STEP_IMAGE") or built.load(kube, built.images(), built.NAME)


@pytest.fixture
async def on(kube: KubeCluster, image: str, tmp_path: Path) -> AsyncIterator[Real]:
    async with real.opened(kube, image, tmp_path, SOURCE) as found:
        yield found


async def until(is_there: Any, what: str) -> Any:
    return await asyncio.to_thread(waiting.until, is_there, what)


async def test_a_step_does_in_a_pod_what_it_does_anywhere(on: Real) -> None:
    await _build(on)


async def test_a_workspace_travels_between_a_pod_and_a_bucket(kube: KubeCluster, image: str, tmp_path: Path) -> None:
    """By links that the pod uses by itself: nothing of it goes by way of the service, and nothing is left."""
    s3 = pytest.importorskip("tests.s3", reason="moto[server] and boto3 of the dependency group 'dev' are missing")
    with s3.serving(kube.host) as server:
        server.new_bucket("steps")
        keys = {"access_key_id": "service", "secret_access_key": s3.SECRET}
        bucket = BucketSettings(bucket="steps", region=s3.REGION, endpoint=server.url, **keys)
        async with real.opened(kube, image, tmp_path, SOURCE, bucket=bucket) as on:
            await _build(on)
            assert {method for method, *_ in server.seen} == {"GET", "PUT"}
            assert on.executor.sessions.all == {}
            await on.run_pods().close()
        assert server.objects("steps") == {}


async def _build(on: Real) -> None:
    """Run a step that does all that a step does."""
    (on.workspace / "given").write_text("by the service")
    (on.workspace / "gone").write_text("soon")
    on.step.secrets = {"KEY": "a-secret-value", "OTHER": "another-secret"}
    await on.run("pods:builds", {"uses": "Bearer a-secret-value"})
    outputs = on.step.sink.outputs
    assert outputs["once"]
    assert outputs["effect"]["marker"].startswith(ATTEMPT[0][:8])
    assert outputs["secret"] == "a-secret-value"  # of the test
    assert not outputs["hidden"]
    assert "read by the service" in on.log
    assert (on.workspace / "deep/er/made").read_text() == "by the pod"
    assert (on.workspace / "tool").stat().st_mode & 0o111
    assert (on.workspace / "link").is_symlink()
    assert not (on.workspace / "gone").exists()


async def test_a_pod_may_do_as_little_as_a_step_needs(on: Real) -> None:
    await on.run("pods:looks")
    seen = on.step.sink.outputs
    assert seen["user"] == 10001
    assert (seen["capabilities"], seen["noNewPrivileges"], seen["seccomp"]) == (0, "1", "2")
    assert (seen["account"], seen["writable"], seen["database"]) == (False, False, [])
    assert not [name for name in seen["environment"] if "EXECUTION" in name]
    [job] = on.jobs
    assert job["metadata"]["labels"]["backstage.io/task"] == ATTEMPT[0]
    assert job["metadata"]["annotations"]["backstage.io/user"] == "user:default/ada"
    await until(lambda: on.jobs[0]["status"].get("succeeded") == 1, "the pod ends by itself")


async def test_memory_that_is_used_up_is_named(kube: KubeCluster, image: str, tmp_path: Path) -> None:
    small = {"requests": {"memory": "64Mi"}, "limits": {"memory": "160Mi"}}
    async with real.opened(kube, image, tmp_path, SOURCE, resources=small) as on:
        with pytest.raises(BackstageError, match="memory than its limit of 160Mi"):
            await on.run("pods:eats")


async def test_an_end_without_a_word_fails_the_step(on: Real) -> None:
    with pytest.raises(BackstageError, match=r"without a word \(exit 7\)"):
        await on.run("pods:leaves", {"code": 7})


async def test_an_image_that_is_missing_is_named(kube: KubeCluster, tmp_path: Path) -> None:
    async with real.opened(kube, "localhost/no-such-image:1", tmp_path, SOURCE) as on:
        with pytest.raises(BackstageError, match="localhost/no-such-image:1 of its pod cannot be pulled"):
            await on.run("pods:nothing")


async def test_a_pod_that_is_killed_is_replaced_with_its_checkpoints(on: Real) -> None:
    execution = on.start("pods:waits")
    await until(lambda: "begun" in on.log, "it runs")
    pods = f"/api/v1/namespaces/{on.namespace}/pods"
    on.kube.api.delete(f"{pods}/{on.pods[0]['metadata']['name']}?gracePeriodSeconds=0")
    await execution.ended
    await execution.close()
    assert on.step.sink.outputs["first"] != on.step.sink.outputs["now"]
    assert any("begins again in another pod" in line for line in on.log)


async def test_cancelling_ends_the_pod(on: Real) -> None:
    execution = on.start("pods:waits")
    await until(lambda: "begun" in on.log, "it runs")
    execution.cancel()
    await execution.close()
    await until(lambda: not on.jobs and not on.pods, "nothing is left")


async def test_steps_of_a_task_share_a_pod_and_only_changes_travel(on: Real) -> None:
    (on.workspace / "given").write_text("by the service")
    (on.workspace / "gone").write_text("soon")
    (on.workspace / "large").write_bytes(os.urandom(3_000_000))
    await on.run("pods:builds", each_step=False)
    await on.run("pods:looks", each_step=False)
    assert len(on.jobs) == 1
    await on.run_pods(each_step=False).close()
    await until(lambda: on.jobs[0]["status"].get("succeeded") == 1, "the pod ends by itself")
