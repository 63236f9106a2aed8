"""The Go service that path 1 produces: its sources pass Go's own checks and tests."""

import re
import shutil
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.golden_paths import produced, toolchain

ORDERS: Final = f"""package api

import (
	"net/http"

	"github.com/org/{produced.NAME}/internal/openapi"
)

type Order struct {{
	Item string `json:"item"`
}}

func init() {{
	takes(openapi.Operation{{
		ID: "putOrder", Method: http.MethodPut, Path: "/orders/{{id}}", Summary: "Keep an order", Status: http.StatusOK,
	}}, func(_ *http.Request, order Order) (Order, error) {{
		return order, nil
	}})
}}
"""

pytestmark = [pytest.mark.go, pytest.mark.thorough]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return produced.produce(produced.skeleton("go"), tmp_path_factory.mktemp("service"))


def test_the_sources_are_formatted(service: Path) -> None:
    assert toolchain.found(Path(__file__).parent).run("run", "gofmt/main.go", str(service)) == ""


def test_the_description_of_the_api_is_made_from_the_code(service: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(service, tmp_path / "service")
    go = toolchain.found(folder)
    assert go.run("run", "./cmd/openapi") == (folder / "openapi.yaml").read_text(encoding="utf-8")
    go.run("run", "./cmd/openapi", "-check")
    (folder / "openapi.yaml").write_text("openapi: 3.1.0", encoding="utf-8")
    with pytest.raises(AssertionError, match="does not describe the code any more"):
        go.run("run", "./cmd/openapi", "-check")


def test_the_service_passes_its_own_tests(service: Path) -> None:
    go = toolchain.found(service)
    go.run("vet", "./...")
    lines = go.run("test", "-count=1", "./...").splitlines()
    assert sum(line.startswith("ok") for line in lines) == 5


def test_an_endpoint_more_is_a_file_more(service: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(service, tmp_path / "service")
    (folder / "internal/api/orders.go").write_text(ORDERS, encoding="utf-8")
    go = toolchain.found(folder)
    (folder / "openapi.yaml").write_text(go.run("run", "./cmd/openapi"), encoding="utf-8")
    described = yaml.safe_load((folder / "openapi.yaml").read_text(encoding="utf-8"))
    assert described["paths"]["/orders/{id}"]["put"]["requestBody"]["required"] is True
    assert set(described["components"]["schemas"]) == {"Failure", "Home", "Order"}
    go.run("vet", "./...")
    go.run("test", "-count=1", "./internal/api")


def test_its_toolchains_agree(service: Path) -> None:
    texts = {name: (service / name).read_text(encoding="utf-8") for name in ("go.mod", "Dockerfile", ".gitlab-ci.yml")}
    versions = {name: re.findall(r"(?:^go |\bgolang:)(\d+\.\d+)", text, re.MULTILINE) for name, text in texts.items()}
    assert set(versions["go.mod"]) == set(versions["Dockerfile"]) == set(versions[".gitlab-ci.yml"])
    assert "go-version-file: go.mod" in (service / ".github/workflows/ci.yaml").read_text(encoding="utf-8")
