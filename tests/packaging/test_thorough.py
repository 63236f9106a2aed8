"""A plain run leaves thorough tests to CI and says so; who names a test gets it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASES = """
import pytest

def test_quick(): pass

@pytest.mark.thorough
def test_slow(): pass

@pytest.mark.thorough(sample=2)
@pytest.mark.parametrize("n", range(10))
def test_many(n): pass
"""


def counted(folder: Path, *arguments: str, examples: str = "25") -> str:
    (folder / "tests").mkdir(exist_ok=True)
    (folder / "tests/conftest.py").write_text((ROOT / "tests/conftest.py").read_text(encoding="utf-8"))
    (folder / "tests/test_case.py").write_text(CASES)
    (folder / "pytest.ini").write_text(f"[pytest]\ntestpaths = tests\npythonpath = {ROOT}\nmarkers = thorough: slow\n")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")} | {
        "BACKSTAGE_PY_EXAMPLES": examples,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.thorough
def test_a_plain_run_has_the_quick_ones_and_samples_and_says_what_waits(tmp_path: Path) -> None:
    said = counted(tmp_path)
    assert "3 passed, 9 deselected" in said
    assert "9 tests wait for CI" in said


@pytest.mark.thorough
@pytest.mark.parametrize(
    "arguments", [["tests/test_case.py"], ["-k", "slow or many or quick"], ["tests/test_case.py::test_slow"]]
)
def test_who_names_tests_gets_all_of_them(tmp_path: Path, arguments: list[str]) -> None:
    said = counted(tmp_path, *arguments)
    assert "deselected" not in said
    assert f"{1 if '::' in arguments[0] else 12} passed" in said


@pytest.mark.thorough
def test_ci_has_them_all(tmp_path: Path) -> None:
    assert "12 passed" in counted(tmp_path, examples="1500")
