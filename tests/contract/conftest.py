"""The service with the recorded calls of a real Backstage replayed against it.

The kit's fixture server has a fixed port, which is part of the recordings: a lock lets one test use it at a time.
"""

import fcntl
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.harness import KIT, free_port, start

CONFIG = Path(__file__).with_name("app-config.yaml")


@pytest.fixture(scope="package")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Start the service on a fresh database, replay everything, and hand out verdicts and answers by name."""
    folder = tmp_path_factory.mktemp("kit")
    port = free_port()
    env = {"KIT_PORT": str(port), "KIT_FOLDER": str(folder), "KIT_CATALOG": str(KIT / "catalog")}
    with (Path(tempfile.gettempdir()) / "backstage-py-kit.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        service = start(folder, CONFIG, port=port, env=env)
        try:
            out = folder / "verdicts.json"
            run = subprocess.run(
                [sys.executable, str(KIT / "replay.py"), service.url, "--guest", "--quiet", "--json", str(out)],
                capture_output=True,
                text=True,
                check=False,
            )
            assert out.exists(), run.stderr
            yield {one["name"]: one for one in json.loads(out.read_text(encoding="utf-8"))["results"]}
        finally:
            service.process.terminate()
            service.process.wait(60)
