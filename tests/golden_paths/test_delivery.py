"""Argo CD, its ApplicationSet and Flux deliver the same chart with the same values to the same namespaces."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.golden_paths import definitions, kyverno
from tests.golden_paths.produced import NAME, TEAM

ENVIRONMENTS = ("staging", "production")
REPOSITORY = f"https://github.com/org/{NAME}.git"


def documents(repository: Path, path: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((repository / "deploy" / path).read_text(encoding="utf-8")))


def document(repository: Path, path: str) -> dict[str, Any]:
    (found,) = documents(repository, path)
    return found


def applications(repository: Path, path: str) -> list[dict[str, Any]]:
    """What an ApplicationSet with a list makes, as Argo CD's controller does."""
    spec = document(repository, path)["spec"]
    (generator,) = spec["generators"]
    made = []
    for element in generator["list"]["elements"]:
        text = json.dumps(spec["template"])
        for name, value in element.items():
            text = text.replace(f"{{{{ .{name} }}}}", value)
        assert "{{" not in text
        made.append({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", **json.loads(text)})
    return made


@pytest.mark.thorough
def test_each_manifest_is_as_its_project_defines_it(delivered: Path) -> None:
    files = [one for one in sorted((delivered / "deploy").rglob("*.yaml")) if one.name != "values.yaml"]
    found = [(file.name, one) for file in files for one in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
    assert {one["kind"] for _, one in found} == {
        "Application", "ApplicationSet", "GitRepository", "HelmRelease", "Kustomization", "Policy",
    }  # fmt: skip
    assert [f"{name}: {problem}" for name, one in found for problem in definitions.problems(one)] == []


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_argo_cd_syncs_the_chart_with_the_values_of_its_environment(delivered: Path, environment: str) -> None:
    application = document(delivered, f"argo-cd/{environment}.yaml")
    spec = application["spec"]
    assert application["metadata"]["name"] == f"{NAME}-{environment}"
    assert spec["source"]["repoURL"] == REPOSITORY
    chart = delivered / spec["source"]["path"]
    files = [(chart / name).resolve() for name in spec["source"]["helm"]["valueFiles"]]
    assert files == [
        (delivered / name).resolve() for name in ("chart/values.yaml", f"deploy/{environment}/values.yaml")
    ]
    assert all(file.is_file() for file in files)
    assert spec["source"]["helm"]["releaseName"] == NAME
    assert spec["destination"]["namespace"] == f"{TEAM}-{environment}"
    assert spec["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True}


def test_the_application_set_is_the_applications(delivered: Path) -> None:
    made = applications(delivered, "argo-cd/applicationset/environments.yaml")
    by_hand = [document(delivered, f"argo-cd/{environment}.yaml") for environment in ENVIRONMENTS]
    for one in by_hand:
        assert one["metadata"].pop("namespace") == "argocd"  # the set's own
    assert made == by_hand


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_flux_does_what_argo_cd_does(delivered: Path, environment: str) -> None:
    source = document(delivered, "flux/source.yaml")
    release = document(delivered, f"flux/{environment}.yaml")
    application = document(delivered, f"argo-cd/{environment}.yaml")["spec"]
    chart = release["spec"]["chart"]["spec"]
    assert source["spec"]["url"] == application["source"]["repoURL"]
    assert source["spec"]["ref"] == {"branch": application["source"]["targetRevision"]}
    assert chart["sourceRef"] == {"kind": source["kind"], "name": source["metadata"]["name"]}
    assert release["metadata"]["namespace"] == source["metadata"]["namespace"]
    assert (delivered / chart["chart"]).resolve() == (delivered / application["source"]["path"]).resolve()
    values = [(delivered / "chart" / name).resolve() for name in application["source"]["helm"]["valueFiles"]]
    assert [(delivered / name).resolve() for name in chart["valuesFiles"]] == values
    assert release["spec"]["targetNamespace"] == application["destination"]["namespace"]
    assert release["spec"]["releaseName"] == application["source"]["helm"]["releaseName"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_flux_deploys_a_new_digest_under_the_same_version_of_the_chart(delivered: Path, environment: str) -> None:
    assert document(delivered, f"flux/{environment}.yaml")["spec"]["chart"]["spec"]["reconcileStrategy"] == "Revision"


def test_policies_come_to_both_environments_by_both(delivered: Path) -> None:
    by_argo = applications(delivered, "argo-cd/policies.yaml")
    by_flux = documents(delivered, "flux/policies.yaml")
    namespaces = [f"{TEAM}-{environment}" for environment in ENVIRONMENTS]
    assert [one["spec"]["destination"]["namespace"] for one in by_argo] == namespaces
    assert [one["spec"]["targetNamespace"] for one in by_flux] == namespaces
    for path in [*(one["spec"]["source"]["path"] for one in by_argo), *(one["spec"]["path"] for one in by_flux)]:
        assert list((delivered / path).glob("*.yaml"))
    assert [problem for one in by_argo for problem in definitions.problems(one)] == []


@pytest.mark.parametrize("kind", ["containers", "initContainers", "ephemeralContainers"])
def test_policies_are_about_every_kind_of_container(delivered: Path, kind: str) -> None:
    policies = [*documents(delivered, "policies/images.yaml"), *documents(delivered, "policies/pods.yaml")]
    security = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    own = {
        "name": "one",
        "image": f"ghcr.io/org/{NAME}@sha256:{'0' * 64}",
        "securityContext": {**security, "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "resources": {"limits": {"memory": "64Mi"}},
    }
    labels = {"app.kubernetes.io/name": NAME}

    def judged(container: dict[str, Any]) -> str | None:
        spec = {"containers": [own], kind: [container]}
        return kyverno.refusal(policies, {"kind": "Pod", "metadata": {"name": "one", "labels": labels}, "spec": spec})

    assert judged(own) is None
    assert f"failed at path /spec/{kind}/0/image/" in str(judged({**own, "image": "docker.io/library/busybox:1"}))
    writable = {**own, "securityContext": {**own["securityContext"], "readOnlyRootFilesystem": False}}  # type: ignore[dict-item]  # a map
    assert (judged(writable) is None) == (kind == "ephemeralContainers")  # which have no resources, and live a moment
