"""The stand-in for Argo Rollouts that other tests lean on: a canary is promoted, waits, and is taken back."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from backstage_py.testing.http_server import FakeHttp, Reply
from tests.cluster import waiting
from tests.cluster.cluster import KubeCluster
from tests.cluster.reconcilers import canary, expressions
from tests.cluster.reconcilers.analysis import Analyses
from tests.cluster.reconcilers.replica_sets import HASH
from tests.cluster.reconcilers.rollouts import Rollouts

_ROOT = "/apis/argoproj.io/v1alpha1/namespaces/{}"


@pytest.fixture
def metrics() -> Iterator[FakeHttp]:
    """A Prometheus that says what a test wants."""
    with FakeHttp() as http:
        yield http


def answer(*numbers: float) -> Reply:
    listed = [{"metric": {}, "value": [0, str(one)]} for one in numbers]
    return Reply({"status": "success", "data": {"resultType": "vector", "result": listed}})


def rollout(kube: KubeCluster, version: str, steps: list[Any]) -> Any:
    container: Any = {"name": "main", "image": kube.postgres_image, "imagePullPolicy": "IfNotPresent"}
    container |= {"command": ["sleep", "600"], "env": [{"name": "VERSION", "value": version}]}
    pod = {"terminationGracePeriodSeconds": 0, "containers": [container]}
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "strategy": {"canary": {"maxUnavailable": 0, "steps": steps}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod},
    }
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"}, "spec": spec}


def template(url: str) -> Any:
    metric = {
        "name": "errors", "interval": "200ms", "count": 2, "failureLimit": 1, "successCondition": "result[0] < 0.05",
        "provider": {"prometheus": {"address": url, "query": 'errors{hash="{{args.hash}}"}'}},
    }  # fmt: skip
    metadata = {"name": "errors"}
    spec = {"args": [{"name": "hash"}], "metrics": [metric]}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": metadata, "spec": spec}


def test_a_canary_is_promoted_and_the_next_is_taken_back_by_its_analysis(
    kube: KubeCluster, namespace: str, metrics: FakeHttp
) -> None:
    kube.load_crds("argo-rollouts")
    root, sets = _ROOT.format(namespace), f"/apis/apps/v1/namespaces/{namespace}/replicasets"
    analysis = {
        "templates": [{"templateName": "errors"}],
        "args": [{"name": "hash", "valueFrom": {"podTemplateHashValue": "Latest"}}],
    }
    steps = [{"setWeight": 50}, {"pause": {}}, {"analysis": analysis}]
    metrics.on("GET", "/api/v1/query", answer(0.01))
    kube.api.post(f"{root}/analysistemplates", template(metrics.url))

    def until(phase: str, version: int) -> Any:
        def is_so() -> Any:
            found = kube.api.get(f"{root}/rollouts/web")
            said = found.get("status") or {}
            is_seen = said.get("observedGeneration") == str(found["metadata"]["generation"])
            return is_seen and said.get("phase") == phase and len(kube.api.items(sets)) == version and said

        return waiting.until(is_so, f"version {version} is {phase}")

    def counts() -> dict[str, int]:
        return {one["metadata"]["labels"][HASH]: one["spec"]["replicas"] for one in kube.api.items(sets)}

    with Rollouts(kube.api, namespace), Analyses(kube.api, namespace):
        kube.api.post(f"{root}/rollouts", rollout(kube, "1", steps))
        first = until("Healthy", 1)["stableRS"]
        kube.api.apply(f"{root}/rollouts/web", rollout(kube, "2", steps), "test")
        paused = until("Paused", 2)
        second = paused["currentPodHash"]
        assert (paused["stableRS"], counts()) == (first, {first: 1, second: 1})
        kube.api.patch(f"{root}/rollouts/web/status", {"status": {"pauseConditions": None}})  # it is promoted by hand
        assert until("Healthy", 2)["stableRS"] == second
        assert counts() == {first: 0, second: 2}
        asked = [one.query["query"] for one in metrics.requests]
        assert set(asked) == {f'errors{{hash="{second}"}}'}

        metrics.on("GET", "/api/v1/query", answer(0.9))
        kube.api.apply(f"{root}/rollouts/web", rollout(kube, "3", steps), "test")
        third = until("Paused", 3)["currentPodHash"]
        kube.api.patch(f"{root}/rollouts/web/status", {"status": {"pauseConditions": None}})
        back = until("Degraded", 3)
        assert (back["stableRS"], back["abort"]) == (second, True)
        assert 'Metric "errors" assessed Failed due to failed (2) > failureLimit (1)' in back["message"]
        waiting.until(lambda: counts() == {first: 0, second: 2, third: 0}, "it is taken back")


@pytest.mark.parametrize(
    ("weight", "replicas", "surge", "pods"),
    [
        (0, 4, 1, (0, 4)),
        (100, 4, 1, (4, 0)),
        (25, 4, 0, (1, 3)),
        (20, 2, 1, (1, 2)),
        (50, 2, 1, (1, 1)),
        (50, 1, 1, (1, 1)),
    ],
)
def test_a_weight_is_the_share_of_pods_that_comes_nearest(
    weight: int, replicas: int, surge: int, pods: tuple[int, int]
) -> None:
    assert canary.wanted(weight, replicas, surge) == pods


@pytest.mark.parametrize(
    ("condition", "result", "verdict"),
    [
        ("result[0] < 0.05", [0.01], True),
        ("result[0] < 0.05", [0.5], False),
        ("len(result) == 0 || isNaN(result[0]) || result[0] <= 0.05", [], True),
        ("len(result) == 0 || isNaN(result[0]) || result[0] <= 0.05", [float("nan")], True),
        ("!(result >= 1 && result != 3)", 2.0, False),
    ],
)
def test_conditions_of_an_analysis_are_judged(condition: str, result: Any, verdict: bool) -> None:
    assert expressions.holds(condition, json.loads(json.dumps(result))) is verdict


def test_what_cannot_be_judged_is_an_error() -> None:
    with pytest.raises(LookupError):
        expressions.holds("result[0] < 1", [])
    with pytest.raises(ValueError, match="conditions"):
        expressions.holds("result.value < 1", [])
