"""The calls that were recorded against a real Backstage, replayed against this service.

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

from backstage_py.model.json import JsonObject
from tests.contract.harness import KIT, free_port, start

CONFIG = Path(__file__).with_name("app-config.yaml")
GROUPS = ("auth", "permission", "root", "nothing", "scaffolder", "catalog")


def recorded(*groups: str) -> list[JsonObject]:
    """Return the recorded calls of some groups, in their order."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((KIT / "recordings").glob("[0-9]*.json"))]
    return [one for one in found if one["group"] in groups]


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Start the service on a fresh database, replay everything, and hand out the verdicts by name."""
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


def is_action_of_ours(call: str, difference: JsonObject) -> bool:
    """Tell whether a difference is an action that was not installed when the calls were recorded."""
    return (
        call in {"actions", "cors-get"} and difference["expected"] == "(nothing)" and difference["at"].count("/") == 1
    )


@pytest.mark.xdist_group("kit")
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", [one["name"] for one in recorded(*GROUPS)])
def test_the_answer_is_backstages(replayed: dict[str, Any], name: str) -> None:
    verdict = replayed[name]
    differences = [
        f"{one['at']}: expected {one['expected']!r}, got {one['actual']!r}"
        for one in verdict["differences"]
        if one["category"] == "contract" and not is_action_of_ours(name, one)
    ]
    assert differences == []
