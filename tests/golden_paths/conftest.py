"""Produced repositories, once for each language and module, or for each of many answers and run."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backstage_py.cli.main import app
from tests.golden_paths import answers, produced, python_service, toolchain


@pytest.fixture(scope="module", params=produced.LANGUAGES)
def repository(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository of a new service."""
    return produced.produce(produced.skeleton(request.param), tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="session")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository for what is the same text in all languages: the chart, and how it is delivered."""
    return produced.produce(produced.skeleton("go"), tmp_path_factory.mktemp("delivered"))


@pytest.fixture(scope="session", params=produced.LANGUAGES)
def repositories(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What a dry run of the template writes for answers that have each pair of choices."""
    folder, made = tmp_path_factory.mktemp(request.param), []
    template = str(produced.skeleton(request.param).parent)
    for number, given in enumerate(answers.of(request.param)):
        values = folder / f"{number}.json"
        values.write_text(json.dumps(given))
        made.append(folder / f"{number}-{given['name']}")
        done = CliRunner().invoke(app, ["dry-run", template, "-v", str(values), "--out", str(made[-1])])
        assert done.exit_code == 0, done.output
    return made


@pytest.fixture(scope="session")
def go_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of a new Go service, as its Dockerfile builds it."""
    source = produced.produce(produced.skeleton("go"), tmp_path_factory.mktemp("go"))
    version = f"-X github.com/org/{produced.NAME}/internal/build.Version=0123abc"
    toolchain.found(source).run("build", "-trimpath", f"-ldflags=-s -w {version}", "-o", "service", ".")
    return source / "service"


@pytest.fixture(scope="session")
def python_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment for produced Python services; tests with it are of one group, so that a run makes it once."""
    return python_service.environment(tmp_path_factory.mktemp("environment"))
