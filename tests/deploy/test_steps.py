"""What the chart and the Kustomize folder bring for steps as Kubernetes Jobs."""

from typing import Any

import yaml

from backstage_py.scaffolder.executors.kubernetes.job import MANAGED_BY
from tests.deploy.rendering import DEPLOY, rendered

_DATABASE = {"host": "postgres", "existingSecret": "database"}


def steps(**more: Any) -> list[dict[str, Any]]:
    return rendered({"database": _DATABASE, "steps": {"enabled": True, "namespace": "steps", **more}, "workers": 2})


def of(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    [found] = [one for one in objects if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


def test_both_give_the_service_the_same_rights_and_no_more() -> None:
    role = yaml.safe_load((DEPLOY / "kustomize/steps/role.yaml").read_text(encoding="utf-8"))
    made = steps()
    assert of(made, "Role", "backstage-py-steps")["rules"] == role["rules"]
    binding = of(made, "RoleBinding", "backstage-py-steps")
    assert binding["metadata"]["namespace"] == "steps"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "backstage-py", "namespace": "tools"}]
    assert not [one for one in made if one["kind"].startswith("ClusterRole")]


def test_pods_of_steps_reach_the_execution_api_of_each_worker_alone() -> None:
    policy = of(steps(), "NetworkPolicy", "backstage-py-steps")["spec"]
    assert policy["podSelector"]["matchLabels"] == {MANAGED_BY: "backstage-py"}
    assert policy["ingress"] == []
    _, api = policy["egress"]
    assert [one["port"] for one in api["ports"]] == [7010, 7011]
    open_ = of(steps(egress=[{"ports": [{"port": 443}]}]), "NetworkPolicy", "backstage-py-steps")["spec"]
    assert len(open_["egress"]) == 3


def test_the_service_knows_its_address_and_may_ask_the_cluster() -> None:
    pod = of(steps(), "Deployment", "backstage-py")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is True
    assert {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}} in pod["containers"][0]["env"]


def test_nothing_of_it_is_there_unless_it_is_asked_for() -> None:
    made = rendered({"database": _DATABASE})
    assert not [one for one in made if one["metadata"]["name"].endswith("-steps")]
    pod = of(made, "Deployment", "backstage-py")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
