"""The real schemathesis against the documents of a running service, in both of its modes.

``BACKSTAGE_PY_EXAMPLES`` says how hard it tries; 1/250 of it is the number of cases for each operation and phase. In
CI those are all of its phases.
"""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import effort, patience
from tests.contract.harness import KIT, Running, free_port, start

EXAMPLES = max(effort.EXAMPLES // 250, 1)
PHASES = "examples,coverage,fuzzing,stateful" if effort.IS_THOROUGH else "examples,fuzzing"
HERE = Path(__file__).parent
CONFIG = HERE.parent / "contract" / "app-config.yaml"
TEMPLATE = "template:default/basic"
VALUES = {"name": "demo", "count": 3, "owner": "group:default/team-a", "flavour": "sweet"}
CHECKS = "not_a_server_error,wrong_bodies_are_refused,success_fits_the_document,errors_have_backstages_shape"


@dataclass(frozen=True, slots=True)
class Site:
    """A running service and a guest's token."""

    service: Running
    token: str

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.service.url + path, data, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("schemathesis")
    port = free_port()
    env = {"KIT_PORT": str(port), "KIT_FOLDER": str(folder), "KIT": str(KIT)}
    service = start(folder, CONFIG, port=port, env=env)
    try:
        with urllib.request.urlopen(f"{service.url}/api/auth/guest/refresh", b"") as answer:
            yield Site(service, json.loads(answer.read())["backstageIdentity"]["token"])
    finally:
        service.process.terminate()
        service.process.wait(patience.SECONDS)


@pytest.fixture(scope="module")
def known(site: Site) -> dict[str, Any]:
    """Return ids of things that exist: an ended task, a template, an entity."""
    template = _when_there(site, f"/api/catalog/entities?filter=metadata.name={TEMPLATE.rpartition('/')[2]}")[0]
    body = {"templateRef": TEMPLATE, "values": VALUES}
    task_id = site.ask("POST", "/api/scaffolder/v2/tasks", body)["id"]
    site.ask("POST", f"/api/scaffolder/v2/tasks/{task_id}/cancel")  # so that a long poll has something to answer
    return {
        "taskId": task_id,
        "templateRef": TEMPLATE,
        "template": template,
        "values": VALUES,
        "entityRef": "component:default/web",
        "uid": template["metadata"]["uid"],
        "kind": "template",
        "namespace": "default",
        "name": "basic",
    }


def _when_there(site: Site, path: str) -> Any:
    return patience.wait(lambda: site.ask("GET", path), f"there is something at {path}")


@pytest.mark.thorough
@pytest.mark.timeout(120 + 40 * EXAMPLES)
@pytest.mark.parametrize("plugin", ["scaffolder", "catalog"])
def test_no_request_of_schemathesis_breaks_the_service(
    site: Site, known: dict[str, Any], plugin: str, tmp_path: Path
) -> None:
    command = [
        str(Path(sys.executable).with_name("st")),
        "run",
        f"{site.service.url}/api/{plugin}/openapi.json",
        f"--header=authorization: Bearer {site.token}",
        f"--phases={PHASES}",
        "--mode=all",
        f"--checks={CHECKS}",
        f"--max-examples={EXAMPLES}",
        "--continue-on-failure",
        "--suppress-health-check=all",
        "--generation-deterministic",
        "--request-timeout=60",
        "--no-color",
    ]
    env = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
        "PYTHONPATH": str(HERE),
        "KNOWN": json.dumps(known),
    }
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-2_000:]
    assert "Test cases:" in done.stdout, done.stdout
    log = site.service.log.read_text(encoding="utf-8", errors="replace")
    assert "internal_error_hidden" not in log
