"""What the chart and the files beside it make, checked without a cluster."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest

from backstage_py.settings import load, load_settings
from backstage_py.settings.check import Answer
from tests.deploy import kustomize
from tests.deploy.rendering import CHART, DEPLOY, rendered

EVERYTHING: dict[str, Any] = {
    "image": {"digest": f"sha256:{'a' * 64}", "pullSecrets": ["registry"]},
    "extraConfig": [{"configMap": "more", "key": "app-config.production.yaml"}],
    "database": {"host": "db.example.com", "existingSecret": "database", "sslMode": "verify-full"},
    "secrets": {"existing": ["tokens"], "keyEncryptionKey": {"existingSecret": "keys"}},
    "ingress": {"enabled": True, "host": "b.example.com", "tlsSecret": "tls", "className": "nginx"},
    "networkPolicy": {
        "enabled": True,
        "from": [{"namespaceSelector": {}}],
        "to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}],
    },
    "monitoring": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "rules": {"enabled": True},
        "dashboards": {"enabled": True},
    },
    "spread": {"nodeSelector": {"pool": "tools"}, "tolerations": [{"key": "tools", "operator": "Exists"}]},
    "serviceAccount": {"annotations": {"example.com/role": "tools"}, "token": True},
    "podAnnotations": {"a": "b"},
    "podLabels": {"c": "d"},
    "extraEnv": [{"name": "A", "value": "b"}],
}
MINIMAL = {"database": {"host": "db", "password": "for-trials"}}
_CUSTOM = {"ServiceMonitor", "PrometheusRule"}


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next(one for one in objects if one["kind"] == kind)


@pytest.mark.parametrize("values", [MINIMAL, EVERYTHING], ids=["minimal", "everything"])
def test_helm_finds_nothing_to_object_to(values: dict[str, Any]) -> None:
    found = helm_python.lint(CHART, values, strict=True, kube_version="1.33.0")
    assert found["errors"] == []
    assert [one for one in found["messages"] if one["severity"] > 1] == []


@pytest.mark.parametrize("values", [MINIMAL, EVERYTHING], ids=["minimal", "everything"])
def test_each_object_is_one_of_the_newest_kubernetes(values: dict[str, Any]) -> None:
    for one in rendered(values, is_upgrade=True):
        if one["kind"] not in _CUSTOM and not one["apiVersion"].endswith("beta1"):
            kubernetes_validate.validate(one, "1.33", strict=True)


def test_each_option_makes_its_object() -> None:
    kinds = {one["kind"] for one in rendered(EVERYTHING)}
    assert {*_CUSTOM, "Ingress", "NetworkPolicy", "PodDisruptionBudget", "Deployment", "Job", "ServiceAccount"} <= kinds
    assert not {*_CUSTOM, "Ingress", "NetworkPolicy"} & {one["kind"] for one in rendered(MINIMAL)}


def test_pods_have_no_more_rights_than_they_need() -> None:
    for one in (of_kind(rendered(MINIMAL), "Deployment"), of_kind(rendered(MINIMAL), "Job")):
        pod = one["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            given = container["securityContext"]
            assert given["readOnlyRootFilesystem"]
            assert not given["allowPrivilegeEscalation"]
            assert given["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]


def test_another_level_of_the_log_replaces_no_replica(tmp_path: Path) -> None:
    def of(level: str | None) -> tuple[dict[str, Any], str]:
        logger = {"logger": {"level": level}} if level else {}
        objects = rendered(MINIMAL | {"appConfig": {"backend": {"baseUrl": "https://b.example.com", **logger}}})
        config, files = of_kind(objects, "ConfigMap")["data"], []
        for name in ("app-config.yaml", "log-level.yaml"):
            files.append(tmp_path / name)
            files[-1].write_text(config[name], encoding="utf-8")
        environment = {"DATABASE_PASSWORD": "p", "KEY_ENCRYPTION_KEY": "k" * 64}
        return of_kind(objects, "Deployment"), load_settings(files, environment).backend.log_level

    before, quiet = of("warn")
    after, loud = of("debug")
    unset, default = of(None)
    assert before == after == unset
    assert (quiet, loud, default) == ("warn", "debug", "info")
    arguments = before["spec"]["template"]["spec"]["containers"][0]["args"]
    assert arguments[1:5:2] == ["--config", "--config"]
    assert arguments[4] == "/etc/backstage-py/live/log-level.yaml"


@pytest.mark.parametrize(
    "wrong", [{"replicas": "two"}, {"replica": 2}, {"image": {"digest": "latest"}}, {"workers": -1}]
)
def test_wrong_values_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(helm_python.HelmError):
        rendered(MINIMAL | wrong)


def test_what_is_written_of_the_configuration_goes_before_what_the_chart_knows(tmp_path: Path) -> None:
    own = {"appConfig": {"backend": {"baseUrl": "https://b.example.com", "listen": ":7008"}}}
    text = of_kind(rendered(MINIMAL | own), "ConfigMap")["data"]["app-config.yaml"]
    file = tmp_path / "app-config.yaml"
    file.write_text(text, encoding="utf-8")
    settings = load_settings([file], {"DATABASE_PASSWORD": "p", "KEY_ENCRYPTION_KEY": "k" * 64})
    assert (settings.backend.base_url, settings.backend.port) == ("https://b.example.com", 7008)
    assert settings.backend.database_url.startswith("postgresql")


@pytest.mark.parametrize(
    "file",
    [DEPLOY / "compose/app-config.yaml", DEPLOY / "compose/app-config.delegate.yaml"],
    ids=lambda file: file.name,
)
def test_configurations_of_the_trial_say_nothing_that_is_not_read(file: Path) -> None:
    found = load.findings([file], {"DATABASE_PASSWORD": "p", "GITHUB_TOKEN": "t"})
    assert [str(one) for one in found if one.answer in {Answer.WRONG, Answer.UNKNOWN, Answer.UNSET}] == []


def test_the_base_of_kustomize_is_what_the_chart_makes(tmp_path: Path) -> None:
    kustomize.write(tmp_path)
    made = {file.name: file.read_text(encoding="utf-8") for file in tmp_path.iterdir()}
    assert {file.name: file.read_text(encoding="utf-8") for file in kustomize.BASE.iterdir()} == made


def test_systemd_takes_the_unit_and_finds_it_confined(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if not program:
        pytest.skip("systemd-analyze (Debian: systemd), to check the unit")
    unit = (DEPLOY / "systemd/backstage-py.service").read_text(encoding="utf-8")
    unit = unit.replace("/opt/backstage-py/bin/backstage-py", "/bin/true")
    file = tmp_path / "backstage-py.service"
    file.write_text(unit, encoding="utf-8")
    checked = subprocess.run([program, "verify", "--man=no", str(file)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    judged = subprocess.run(
        [program, "security", "--offline=true", str(file)], capture_output=True, text=True, check=False
    )
    level = re.search(r"exposure level for backstage-py\.service: ([\d.]+)", judged.stdout)
    assert level, judged.stdout
    assert float(level[1]) < 2
