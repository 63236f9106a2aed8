from pathlib import Path

import pytest

from service import openapi

KEPT = Path(__file__).parents[1] / "openapi.yaml"


def test_the_document_that_is_kept_describes_the_code() -> None:
    assert openapi.main(["--check", str(KEPT)]) == 0


def test_what_differs_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stale = tmp_path / "openapi.yaml"
    stale.write_text(KEPT.read_text().replace("/:", "/old:"))
    assert openapi.main(["--check", str(stale)]) == 1
    told = capsys.readouterr().out
    assert "-  /old:" in told
    assert "+  /:" in told


def test_the_order_of_keys_does_not_matter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert openapi.main([]) == 0
    lines = capsys.readouterr().out
    assert "/healthz" not in lines
    other = tmp_path / "openapi.yaml"
    openapi_version = next(line for line in lines.splitlines() if line.startswith("openapi:"))
    other.write_text(f"{openapi_version}\n{lines.replace(openapi_version, '')}")
    assert openapi.main(["--check", str(other)]) == 0


def test_wrong_arguments_are_told_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert openapi.main(["--help"]) == 2
    assert "--check openapi.yaml" in capsys.readouterr().out
