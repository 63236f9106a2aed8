"""The page about installing: its values make what Kubernetes and the service take, its names agree with each other."""

import re
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

from backstage_py.settings import load, load_settings
from backstage_py.settings.addresses import Addresses
from backstage_py.settings.check import Answer
from tests.deploy import install_page
from tests.deploy.rendering import CHART, DEPLOY, rendered

_ENVIRONMENT = {"DATABASE_PASSWORD": "p", "KEY_ENCRYPTION_KEY": "k" * 64, "GITHUB_TOKEN": "t"}


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    return rendered(install_page.values())


def test_its_values_make_objects_that_kubernetes_takes(objects: list[dict[str, Any]]) -> None:
    assert helm_python.lint(CHART, install_page.values(), strict=True, kube_version="1.33.0")["errors"] == []
    assert {"Deployment", "Ingress", "Service", "PodDisruptionBudget"} <= {one["kind"] for one in objects}
    for one in objects:
        if not one["apiVersion"].endswith("beta1"):
            kubernetes_validate.validate(one, "1.33", strict=True)


def test_the_service_reads_its_configuration_and_finds_itself(objects: list[dict[str, Any]], tmp_path: Path) -> None:
    text = next(one for one in objects if one["kind"] == "ConfigMap")["data"]["app-config.yaml"]
    file = tmp_path / "app-config.yaml"
    file.write_text(text, encoding="utf-8")
    bad = {Answer.WRONG, Answer.UNKNOWN, Answer.UNSET, Answer.IGNORED}

    assert [str(one) for one in load.findings([file], _ENVIRONMENT) if one.answer in bad] == []
    addresses = Addresses.of(load_settings([file], _ENVIRONMENT))
    assert addresses.own == "https://backstage-py.example.com"
    assert addresses.serves("catalog")
    assert not addresses.serves("auth")


def test_it_makes_each_secret_that_its_values_name(objects: list[dict[str, Any]]) -> None:
    values, page = install_page.values(), install_page.text()
    named = {values["database"]["existingSecret"], values["ingress"]["tlsSecret"], *values["secrets"]["existing"]}
    made = set(re.findall(r"create secret (?:generic|tls) (\S+)", page))

    assert made == named
    own = {one["metadata"]["name"] for one in objects if one["kind"] == "Secret"}
    assert set(re.findall(r"get secret (\S+)", page)) == own
    assert set(re.findall(r"--from-literal=([A-Z_]+)=", page)) == set(re.findall(r"\$\{(\w+)\}", yaml.dump(values)))


def test_it_pushes_the_image_that_is_installed() -> None:
    image = install_page.values()["image"]
    name = f"{image['repository']}:{image['tag']}"

    assert set(re.findall(r"registry\.example\.com/\S+:\S+", install_page.text())) == {name}
    assert image["tag"] == yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["appVersion"]


def test_files_that_it_names_are_there() -> None:
    unit = (DEPLOY / "systemd/backstage-py.service").read_text(encoding="utf-8")
    for path in re.findall(r"examples/deploy/[\w./-]*\w", install_page.text()):
        assert (DEPLOY.parents[1] / path).exists(), path
    for place in ("/opt/backstage-py/bin", "/etc/backstage-py/"):
        assert place in unit
        assert place in install_page.text()
