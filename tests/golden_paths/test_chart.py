"""The chart of a produced service, checked without a cluster."""

import json
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from tests.deploy import rendering
from tests.golden_paths import definitions
from tests.golden_paths.produced import NAME

DIGEST = f"sha256:{'a' * 64}"
ON: dict[str, Any] = {"enabled": True}
EVERYTHING: dict[str, Any] = {
    "environment": "staging",
    "image": {"digest": DIGEST, "tag": "0123abc", "pullSecrets": ["registry"]},
    "env": {"GREETING": "hello", "LIMIT": 3, "TOKEN": {"valueFrom": {"secretKeyRef": {"name": "tokens", "key": "t"}}}},
    "envFrom": [{"configMapRef": {"name": "more"}}],
    "podAnnotations": {"a": "b"},
    "serviceAccount": {"annotations": {"example.com/role": "shop"}},
    "networkPolicy": {
        "from": [{"ipBlock": {"cidr": "203.0.113.0/24"}}],
        "egress": [{"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "ports": [{"port": 443}]}],
    },
    "rollout": ON,
    "database": ON,
    "tracing": {"endpoint": "http://otel-collector.monitoring:4318", "sampleRatio": 0.1},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    "dashboard": ON,
}
MINIMAL: dict[str, Any] = {
    key: {"enabled": False} for key in ("autoscaling", "podDisruptionBudget", "networkPolicy")
} | {"topologySpreadConstraints": []}
VARIANTS = {"default": dict[str, Any](), "minimal": MINIMAL, "everything": EVERYTHING}

variants = pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)


def rendered(repository: Path, values: dict[str, Any]) -> list[dict[str, Any]]:
    return rendering.rendered(values, chart=repository / "chart", name=NAME, namespace="payments-staging")


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next(one for one in objects if one["kind"] == kind)


def container(objects: list[dict[str, Any]], kind: str = "Deployment") -> dict[str, Any]:
    found: dict[str, Any] = of_kind(objects, kind)["spec"]["template"]["spec"]["containers"][0]
    return found


@variants
def test_helm_finds_nothing_to_object_to(delivered: Path, values: dict[str, Any]) -> None:
    found = helm_python.lint(delivered / "chart", values, strict=True, kube_version="1.33.0")
    assert found["errors"] == []
    assert [one for one in found["messages"] if one["severity"] > 1] == []


@pytest.mark.thorough(sample=1)  # the definition of a Rollout is large
@variants
def test_each_object_is_as_its_project_defines_it(delivered: Path, values: dict[str, Any]) -> None:
    objects = rendered(delivered, values)
    assert [problem for one in objects for problem in definitions.problems(one)] == []


@pytest.mark.thorough
def test_a_field_that_nobody_defines_is_found(delivered: Path) -> None:
    objects = rendered(delivered, EVERYTHING)
    for kind in ("Rollout", "ServiceMonitor", "Service"):
        wrong = of_kind(objects, kind)
        wrong["spec"]["selektor"] = {}
        assert definitions.problems(wrong), kind


def test_each_option_makes_its_object(delivered: Path) -> None:
    plain = {"Service", "ServiceAccount"}
    kept_by_default = {"Deployment", "HorizontalPodAutoscaler", "NetworkPolicy", "PodDisruptionBudget"}
    custom = {"AnalysisTemplate", "ExternalSecret", "PrometheusRule", "Rollout", "ServiceMonitor"}
    kinds = {name: {one["kind"] for one in rendered(delivered, values)} for name, values in VARIANTS.items()}
    assert kinds["minimal"] == plain | {"Deployment"}
    assert kinds["default"] == plain | kept_by_default
    assert kinds["everything"] == plain | kept_by_default - {"Deployment"} | custom | {"ConfigMap"}


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({"digest": DIGEST, "tag": "v1"}, f"@{DIGEST}"),
        ({"tag": "v1"}, ":v1"),
        ({}, ":0.1.0"),
        ({"repository": "registry.example.com/shop", "digest": DIGEST}, f"@{DIGEST}"),
    ],
)
def test_a_digest_goes_before_a_tag_and_a_tag_before_the_charts_version(
    delivered: Path, image: dict[str, Any], expected: str
) -> None:
    name = image.get("repository", f"ghcr.io/org/{NAME}")
    assert container(rendered(delivered, {"image": image}))["image"] == name + expected


@pytest.mark.thorough
@pytest.mark.parametrize("environment", ["staging", "production"])
def test_an_environment_says_what_it_waits_for_until_its_first_image(delivered: Path, environment: str) -> None:
    values = yaml.safe_load((delivered / f"deploy/{environment}/values.yaml").read_text(encoding="utf-8"))
    with pytest.raises(helm_python.HelmError, match=f"no image for {NAME} yet.*deploy/{environment}/values.yaml"):
        rendered(delivered, values)
    values["image"]["digest"] = DIGEST
    objects = rendered(delivered, values)
    assert [problem for one in objects for problem in definitions.problems(one)] == []
    assert of_kind(objects, "Service")["metadata"]["labels"]["environment"] == environment


@pytest.mark.parametrize("kind", ["Deployment", "Rollout"])
def test_pods_have_no_more_rights_than_they_need(delivered: Path, kind: str) -> None:
    objects = rendered(delivered, {"rollout": {"enabled": kind == "Rollout"}})
    pod = of_kind(objects, kind)["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    given = container(objects, kind)["securityContext"]
    assert given["readOnlyRootFilesystem"]
    assert not given["allowPrivilegeEscalation"]
    assert given["capabilities"] == {"drop": ["ALL"]}
    assert "memory" in container(objects, kind)["resources"]["limits"]


def test_the_grace_period_is_longer_than_the_service_takes_to_stop(delivered: Path) -> None:
    objects = rendered(delivered, {"shutdown": {"drainSeconds": 7, "timeoutSeconds": 40}})
    variables = {one["name"]: one["value"] for one in container(objects)["env"]}
    assert (variables["DRAIN_SECONDS"], variables["SHUTDOWN_SECONDS"]) == ("7", "40")
    assert of_kind(objects, "Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 52


def test_a_version_that_does_not_start_replaces_no_pod(delivered: Path) -> None:
    objects = rendered(delivered, {})
    assert of_kind(objects, "Deployment")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert "replicas" not in of_kind(objects, "Deployment")["spec"], "the autoscaler's"
    probes = container(objects)
    paths = {probe: probes[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}


def test_selectors_find_what_they_mean(delivered: Path) -> None:
    objects = rendered(delivered, EVERYTHING)
    labels = of_kind(objects, "Rollout")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        of_kind(objects, "Service")["spec"]["selector"],
        of_kind(objects, "Rollout")["spec"]["selector"]["matchLabels"],
        of_kind(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        of_kind(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        *(
            one["labelSelector"]["matchLabels"]
            for one in of_kind(objects, "Rollout")["spec"]["template"]["spec"]["topologySpreadConstraints"]
        ),
    ]
    assert len(selectors) == 6
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert "app.kubernetes.io/version" not in selector
    monitored = of_kind(objects, "ServiceMonitor")["spec"]["selector"]["matchLabels"]
    # Argo CD that tracks by label writes the Application's name over the release's
    found = of_kind(objects, "Service")["metadata"]["labels"] | {"app.kubernetes.io/instance": f"{NAME}-staging"}
    assert monitored.items() <= found.items()
    target = of_kind(objects, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Rollout", of_kind(objects, "Rollout")["metadata"]["name"])


def test_the_canary_is_measured_by_itself_and_taken_back_for_errors(delivered: Path) -> None:
    objects = rendered(delivered, EVERYTHING)
    canary = of_kind(objects, "Rollout")["spec"]["strategy"]["canary"]
    template = of_kind(objects, "AnalysisTemplate")
    assert canary["analysis"]["templates"] == [{"templateName": template["metadata"]["name"]}]
    assert canary["analysis"]["args"] == [{"name": "pods", "valueFrom": {"podTemplateHashValue": "Latest"}}]
    assert template["spec"]["args"] == [{"name": "pods"}]
    query = template["spec"]["metrics"][0]["provider"]["prometheus"]["query"]
    assert query.count('rollouts_pod_template_hash="{{args.pods}}"') == query.count("http_requests_total{") == 4
    assert of_kind(objects, "ServiceMonitor")["spec"]["podTargetLabels"] == ["rollouts-pod-template-hash"]
    alone = rendered(delivered, {"rollout": {"enabled": True, "analysis": {"enabled": False}}})
    assert "AnalysisTemplate" not in {one["kind"] for one in alone}
    assert "analysis" not in of_kind(alone, "Rollout")["spec"]["strategy"]["canary"]


def test_the_database_comes_into_the_environment(delivered: Path) -> None:
    objects = rendered(delivered, EVERYTHING)
    secret = of_kind(objects, "ExternalSecret")["spec"]
    assert secret["target"]["template"]["data"]["PGHOST"] == "{{ .host }}"
    taken = container(objects, "Rollout")["envFrom"]
    assert taken == [{"configMapRef": {"name": "more"}}, {"secretRef": {"name": secret["target"]["name"]}}]
    by_hand = rendered(delivered, {"database": {"enabled": True, "externalSecret": {"enabled": False}}})
    assert "ExternalSecret" not in {one["kind"] for one in by_hand}
    assert container(by_hand)["envFrom"] == [{"secretRef": {"name": f"{NAME}-database"}}]


@pytest.mark.parametrize(
    ("endpoint", "port"), [("http://c:4318", 4318), ("https://traces.example.com", 443), ("http://c/otlp", 80)]
)
def test_traces_may_leave_to_where_they_go(delivered: Path, endpoint: str, port: int) -> None:
    objects = rendered(delivered, {"tracing": {"endpoint": endpoint}})
    assert {"ports": [{"port": port}]} in of_kind(objects, "NetworkPolicy")["spec"]["egress"]
    variables = {one["name"]: one.get("value") for one in container(objects)["env"]}
    assert variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == endpoint
    assert "service.namespace=payments" in str(variables["OTEL_RESOURCE_ATTRIBUTES"])
    without = {one["name"] for one in container(rendered(delivered, {}))["env"]}
    assert not {name for name in without if name.startswith("OTEL")}


@pytest.mark.parametrize(
    "wrong",
    [
        {"replicas": "two"},
        {"replica": 2},
        {"image": {"digest": "latest"}},
        {"shutdown": {"drainSeconds": "5s"}},
        {"prometheusRule": {"slo": {"availability": 100}}},
        {"prometheusRule": {"slo": {"latencySeconds": 0.3}}},
        {"env": {"A": {"value": "b"}}},
        {"logLevel": "loud"},
    ],
    ids=json.dumps,
)
def test_wrong_values_are_refused(delivered: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(helm_python.HelmError):
        rendered(delivered, wrong)
