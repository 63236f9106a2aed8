"""Alerts that a real Prometheus raises about real services to which happens what they are for."""

import contextlib
import json
import os
import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import effort, patience
from tests.contract.harness import Running, free_port, running
from tests.monitoring import prometheus
from tests.storage.postgres import Postgres, postgres

RULES = Path(__file__).parents[2] / "examples/deploy/monitoring/alerts.yaml"
ENTITIES = """
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: breaks}
spec:
  type: service
  steps: [{id: bad, name: Break, action: fs:rename, input: {files: [{from: a, to: b}]}}]
---
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: waits}
spec:
  type: service
  steps: [{id: wait, name: Wait, action: "debug:wait", input: {minutes: 1}}]
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: guest, namespace: development}
spec: {memberOf: []}
"""


@dataclass(frozen=True)
class Site:
    service: Running
    metrics: str

    def ask(self, path: str, body: Any = None, token: str | None = None) -> Any:
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.service.url + path, data, headers)) as answer:
            return json.loads(answer.read())

    def token(self) -> str:
        return str(self.ask("/api/auth/guest/refresh", {})["backstageIdentity"]["token"])

    def create(self, template: str) -> str:
        asked = {"templateRef": f"template:default/{template}", "values": {}}
        return str(self.ask("/api/scaffolder/v2/tasks", asked, self.token())["id"])

    def worker(self) -> int:
        pid, found = self.service.process.pid, list[int]()

        def look() -> bool:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
            found[:] = map(int, children)
            return bool(found)

        patience.wait(look)
        return found[0]


@contextlib.contextmanager
def serving(folder: Path, database: Any, *arguments: str, **more: Any) -> Iterator[Site]:
    folder.mkdir()
    (folder / "entities.yaml").write_text(ENTITIES, encoding="utf-8")
    port, away = free_port(), free_port()
    config = {
        "backend": {
            "database": database,
            "workingDirectory": "./work",
            "metrics": {"listen": {"host": "127.0.0.1", "port": port}},
            "reading": {"allow": [{"host": f"127.0.0.1:{away}"}]},
        },
        "auth": {"providers": {"guest": {}}},
        "catalog": {
            "processingInterval": {"seconds": 1},
            "rules": [{"allow": ["User", "Template", "Location"]}],
            "locations": [
                {"type": "file", "target": "./entities.yaml"},
                {"type": "url", "target": f"http://127.0.0.1:{away}/x.yaml"},
            ],
        },
        **more,
    }
    (folder / "app-config.yaml").write_text(json.dumps(config), encoding="utf-8")
    with running(folder, folder / "app-config.yaml", *arguments) as service:
        yield Site(service, f"127.0.0.1:{port}")


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as found:
        yield found


def hurried() -> str:
    """The rules as they are, but for how long things last: a test cannot wait for half an hour."""
    text = RULES.read_text(encoding="utf-8")
    return re.sub(r"\[\d+[mh]\]", "[30s]", re.sub(r"^ +for: .*\n", "", text, flags=re.MULTILINE))


@pytest.mark.skipif(not effort.IS_THOROUGH, reason="takes a minute; CI has it")
def test_alerts_fire_when_happens_what_they_are_for(tmp_path: Path, server: Postgres) -> None:
    tasks_in = {"client": "better-sqlite3", "connection": {"filename": "./db.sqlite"}}
    url = server.new_database("alerts").replace("+psycopg", "")
    away = f"http://127.0.0.1:{free_port()}/api/permission"
    policed = {
        "permission": {"enabled": True},
        "discovery": {"endpoints": [{"target": away, "plugins": ["permission"]}]},
    }
    prometheus.program("prometheus")
    with (
        serving(tmp_path / "tasks", tasks_in, "--workers", "1") as busy,
        serving(tmp_path / "requests", {"client": "pg", "connection": url}, **policed) as asked,
        prometheus.running(tmp_path, hurried(), [busy.metrics, asked.metrics]) as watching,
    ):
        seen = set[str]()

        def fires(*names: str, while_: Callable[[], object] = lambda: None) -> None:
            """Wait for alerts; what a counter begins with counts for nothing, so causes are repeated."""

            def look() -> bool:
                while_()
                time.sleep(0.5)
                seen.update(watching.firing())
                return seen.issuperset(names)

            patience.wait(look)

        def ask() -> None:
            with contextlib.suppress(urllib.error.HTTPError):  # 503
                asked.ask("/api/catalog/entities", token=token)

        patience.wait(lambda: len(watching.ask("query", query="up == 1")["result"]) == 2)
        assert watching.firing() <= {"BackstagePyCatalogSourceFails"}
        patience.wait(lambda: _can(busy))
        token = asked.token()
        fires("BackstagePyTasksFail", while_=lambda: busy.create("breaks"))
        fires("BackstagePyPermissionsFail", "BackstagePyRequestsFail", while_=ask)
        path = f"/api/scaffolder/v2/tasks/{busy.create('waits')}"
        patience.wait(lambda: busy.ask(path, token=busy.token())["status"] == "processing")
        os.kill(busy.worker(), signal.SIGSTOP)
        fires("BackstagePyTaskLeasesSilent", "BackstagePyCatalogSourceFails")
        fires("BackstagePyWorkersDie", while_=lambda: os.kill(busy.worker(), signal.SIGKILL))
        server.stop()
        fires("BackstagePyDatabaseDown")
        asked.service.process.kill()
        fires("BackstagePyDown")


def _can(site: Site) -> bool:
    with contextlib.suppress(urllib.error.HTTPError):
        return bool(site.ask("/api/catalog/entities/by-name/template/default/waits", token=site.token()))
    return False
