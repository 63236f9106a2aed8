"""CI tries a failed test again, in the same process: it gets anew all but what the whole run shares."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASES = """
import time
from pathlib import Path
import pytest

tries = []
LOG = Path(__file__).with_name("log")

def note(text):
    with LOG.open("a") as log:
        log.write(text + " ")

@pytest.fixture(scope="session")
def of_the_run():
    note("run")
    yield
    note("over")

@pytest.fixture(scope="module")
def server(of_the_run):
    databases = set()
    note("up")
    yield databases
    note("down")
    assert "broken" not in databases

@pytest.mark.parametrize("name", ["shop", "broken"])
def test_a_database(server, name):
    assert name not in server
    server.add(name)
    assert LOG.read_text().count("up") == {"shop": 3, "broken": 5}[name]
    server.clear()

@pytest.mark.timeout(5)
def test_that_hangs_twice():
    tries.append(1)
    if len(tries) < 3:
        time.sleep(60)
"""


@pytest.mark.thorough
def test_another_try_finds_nothing_of_those_before(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text(encoding="utf-8"))
    (tmp_path / "test_case.py").write_text(CASES)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")} | {
        "BACKSTAGE_PY_RERUNS": "2",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, str(tmp_path)]
    command += [word for plugin in ("rerunfailures", "timeout", "no:cacheprovider") for word in ("-p", plugin)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed, 6 rerun" in done.stdout
    assert (tmp_path / "log").read_text().split() == ["run", *["up", "down"] * 5, "over"]
