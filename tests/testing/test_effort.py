"""Generated cases are the same in every run, whatever else a worker has imported."""

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def drawn() -> list[str]:
    """Return generated texts; a run of its own each time."""
    found: list[str] = []

    @settings(max_examples=300)
    @given(st.text(max_size=12))
    def collect(text: str) -> None:
        found.append(text)

    collect()
    return found


@pytest.mark.skipif("config.getoption('--hypothesis-seed') is not None", reason="other cases are asked for")
def test_cases_do_not_depend_on_imported_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = drawn()
    path = tmp_path / "words.py"
    path.write_text("".join(f"A{number} = 'word-{number}'\n" for number in range(500)))
    spec = importlib.util.spec_from_file_location("words", path)
    assert spec is not None
    monkeypatch.setitem(sys.modules, "words", importlib.util.module_from_spec(spec))
    assert drawn() == before
