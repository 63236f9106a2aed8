"""How an object stands, what a condition means, and why a cluster refused: pure judgements of what clusters answer."""

from typing import Any

import pytest

from backstage_py.errors import InputError
from backstage_py.integrations.kubernetes import criteria, denials, jsonpath, readiness, silence
from backstage_py.integrations.kubernetes.denials import Denial

STATUS: dict[str, Any] = {
    "metadata": {"annotations": {"example.com/size": "small"}, "generation": 2},
    "status": {
        "phase": "Running",
        "replicas": 3,
        "isReady": True,
        "conditions": [{"type": "Synced", "status": "True"}, {"type": "Ready", "status": "False"}],
        "ingress": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}],
    },
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("{.status.phase}", ["Running"]),
        ("status.phase", ["Running"]),
        ("$.status.ingress[0].ip", ["10.0.0.1"]),
        ("{.status.ingress[*].ip}", ["10.0.0.1", "10.0.0.2"]),
        ("{.status.ingress[-1].ip}", ["10.0.0.2"]),
        ("{.status.ingress[7].ip}", []),
        ('{.status.conditions[?(@.type=="Ready")].status}', ["False"]),
        ("{.status.conditions[?(@.type!='Ready')].type}", ["Synced"]),
        (r"{.metadata.annotations.example\.com/size}", ["small"]),
        ("{.metadata.annotations['example.com/size']}", ["small"]),
        ("{.spec.nothing}", []),
    ],
)
def test_a_path_finds_what_kubectl_finds(path: str, found: list[Any]) -> None:
    assert jsonpath.parse(path).values(STATUS) == found


@pytest.mark.parametrize("path", ["{.a[}", "{range .items}", "{.a[?(@.b)]}", "{.a..b}"])
def test_a_path_that_is_not_understood_is_named(path: str) -> None:
    with pytest.raises(InputError, match="is not understood at"):
        jsonpath.parse(path)


@pytest.mark.parametrize(
    ("text", "is_done"),
    [
        ("jsonpath={.status.phase}=Running", True),
        ("jsonpath={.status.phase}=Pending", False),
        ("jsonpath=.status.replicas=3", True),
        ("jsonpath={.status.isReady}=true", True),
        ("jsonpath={.status.ingress}", True),
        ("jsonpath={.status.address}", False),
        ('jsonpath={.status.conditions[?(@.type=="Synced")].status}=True', True),
        ("condition=Synced", True),
        ("condition=ready", False),
        ("condition=Ready=False", True),
        ("condition=Other", False),
        ("create", True),
        ("delete", False),
    ],
)
def test_what_is_waited_for_is_judged(text: str, is_done: bool) -> None:
    assert criteria.parse(text)(STATUS).is_done is is_done
    assert criteria.parse(text)(None).is_done is (text == "delete")


@pytest.mark.parametrize("text", ["", "jsonpath", "condition=", "ready=1", "soon"])
def test_what_is_nothing_to_wait_for_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is nothing to wait for; write ready"):
        criteria.parse(text)


def test_a_condition_of_an_earlier_generation_does_not_count() -> None:
    old = {"type": "Ready", "status": "True", "observedGeneration": 1}
    value = {"apiVersion": "x/v1", "kind": "X", "metadata": {"generation": 2}, "status": {"conditions": [old]}}
    assert not readiness.ready(value).is_done
    assert not criteria.parse("condition=Ready")(value).is_done
    old["observedGeneration"] = 2
    assert readiness.ready(value).is_done


def workload(kind: str, spec: dict[str, Any], status: dict[str, Any], version: str = "apps/v1") -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"generation": 2}, "spec": spec, "status": status}


NEW = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2}


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (workload("Deployment", {"replicas": 2}, NEW), "done"),
        (workload("Deployment", {"replicas": 2}, NEW | {"observedGeneration": 1}), "pending"),
        (workload("Deployment", {"replicas": 2}, NEW | {"replicas": 3}), "pending"),
        (workload("Deployment", {"replicas": 3}, NEW), "pending"),
        (workload("Deployment", {"replicas": 0}, {"observedGeneration": 2}), "done"),
        (workload("Deployment", {}, {}), "pending"),
        (
            workload(
                "Deployment",
                {},
                NEW
                | {"conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded", "status": "False"}]},
            ),
            "failed",
        ),
        (
            workload(
                "Deployment",
                {},
                NEW | {"conditions": [{"type": "ReplicaFailure", "reason": "FailedCreate", "status": "True"}]},
            ),
            "failed",
        ),
        (workload("StatefulSet", {"replicas": 2}, NEW), "done"),
        (workload("StatefulSet", {"replicas": 2}, NEW | {"updateRevision": "b", "currentRevision": "a"}), "done"),
        (
            workload(
                "StatefulSet",
                {"replicas": 2},
                NEW | {"updateRevision": "b", "currentRevision": "a", "updatedReplicas": 1},
            ),
            "pending",
        ),
        (
            workload(
                "DaemonSet",
                {},
                {
                    "observedGeneration": 2,
                    "desiredNumberScheduled": 2,
                    "updatedNumberScheduled": 2,
                    "numberAvailable": 1,
                },
            ),
            "pending",
        ),
        (workload("Rollout", {}, {"observedGeneration": "2", "phase": "Healthy"}, "argoproj.io/v1alpha1"), "done"),
        (workload("Rollout", {}, {"observedGeneration": "2", "phase": "Degraded"}, "argoproj.io/v1alpha1"), "failed"),
        (workload("Rollout", {}, {"observedGeneration": "1", "phase": "Healthy"}, "argoproj.io/v1alpha1"), "pending"),
        (workload("Job", {}, {"conditions": [{"type": "Complete", "status": "True"}]}, "batch/v1"), "done"),
        (workload("Job", {}, {"conditions": [{"type": "Failed", "status": "True"}]}, "batch/v1"), "failed"),
        (workload("Job", {}, {"active": 1}, "batch/v1"), "pending"),
        (workload("Pod", {}, {"phase": "Failed", "reason": "Evicted"}, "v1"), "failed"),
        (workload("PersistentVolumeClaim", {}, {"phase": "Lost"}, "v1"), "failed"),
        (workload("ConfigMap", {}, {}, "v1"), "done"),
    ],
)
def test_readiness_is_what_the_kind_understands_by_it(value: dict[str, Any], verdict: str) -> None:
    found = readiness.ready(value)
    assert {"done": found.is_done, "failed": found.has_failed}.get(verdict, not found.is_done and not found.has_failed)


KYVERNO = """admission webhook "validate.kyverno.svc-fail" denied the request:

resource Pod/shop/web was blocked due to the following policies

disallow-latest-tag:
  require-image-tag: 'validation error: An image tag is required. rule require-image-tag
    failed at path /spec/containers/0/image/'
require-labels:
  check-team: 'validation error: The label ''team'' is required.'
"""


def test_a_denial_of_kyverno_is_read_into_policy_rule_and_message() -> None:
    first, second = denials.read(KYVERNO)
    assert (first.policy, first.rule, first.webhook) == (
        "disallow-latest-tag",
        "require-image-tag",
        "validate.kyverno.svc-fail",
    )
    assert first.message.endswith("rule require-image-tag failed at path /spec/containers/0/image/")
    assert second == Denial(
        "validation error: The label 'team' is required.", "require-labels", "check-team", "validate.kyverno.svc-fail"
    )


@pytest.mark.parametrize(
    ("message", "denial"),
    [
        (
            'admission webhook "validation.gatekeeper.sh" denied the request: [needs-owner] give {"owner"}',
            Denial('give {"owner"}', "needs-owner", "", "validation.gatekeeper.sh"),
        ),
        (
            "pods is forbidden: ValidatingAdmissionPolicy 'few' with binding 'prod' denied request: too many",
            Denial("too many", "few", "prod", "ValidatingAdmissionPolicy"),
        ),
        (
            'pods "x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0',
            Denial("requested: pods=1, used: pods=0, limited: pods=0", "small", "", "ResourceQuota"),
        ),
        (
            'admission webhook "x.example.com" denied the request: no',
            Denial("no", webhook="x.example.com"),
        ),
        (
            'admission webhook "x.example.com" denied the request without explanation',
            Denial("it gave no reason", webhook="x.example.com"),
        ),
    ],
)
def test_denials_of_others_are_read_too(message: str, denial: Denial) -> None:
    assert denials.read(message) == [denial]


def test_what_is_no_denial_is_none() -> None:
    assert denials.read('configmaps "x" not found') == []


def test_who_never_says_anything_is_ready_after_a_while_and_kstatus_is_heard() -> None:
    value: dict[str, Any] = {"apiVersion": "example.org/v1", "kind": "Queue", "metadata": {"generation": 1}}
    at = iter([0.0, 0.0, 9.0, 10.0, 11.0])
    judge = silence.Patient(10.0, lambda: next(at))
    assert [judge(value).is_done for _ in range(3)] == [False, False, True]
    synced = {**value, "status": {"conditions": [{"type": "Synced", "status": "True"}]}}
    assert not silence.Patient(10.0, lambda: 0.0)(synced).is_done
    for type_, has_failed in (("Reconciling", False), ("Stalled", True)):
        said = readiness.ready({**value, "status": {"conditions": [{"type": type_, "status": "True", "reason": "X"}]}})
        assert (said.is_done, said.has_failed, said.text) == (False, has_failed, f"{type_}=True (X)")
