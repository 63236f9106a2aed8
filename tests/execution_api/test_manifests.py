"""Jobs as they are sent to the cluster, and what its answers mean."""

from dataclasses import replace
from typing import Any

import pytest

from backstage_py.scaffolder.executors.kubernetes import job, reasons, status
from backstage_py.scaffolder.executors.kubernetes.job import Call, Door
from backstage_py.scaffolder.executors.kubernetes.reasons import Failure, Reason, Waiting
from backstage_py.settings.sections.kubernetes_executor import ImageSettings, KubernetesExecutorSettings

SETTINGS = KubernetesExecutorSettings(namespace="steps", image="registry.example/steps:1")
CALL = Call(
    "6c0ffee0-1111-4222-8333-444444444444",
    2,
    3,
    "acme:builds",
    "build",
    "template:default/service",
    ("group:default/platform",),
    "user:default/ada",
)
DOOR = Door("http://10.0.0.7:7010/api/scaffolder/.execution/v1/x", "a-ticket")


def made(call: Call = CALL, **changes: Any) -> Any:
    return job.manifest(call, DOOR, replace(SETTINGS, **changes))


def test_a_job_is_named_by_its_task_attempt_and_call() -> None:
    metadata = made()["metadata"]
    assert metadata["name"] == f"task-{CALL.task_id}-2-3-0"
    assert metadata["labels"]["backstage.io/task"] == CALL.task_id
    assert metadata["labels"]["backstage.io/claim"] == "2"
    assert metadata["annotations"] == {
        "backstage.io/step": "build",
        "backstage.io/action": "acme:builds",
        "backstage.io/template": "template:default/service",
        "backstage.io/owner": "group:default/platform",
        "backstage.io/user": "user:default/ada",
    }
    again = made(replace(CALL, retry=1))["metadata"]["name"]
    assert again != metadata["name"]
    odd = made(replace(CALL, task_id="Ünusual_" + "x" * 90))["metadata"]["name"]
    assert len(odd) <= 63
    assert odd.replace("-", "").isascii()


def test_a_pod_may_do_as_little_as_a_step_needs() -> None:
    spec = made()["spec"]["template"]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    [container] = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    whole = made()["spec"]
    assert (whole["backoffLimit"], whole["activeDeadlineSeconds"], whole["ttlSecondsAfterFinished"]) == (0, 3600, 300)
    assert made(replace(CALL, seconds=30.0))["spec"]["activeDeadlineSeconds"] == 90


def test_the_operators_part_is_merged_over_ours() -> None:
    theirs = {
        "metadata": {"annotations": {"team": "platform"}},
        "spec": {
            "nodeSelector": {"pool": "steps"},
            "enableServiceLinks": None,
            "containers": [
                {"name": "step", "env": [{"name": "HOME", "value": "/home"}, {"name": "MORE", "value": "1"}]},
                {"name": "proxy", "image": "registry.example/proxy:1"},
            ],
            "volumes": [{"name": "cache", "emptyDir": {}}],
        },
    }
    template = made(pod_template=theirs)["spec"]["template"]
    assert template["metadata"]["annotations"]["team"] == "platform"
    assert template["metadata"]["annotations"]["backstage.io/step"] == "build"
    spec = template["spec"]
    assert "enableServiceLinks" not in spec
    assert [one["name"] for one in spec["containers"]] == ["step", "proxy"]
    env = {one["name"]: one["value"] for one in spec["containers"][0]["env"]}
    assert (env["HOME"], env["MORE"], env["BACKSTAGE_PY_EXECUTION_TOKEN"]) == ("/home", "1", "a-ticket")
    assert spec["containers"][0]["image"] == "registry.example/steps:1"
    assert {one["name"] for one in spec["volumes"]} == {"work", "tmp", "cache"}
    assert spec["securityContext"]["runAsNonRoot"] is True


def test_images_are_chosen_by_action_and_template() -> None:
    images = (
        ImageSettings("terraform:1", action="terraform:*"),
        ImageSettings("node:1", template="Template:default/Web*"),  # references are compared without regard to case
    )
    chosen = {
        (action, template): job.image_of(
            replace(CALL, action=action, template=template), replace(SETTINGS, images=images)
        )
        for action in ("terraform:plan", "acme:builds")
        for template in ("template:default/website", None)
    }
    assert list(chosen.values()) == ["terraform:1", "terraform:1", "node:1", "registry.example/steps:1"]


def test_kueue_and_the_runtime_get_what_they_need() -> None:
    asked = made(queue="steps", runtime_class="gvisor", image_pull_secrets=("registry",))
    assert asked["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "steps"
    assert asked["spec"]["suspend"] is True
    spec = asked["spec"]["template"]["spec"]
    assert spec["runtimeClassName"] == "gvisor"
    assert spec["imagePullSecrets"] == [{"name": "registry"}]


def pod(**known: Any) -> Any:
    containers = [{"name": "step", "image": "x", "resources": {"limits": {"memory": "1Gi"}}}]
    return {"metadata": {"name": "p"}, "spec": {"containers": containers}, "status": known}


def ended(**state: Any) -> Any:
    return pod(phase="Failed", containerStatuses=[{"name": "step", "state": {"terminated": state}}])


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (ended(exitCode=137, reason="OOMKilled"), Reason.MEMORY),
        (ended(exitCode=137, reason="Error"), Reason.KILLED),
        (ended(exitCode=1, reason="Error"), Reason.ENDED),
        (ended(exitCode=128, reason="StartError", message="context canceled"), Reason.START),
        (ended(exitCode=3, reason="Error"), Reason.TWICE),
        (pod(phase="Failed", reason="Evicted", message="low on memory"), Reason.EVICTED),
        (pod(phase="Failed", reason="Preempting"), Reason.EVICTED),
        (pod(phase="Failed", reason="NodeShutdown"), Reason.NODE_LOST),
        (pod(phase="Failed", reason="DeadlineExceeded"), Reason.DEADLINE),
        (pod(phase="Unknown"), Reason.NODE_LOST),
    ],
)
def test_the_end_of_a_pod_has_a_reason(seen: Any, reason: Reason) -> None:
    found = reasons.of_pod(seen)
    assert isinstance(found, Failure)
    assert found.reason is reason
    assert found.words


def test_a_pod_that_runs_or_ended_well_is_no_failure() -> None:
    assert reasons.of_pod(pod(phase="Running")) is None
    assert reasons.of_pod(pod(phase="Pending")) == Waiting()
    done = pod(phase="Succeeded", containerStatuses=[{"name": "step", "state": {"terminated": {"exitCode": 0}}}])
    assert reasons.of_pod(done) is None
    assert reasons.of_pod({"metadata": {"name": "new"}}) is None


def test_the_status_lists_what_is_in_the_cluster() -> None:
    one = made()
    one["metadata"] |= {"uid": "1", "creationTimestamp": "2026-11-30T10:00:00Z"}
    two = made(replace(CALL, number=4))
    two["metadata"] |= {"uid": "2", "creationTimestamp": "2026-11-30T10:01:00Z"}
    runs = pod(phase="Running")
    runs["metadata"]["ownerReferences"] = [{"uid": "1"}]
    lines = status.lines([two, one], [runs])
    assert [(line.state, line.step, line.user) for line in lines] == [
        ("running", "build", "user:default/ada"),
        ("pending", "build", "user:default/ada"),
    ]
