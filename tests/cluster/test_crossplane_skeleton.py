"""The manifests that a platform team starts from: taken by a real API server with the real definitions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from backstage_py.errors import InputError
from backstage_py.integrations.crossplane import checking, offers
from backstage_py.integrations.crossplane.definitions import Definition
from tests.cluster.cluster import KubeCluster
from tests.cluster.plurals import path_of

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "skeletons" / "crossplane-postgres"


def documents(path: Path) -> Iterator[Any]:
    yield from yaml.safe_load_all(path.read_text())


@pytest.mark.xdist_group("golden-path")  # which has the same definitions on the cluster for a while
@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.yaml")), ids=lambda one: str(one.relative_to(FOLDER)))
def test_the_cluster_takes_it(path: Path, kube: KubeCluster, namespace: str) -> None:
    kube.load_crds("crossplane", "external-secrets")
    for one in documents(path):
        if one["apiVersion"] == "platform.example.org/v1":
            assert path.name == "request.yaml"
            continue
        if "namespace" in one["metadata"]:
            one["metadata"]["namespace"] = namespace
        made = kube.api.post(f"{path_of(kube.api, one)}?dryRun=All&fieldManager=test", one)
        assert pruned(one["spec"], made["spec"]) == []


def pruned(sent: Any, kept: Any, where: str = "spec") -> list[str]:
    """What the API server dropped without a word."""
    if isinstance(sent, dict):
        lost = [f"{where}.{key}" for key in sent if key not in kept]
        return lost + [one for key in sent if key in kept for one in pruned(sent[key], kept[key], f"{where}.{key}")]
    if isinstance(sent, list):
        pairs = zip(sent, kept, strict=True)
        return [one for n, (left, right) in enumerate(pairs) for one in pruned(left, right, f"{where}[{n}]")]
    return []


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_its_requests_are_as_its_definition_wants_them(version: str) -> None:
    [value] = documents(FOLDER / version / "definition.yaml")
    for one in documents(FOLDER / version / "request.yaml"):
        checking.refuse_unless_valid(definition(value, one["kind"]), one)
        one["spec"]["parameters"]["encryption"] = False
        with pytest.raises(InputError, match=r"spec\.parameters\.encryption"):
            checking.refuse_unless_valid(definition(value, one["kind"]), one)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_example_of_a_configuration_asks_for_what_it_takes(version: str) -> None:
    [value] = documents(FOLDER / version / "definition.yaml")
    text = (ROOT / "docs" / "crossplane.md").read_text().split("```yaml\n", 1)[1].split("```", 1)[0]
    found = offers.read(yaml.safe_load(text))
    assert list(found) == ["postgres", "bucket"]
    offer = found["postgres"]
    for place in offer.environments.values():
        spec = offer.spec(offer.values(place, "small", {}))
        checking.refuse_unless_valid(definition(value, offer.kind), {"kind": offer.kind, "spec": spec})
    prod = offer.place("prod")
    assert offer.values(prod, "small", {})["class"] == "db.m7g.large"
    assert offer.values(prod, "small", {})["region"] == "eu-west-1"
    bucket = found["bucket"]
    assert bucket.spec(bucket.values(bucket.place("prod"), "small", {})) == {
        "parameters": {
            "encryption": True, "deletionProtection": True, "versionDays": 30, "region": "eu-central-1",
            "storageClass": "STANDARD",
        },
    }  # fmt: skip


def definition(value: Any, kind: str) -> Definition:
    [version] = value["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    is_v2 = value["spec"].get("scope") == "Namespaced"
    group = value["spec"]["group"]
    return Definition(value["metadata"]["name"], group, kind, "v1", True, is_v2, not is_v2, schema)
