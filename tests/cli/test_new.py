"""new: what is started is valid and passes its own tests."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from backstage_py.cli.main import app


@pytest.mark.parametrize("kind", ["template", "golden-path"])
def test_what_new_writes_is_valid_and_passes_its_tests(
    cli: CliRunner, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert cli.invoke(app, ["new", kind, "web-shop"]).exit_code == 0

    assert cli.invoke(app, ["validate", "web-shop"]).stdout == "No problems found.\n"
    assert cli.invoke(app, ["test", "web-shop"]).exit_code == 0


def test_new_action_is_a_package_with_an_entry_point(cli: CliRunner, tmp_path: Path) -> None:
    result = cli.invoke(app, ["new", "action", "acme-greet", "--out", str(tmp_path / "greet")])

    assert result.exit_code == 0, result.stderr
    compile((tmp_path / "greet" / "acme_greet" / "__init__.py").read_text(), "greet", "exec")
    assert 'acme-greet = "acme_greet"' in (tmp_path / "greet" / "pyproject.toml").read_text()


def test_new_does_not_overwrite(cli: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")

    result = cli.invoke(app, ["new", "template", "x", "--out", str(tmp_path)])

    assert result.exit_code == 2
    assert "is there already and not empty" in result.stderr
