"""What becomes of a step whose pod fails, and what its user is told of it."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import BackstageError
from backstage_py.execution.channel import UNHEARD
from backstage_py.plugin import ActionContext, action
from tests.cluster import waiting
from tests.cluster.calls import ApiException
from tests.execution_api import kubelet, stage
from tests.execution_api.kubelet import Kubelet, behind
from tests.execution_api.stage import ATTEMPT, Stage
from tests.integrations import kube_server
from tests.integrations.kube_server import Parts

pytestmark = pytest.mark.thorough


@action("acme:greets", {"type": "object"})
async def greets(ctx: ActionContext[Any]) -> dict[str, Any]:
    ctx.logger.info("hello")
    return {"done": True}


@action("acme:waits", {"type": "object"})
async def waits(ctx: ActionContext[Any]) -> dict[str, Any]:
    ctx.logger.info("begun")
    await ctx.signal.wait()
    return {}


def jobs(on: Stage) -> list[str]:
    return [one["metadata"]["name"] for one in on.parts.server.api.items(on.kubelet.jobs_path)]


async def until(is_there: Any, what: str) -> Any:
    return await asyncio.to_thread(waiting.until, is_there, what)


FAILS = {
    "an image that is nowhere": (kubelet.no_image, "image .* cannot be pulled: .*not found.*imagePullSecrets"),
    "memory": (kubelet.out_of_memory, "took more memory than its limit of 1Gi.*resources"),
    "exit 137": (kubelet.exits(137), r"was killed \(exit 137\).*limit of 1Gi"),
    "an end without a word": (kubelet.exits(1, "boom"), r"ended without a word \(exit 1\): boom"),
    "a deadline": (kubelet.too_long, "ran for longer than scaffolder.executor.kubernetes.deadline"),
    "an end that looks well": (behind(kubelet.asks, kubelet.exits(0)), "ended without saying what came of the step"),
}


@pytest.mark.parametrize("name", FAILS)
async def test_a_pod_that_ends_by_itself_fails_the_step_in_words(on: Stage, name: str) -> None:
    play, words = FAILS[name]
    on.kubelet.plays.append(play)
    with pytest.raises(BackstageError, match=words):
        await on.run(greets)
    assert len(on.kubelet.seen) == 1  # it would fail again


LOSES = {
    "evicted": (kubelet.evicted, "was evicted: The node was low on resource: memory"),
    "deleted": (kubelet.deleted, "deleted from outside"),
    "out of the service's reach": (kubelet.exits(UNHEARD), "ended since the service did not answer it"),
    "drained": (kubelet.drained, "deleted from outside"),
    "never run, and said to have ended well": (kubelet.exits(0), "ended before it had asked for the step"),
    "its container unknown": (kubelet.unknown, "has lost its container: The container could not be located"),
    "not started": (kubelet.not_started, 'does not start: cannot find volume "work" to mount'),
    "a node that is gone": (kubelet.node_gone, "The node of its pod .* went away: PodGC: node no longer exists"),
}


@pytest.mark.parametrize("name", LOSES)
async def test_a_pod_that_is_lost_is_replaced(on: Stage, name: str) -> None:
    play, words = LOSES[name]
    on.kubelet.plays.append(play)
    await on.run(greets)
    assert on.step.sink.outputs == {"done": True}
    assert any(re.search(f"{words}.*begins again in another pod", line) for line in on.log), on.log
    first, second = (one["metadata"]["name"] for one in on.kubelet.seen)
    assert first != second


async def test_a_pod_that_is_lost_again_and_again_fails_the_step(on: Stage) -> None:
    on.kubelet.plays += [kubelet.evicted] * 3
    with pytest.raises(BackstageError, match="evicted"):
        await on.run(greets)
    assert len(on.kubelet.seen) == 3


async def test_a_step_that_began_begins_again_only_where_tasks_do(parts: Parts, tmp_path: Path) -> None:
    """Without ``taskRecovery`` a step that has begun is not begun again, as when a replica dies."""
    async with stage.on_its_own(parts, tmp_path, resumes=False) as (playing, found):

        def loses(on: Kubelet, job: Any) -> None:
            on.container(job, "Running", running={})
            on.start(lambda: _run(on, job))
            on.start(lambda: _when_begun(found, on, job))

        playing.plays.append(loses)
        with pytest.raises(BackstageError, match="deleted from outside"):
            await found.run(waits)
        assert len(playing.seen) == 1


def _run(on: Kubelet, job: Any) -> None:
    on.run(job)


def _when_begun(found: Stage, on: Kubelet, job: Any) -> None:
    waiting.until(lambda: "begun" in found.log, "the step has begun")
    on.api.delete(f"{on.pods_path}/{job['metadata']['name']}-pod?gracePeriodSeconds=0")


async def test_a_silent_pod_is_lost(parts: Parts, tmp_path: Path) -> None:
    """Its node is gone, and nobody has noticed yet."""
    async with stage.on_its_own(parts, tmp_path, silence=3.0) as (playing, found):

        def opens_and_dies(on: Kubelet, job: Any) -> None:
            on.container(job, "Running", running={})
            on.open(job)

        playing.plays.append(opens_and_dies)
        await found.run(greets)
        assert any("said nothing for 3 s" in line for line in found.log)
        await until(lambda: len(playing.deleted) > 0, "the silent pod's Job is deleted")


async def test_a_quota_that_is_used_up_is_waited_for_and_told(on: Stage) -> None:
    quotas = f"/api/v1/namespaces/{on.kubelet.namespace}/resourcequotas"
    none = {"count/jobs.batch": "0"}
    quota = {"metadata": {"name": "few"}, "spec": {"hard": none}}
    on.parts.server.api.post(quotas, quota)
    on.parts.server.api.patch(f"{quotas}/few/status", {"status": {"hard": none, "used": none}})
    spec = {"restartPolicy": "Never", "containers": [{"name": "x", "image": "x"}]}
    tried = {"metadata": {"name": "tried"}, "spec": {"template": {"spec": spec}}}

    def is_in_force() -> bool:
        try:
            on.parts.server.api.post(f"{on.kubelet.jobs_path}?dryRun=All", tried)
        except ApiException as error:
            return bool(error.status == 403)
        return False

    await until(is_in_force, "the quota is in force")
    execution = on.start(greets)
    try:
        await until(lambda: any("quota" in line for line in on.log), "the user is told")
        assert jobs(on) == []
        on.parts.server.api.delete(f"{quotas}/few")
        await execution.ended
        assert on.step.sink.outputs == {"done": True}
    finally:
        await execution.close()


async def test_a_quota_for_pods_is_told_from_the_events_of_the_job(on: Stage) -> None:
    words = (
        'Error creating: pods "x" is forbidden: exceeded quota: few, requested: pods=1, used: pods=5, limited: pods=5'
    )

    def refused(playing: Kubelet, job: Any) -> None:
        about = {"kind": "Job", "name": job["metadata"]["name"], "namespace": playing.namespace}
        event = {
            "metadata": {"generateName": "e-"},
            "involvedObject": about,
            "reason": "FailedCreate",
            "message": words,
        }
        playing.api.post(f"/api/v1/namespaces/{playing.namespace}/events", event)
        waiting.until(lambda: any("quota" in line for line in on.log), "the user is told")

    on.kubelet.plays.append(behind(refused, kubelet.runs))
    await on.run(greets)
    assert any("quota of the namespace is used up, so the step waits" in line for line in on.log)


async def test_a_pod_without_a_node_is_told_and_waited_for(on: Stage) -> None:
    def placed(playing: Kubelet, job: Any) -> None:
        waiting.until(lambda: any("Insufficient memory" in line for line in on.log), "the user is told")

    on.kubelet.plays.append(behind(behind(kubelet.unschedulable, placed), kubelet.runs))
    await on.run(greets)
    assert any("No node has room for its pod yet" in line for line in on.log)


async def test_a_pod_that_never_begins_is_given_up(parts: Parts, tmp_path: Path) -> None:
    async with stage.on_its_own(parts, tmp_path, pending=3.0) as (playing, found):
        playing.plays.append(kubelet.unschedulable)
        with pytest.raises(BackstageError, match=r"did not begin within 3 s.*Insufficient memory"):
            await found.run(greets)
        await until(lambda: playing.deleted, "its Job is deleted")


async def test_cancelling_while_the_pod_is_pending_deletes_the_job(on: Stage) -> None:
    on.kubelet.plays.append(kubelet.unschedulable)
    execution = on.start(greets)
    await until(lambda: on.kubelet.seen, "the Job is there")
    execution.cancel()
    await execution.close()
    await until(lambda: jobs(on) == [], "its Job is deleted")
    assert execution.ended.cancelled()


async def test_cancelling_a_running_step_reaches_it_and_deletes_the_job(on: Stage) -> None:
    execution = on.start(waits)
    await until(lambda: "begun" in on.log, "the step runs")
    on.step.context({}).signal.set()
    execution.cancel()
    await execution.close()
    await until(lambda: jobs(on) == [], "its Job is deleted")


async def test_a_namespace_that_is_deleted_in_the_middle_of_a_step_fails_it_in_words(on: Stage) -> None:
    def deletes(playing: Kubelet, job: Any) -> None:
        playing.start(lambda: _run(playing, job))
        playing.container(job, "Running", running={})
        waiting.until(lambda: "begun" in on.log, "the step runs")
        playing.api.delete(f"/api/v1/namespaces/{playing.namespace}")  # its controller empties it then
        playing.api.delete(f"{playing.jobs_path}/{job['metadata']['name']}?propagationPolicy=Background")
        playing.api.delete(f"{playing.pods_path}/{job['metadata']['name']}-pod?gracePeriodSeconds=0")

    on.kubelet.plays.append(deletes)
    with pytest.raises(BackstageError, match="The namespace for pods is being deleted"):
        await on.run(waits)
    assert len(on.kubelet.seen) == 1


async def test_a_warm_pod_that_is_lost_before_it_has_its_call_is_replaced(parts: Parts, tmp_path: Path) -> None:
    """Also where a step that has begun may not begin again: nothing of it has."""
    async with stage.on_its_own(parts, tmp_path, resumes=False, warm=1) as (playing, on):
        playing.actions = {greets.id: greets}
        mine = f"{playing.jobs_path}?labelSelector=backstage.io/task={ATTEMPT[0]}"

        def is_lost(kubelet: Kubelet, job: Any) -> None:
            kubelet.container(job, "Running", running={})
            kubelet.open(job)
            waiting.until(lambda: kubelet.api.items(mine), "it was taken for a step")
            kubelet.api.delete(f"{kubelet.pods_path}/{job['metadata']['name']}-pod?gracePeriodSeconds=0")

        playing.plays.append(is_lost)
        await until(lambda: any(one.opened.is_set() for one in on.executor.sessions.all.values()), "a pod waits")
        await on.run(greets)
        assert on.step.sink.outputs == {"done": True}
        assert any("deleted from outside; the step begins again" in line for line in on.log), on.log


async def test_an_old_pod_is_fenced_and_deleted_when_another_attempt_begins(on: Stage) -> None:
    """A replica died; its pod runs on, and the task is another attempt's."""
    on.kubelet.actions = {waits.id: waits, greets.id: greets}
    first = on.start(waits)
    await until(lambda: "begun" in on.log, "the old pod runs")
    [old] = jobs(on)
    second = (ATTEMPT[0], 2)
    on.current = {second}
    await on.run(greets, attempt=second)
    await until(lambda: old not in jobs(on), "the old pod's Job is deleted")
    assert on.step.sink.outputs == {"done": True}
    await first.close()


async def test_jobs_of_attempts_that_are_over_are_swept(on: Stage) -> None:
    """Whoever made them: here a replica that is gone."""
    labels = {"backstage.io/instance": "backstage-py", "backstage.io/task": "gone", "backstage.io/claim": "1"}
    spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "step", "image": "x"}]}}}
    on.kubelet.plays.append(kubelet.waits)
    on.parts.server.api.post(on.kubelet.jobs_path, {"metadata": {"name": "left", "labels": labels}, "spec": spec})
    foreign = {"metadata": {"name": "foreign", "labels": {**labels, "backstage.io/instance": "other"}}, "spec": spec}
    on.kubelet.plays.append(kubelet.waits)
    on.parts.server.api.post(on.kubelet.jobs_path, foreign)
    fleet = on.executor.fleet
    for _ in range(300):
        await fleet.sweep()
        if "left" not in jobs(on):
            break
        await waiting.pause(0.1)
    assert jobs(on) == ["foreign"]


async def test_two_that_submit_the_same_make_one_job(on: Stage) -> None:
    """An answer was lost, so it is asked again; whoever else has that name is not taken for ours."""
    from backstage_py.scaffolder.executors.kubernetes import job
    from backstage_py.scaffolder.executors.kubernetes.job import Call, Door

    on.kubelet.plays += [kubelet.waits]
    fleet, call = on.executor.fleet, Call(ATTEMPT[0], 1, 7, "acme:greets")
    made = job.manifest(call, Door("http://x", "mine"), on.executor.settings)
    with fleet.watching(call.name) as watched:
        await fleet.submit(made, watched, lambda: True)
        uid = watched.uid
        await fleet.submit(made, watched, lambda: True)
        assert watched.uid == uid
        assert len(jobs(on)) == 1
    other = job.manifest(call, Door("http://x", "somebody else's"), on.executor.settings)
    with fleet.watching(call.name) as watched:
        await fleet.submit(other, watched, lambda: True)
        assert "did not make" in str(watched.state)


async def test_a_second_pod_of_the_same_job_is_refused_and_the_first_runs_on(on: Stage) -> None:
    """As when a node comes back that was given up, or a controller makes a pod anew."""
    codes = []

    def twice(playing: Kubelet, job: Any) -> None:
        playing.container(job, "Running", running={})
        playing.start(lambda: codes.append(playing.run(job)))
        waiting.until(lambda: "begun" in on.log, "the first runs")
        playing.container(job, "Pending", "second", waiting={"reason": "ContainerCreating"})
        codes.append(playing.run(job))
        playing.container(job, "Failed", "second", terminated={"exitCode": codes[0], "reason": "Error"})
        playing.container(job, "Failed", terminated={"exitCode": 1, "reason": "Error", "message": "the first"})

    on.kubelet.plays.append(twice)
    with pytest.raises(BackstageError, match=r"ended without a word \(exit 1\): the first"):
        await on.run(waits)
    assert codes[0] == 3
    assert len(on.kubelet.seen) == 1


async def test_a_namespace_that_is_gone_fails_the_step_in_words(parts: Parts, tmp_path: Path) -> None:
    for name in ("pods", "workspace"):
        (tmp_path / name).mkdir()
    nowhere = Kubelet(parts.server.api, "no-such-namespace", tmp_path / "pods")
    async with stage.opened(parts, nowhere, tmp_path / "workspace") as found:
        with pytest.raises(BackstageError, match=r"namespace for pods is gone.*create it"):
            await found.run(greets)


async def test_an_api_server_that_is_down_stops_nothing_that_runs_and_nothing_is_made_twice(tmp_path: Path) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    with kube_server.parts(folder) as parts:
        async with stage.on_its_own(parts, tmp_path) as (playing, on):
            running = on.start(waits)
            await until(lambda: "begun" in on.log, "the first step runs")
            await asyncio.to_thread(parts.kill_api)
            waiting_ = on.start(greets)
            await until(lambda: any("cluster does not answer, so the step waits" in line for line in on.log), "told")
            on.step.context({}).signal.set()
            running.cancel()  # the way to the pod does not lead through the API server
            await asyncio.wait({running.ended})
            await running.close()
            await asyncio.to_thread(parts.start_api)
            await waiting_.ended
            await waiting_.close()
            assert on.step.sink.outputs == {"done": True}
            names = [one["metadata"]["name"] for one in playing.seen]
            assert len(names) == len(set(names)) == 2


async def test_rights_that_are_unknown_for_a_moment_are_waited_for(parts: Parts, tmp_path: Path) -> None:
    """An API server that has just started refuses everybody but administrators."""
    api = parts.server.api
    async with stage.on_its_own(parts, tmp_path, token=parts.server.nobody) as (_, on):
        execution = on.start(greets)
        await until(lambda: any("refuses the step's Job" in line and "may pass" in line for line in on.log), "told")
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
        who = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "nobody"}
        binding = {"metadata": {"name": "late"}, "roleRef": role, "subjects": [who]}
        api.post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
        await execution.ended
        await execution.close()
        assert on.step.sink.outputs == {"done": True}
        api.delete("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/late")
