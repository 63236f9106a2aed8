"""The Go service that path 1 produces: its sources pass Go's own checks and tests."""

from pathlib import Path

import pytest

from tests.golden_paths import produced, toolchain

pytestmark = [pytest.mark.go, pytest.mark.thorough]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return produced.produce(produced.skeleton("go"), tmp_path_factory.mktemp("service"))


def test_the_sources_are_formatted(service: Path) -> None:
    assert toolchain.found(Path(__file__).parent).run("run", "gofmt/main.go", str(service)) == ""


def test_the_service_passes_its_own_tests(service: Path) -> None:
    go = toolchain.found(service)
    go.run("vet", "./...")
    assert go.run("test", "-count=1", "./...").startswith("ok")
