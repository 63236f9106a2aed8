"""What tests of commands share: a runner, and a template in the working directory."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.cli import example


@pytest.fixture
def cli() -> CliRunner:
    return CliRunner()


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    example.write(tmp_path)
    return tmp_path
