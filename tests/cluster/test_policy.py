"""``policy:check`` and ``scaffolder.policies`` with the admission of a real cluster, judged as by Kyverno."""

from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import BackstageError, NotAllowedError
from backstage_py.plugin import Services
from tests.actions.harness import Task
from tests.cluster import admission
from tests.cluster.cluster import KubeCluster

MANIFESTS = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: fine
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: wrong
data:
  size: large
"""


@pytest.fixture
def task(kube: KubeCluster, namespace: str, tmp_path: Path) -> Task:
    entry = kube.entry(kube.administrator(namespace))
    config = {"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [entry]}]}}
    made = Task(tmp_path / "task", Services(config=config))
    (made.workspace.root / "k8s.yaml").write_text(MANIFESTS)
    return made


def judge(value: Any) -> str | None:
    if (value.get("data") or {}).get("size") != "large":
        return None
    name = f"ConfigMap/{value['metadata']['namespace']}/{value['metadata']['name']}"
    return admission.blocked(name, {"limit-sizes": {"no-large": "validation error: use small"}})


async def test_what_the_admission_denies_is_named_with_policy_rule_file_and_line(
    task: Task, kube: KubeCluster, namespace: str, tmp_path: Path
) -> None:
    given = {"kyverno": True, "namespace": namespace}
    with admission.webhook(kube.api, kube.host, namespace, judge, tmp_path):
        with pytest.raises(NotAllowedError) as denied:
            await task.run("policy:check", given)
        warned = await task.run("policy:check", given | {"environment": "dev", "warnIn": ["dev"]})
        operators = {"name": "cluster", "kyverno": {"namespace": namespace}, "paths": ["*.yaml"]}
        task.configured(**(task.services.config or {}), scaffolder={"policies": [operators]})
        with pytest.raises(NotAllowedError, match="limit-sizes/no-large"):
            await task.run("policy:check", {"policy": "cluster"})
    assert f"limit-sizes/no-large: k8s.yaml:6: ConfigMap/{namespace}/wrong: validation error" in denied.value.message
    assert [(one["policy"], one["rule"], one["line"]) for one in warned.outputs["warnings"]] == [
        ("limit-sizes", "no-large", 6)
    ]
    assert not kube.api.find(f"/api/v1/namespaces/{namespace}/configmaps/fine")


def audit(value: Any) -> list[str]:
    """What Kyverno warns of when a policy in audit mode says ``emitWarning: true``."""
    if value["metadata"]["name"] != "fine":
        return []
    return ['policy require-labels.check-team: validation error: the label "team" is missing, see C:\\docs']


async def test_what_the_admission_only_warns_of_is_a_warning_and_in_the_log(
    task: Task, kube: KubeCluster, namespace: str, tmp_path: Path
) -> None:
    message = 'validation error: the label "team" is missing, see C:\\docs'
    with admission.webhook(kube.api, kube.host, namespace, lambda _: None, tmp_path, warn=audit):
        checked = await task.run("policy:check", {"kyverno": True, "namespace": namespace})
        applied = await task.run("kubernetes:apply", {"manifestPath": "k8s.yaml", "namespace": namespace})
    assert checked.outputs["warnings"] == [
        {"policy": "require-labels", "rule": "check-team", "file": "k8s.yaml", "line": 1,
         "message": f"ConfigMap/{namespace}/fine: {message}"}
    ]  # fmt: skip
    warning = f"ConfigMap/{namespace}/fine: policy require-labels.check-team: {message}"
    assert [text for level, text in applied.log.lines if level == "warning"] == [warning]


async def test_what_no_policy_refused_is_told_with_its_line(task: Task, namespace: str) -> None:
    (task.workspace.root / "k8s.yaml").write_text(MANIFESTS.replace("  size: large", "  size: [1]"))
    with pytest.raises(BackstageError, match=r"k8s\.yaml:6: "):
        await task.run("policy:check", {"kyverno": True, "namespace": namespace})
