"""The service with the recorded calls of a real Backstage replayed against it.

The kit's fixture server has a fixed port, which is part of the recordings: a lock lets one test use it at a time.
"""

import fcntl
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.contract.harness import KIT, free_port, start
from tests.contract.releases import RELEASE

CONFIG = Path(__file__).with_name("app-config.yaml")


@pytest.fixture(scope="session")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return verdicts and answers by name; the processes of one test run share one replay."""
    folder = tmp_path_factory.mktemp("kit")
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or folder.name
    out = (tmp_path_factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / f"kit-{run}.json"
    with (Path(tempfile.gettempdir()) / "backstage-py-kit.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not out.exists():
            replay(folder, out)
    return {one["name"]: one for one in json.loads(out.read_text(encoding="utf-8"))["results"]}


def replay(folder: Path, out: Path) -> None:
    """Start the service on a fresh database, replay everything and write the verdicts."""
    port = free_port()
    env = {"KIT_PORT": str(port), "KIT_FOLDER": str(folder), "KIT_CATALOG": str(KIT / "catalog")}
    service = start(folder, CONFIG, port=port, env=env)
    try:
        command = [sys.executable, str(KIT / "replay.py"), service.url, "--guest", "--quiet"]
        command += ["--release", RELEASE, "--json", str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert out.exists(), done.stderr
    finally:
        service.process.terminate()
        service.process.wait(60)
