"""What operators read at /metrics of a real service with a worker process, and who may read it."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backstage_py.metrics import collecting, exposition, reference, scaffolder
from backstage_py.metrics.instruments import MOST_SERIES, OTHER
from tests import patience
from tests.contract.harness import Running, free_port, running
from tests.metrics import page
from tests.metrics.families import families

DECLARED = """
from backstage_py.metrics import collecting, instruments
before = set(instruments.declared())
from backstage_py.metrics import reference
reference.exported_names()
print([one.name for one in instruments.declared() if one not in before])
"""
RECORD = Path(__file__).parents[1] / "golden/metrics/backstage-1.57.1.json"
"""What ``tests/anchor/test_metrics_of_backstage.py`` found there, without OpenTelemetry's."""
SECRET = "an-unusually-secret-word"
TOKEN = "a-static-token-of-prometheus"
CONFIG = """
backend:
  database: {{client: better-sqlite3, connection: {{filename: ./db.sqlite}}}}
  workingDirectory: ./work
  auth: {{externalAccess: [{{type: static, options: {{token: {token}, subject: prometheus}}}}]}}
  metrics: {metrics}
auth: {{providers: {{guest: {{}}}}}}
scaffolder: {{concurrentTasksLimit: 3}}
catalog:
  rules: [{{allow: [User, Template, Location]}}]
  locations: [{{type: file, target: ./entities.yaml}}, {{type: file, target: ./missing.yaml}}]
"""
ENTITIES = """
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: greet}
spec:
  type: service
  steps:
    - {id: log, name: Say it, action: debug:log, input: {message: "hello ${{ secrets.word }}"}}
    - {id: off, name: Left out, action: debug:log, if: false, input: {message: never}}
    - {id: bad, name: Break, action: fs:rename, if: "${{ parameters.fails }}", input: {files: [{from: a, to: b}]}}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: guest, namespace: development}
spec: {memberOf: []}
"""


@dataclass(frozen=True)
class Site:
    service: Running
    metrics_url: str
    folder: Path = Path()

    def ask(self, path: str, body: Any = None, token: str | None = None) -> Any:
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.service.url + path, data, headers)) as answer:
            return json.loads(answer.read())

    def token(self) -> str:
        return str(self.ask("/api/auth/guest/refresh", {})["backstageIdentity"]["token"])

    def create(self, *, fails: bool = False) -> str:
        body = {"templateRef": "template:default/greet", "values": {"fails": fails}, "secrets": {"word": SECRET}}
        return str(self.ask("/api/scaffolder/v2/tasks", body, self.token())["id"])

    def status(self, task: str) -> str:
        return str(self.ask(f"/api/scaffolder/v2/tasks/{task}", token=self.token())["status"])

    def run(self, *, fails: bool = False) -> None:
        task = self.create(fails=fails)
        patience.wait(lambda: self.status(task) in {"completed", "failed"})

    def scrape(self, token: str | None = None) -> str:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        with urllib.request.urlopen(urllib.request.Request(self.metrics_url, headers=headers)) as answer:
            assert answer.headers["content-type"] == exposition.CONTENT_TYPE
            return str(answer.read().decode())

    def value(self, series: str) -> float:
        return values(self.scrape()).get(series, 0.0)


def values(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def written(folder: Path, metrics: str) -> Path:
    (folder / "entities.yaml").write_text(ENTITIES, encoding="utf-8")
    path = folder / "app-config.yaml"
    path.write_text(CONFIG.format(token=TOKEN, metrics=metrics), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service that runs its tasks in a worker process, with a port of its own for scrapes."""
    folder, port = tmp_path_factory.mktemp("metrics"), free_port()
    config = written(folder, f"{{listen: {{host: 127.0.0.1, port: {port}}}}}")
    with running(folder, config, "--workers", "1", env={"TMPDIR": str(folder)}) as service:
        one = Site(service, f"http://127.0.0.1:{port}/metrics", folder)
        patience.wait(lambda: one.value("catalog_stitched_entities_count") >= 3)
        yield one


@pytest.mark.thorough
def test_tasks_and_steps_of_worker_processes_are_counted_by_backstages_names(site: Site) -> None:
    site.run()
    site.run(fails=True)
    patience.wait(lambda: site.value('backstage_py_task_attempts_total{outcome="failed"}') == 1)
    found = values(site.scrape())
    task = 'template="template:default/greet"'
    for name in ("scaffolder_task_count", "scaffolder_task_count_total", "scaffolder_task_duration_count"):
        assert {result: found[f'{name}{{result="{result}",{task}}}'] for result in ("ok", "failed")} == {
            "ok": 1,
            "failed": 1,
        }
    steps = {
        (result, step): found[f'scaffolder_step_count{{result="{result}",step="{step}",{task}}}']
        for result, step in (("ok", "Say it"), ("skipped", "Left out"), ("skipped", "Break"), ("failed", "Break"))
    }
    assert steps == {("ok", "Say it"): 2, ("skipped", "Left out"): 2, ("skipped", "Break"): 1, ("failed", "Break"): 1}
    assert found['backstage_py_task_attempts_total{outcome="completed"}'] == 1
    assert found["backstage_py_task_queue_wait_seconds_count"] == 2
    assert found["backstage_py_task_places"] == 3
    assert found["backstage_py_tasks_running"] == 0
    assert found["backstage_py_redactions_total"] > 0


def test_what_is_exported_is_what_the_page_lists_and_no_secret(site: Site) -> None:
    site.run()
    patience.wait(lambda: "scaffolder_step_duration_bucket" in site.scrape())
    patience.wait(lambda: "catalog_processed_entities_count" in site.scrape())
    text = site.scrape()
    exported = {re.split(r"[ {]", line)[0] for line in text.splitlines() if not line.startswith("#")}
    own = {name for name in exported if not name.startswith("process_")}
    assert own <= reference.exported_names()
    assert {"scaffolder_step_duration_bucket", "catalog_processed_entities_count"} < own
    assert SECRET not in text
    assert TOKEN not in text


def test_what_a_real_backstage_exports_is_exported_with_its_kind_labels_and_bounds(site: Site) -> None:
    site.run()
    patience.wait(lambda: "scaffolder_step_duration_bucket" in site.scrape())
    patience.wait(lambda: "catalog_processing_duration_seconds_count{" in site.scrape())
    patience.wait(lambda: "catalog_entities_count{" in site.scrape())
    ours = families(site.scrape())
    for name, theirs in json.loads(RECORD.read_text(encoding="utf-8")).items():
        expected = {**theirs, "labels": [label for label in theirs["labels"] if label != "quantile"]}
        assert ours[name] == expected, name


def test_the_page_about_metrics_is_made_of_the_instruments() -> None:
    assert page.PATH.read_text(encoding="utf-8") == page.made(), "run python -m tests.metrics.page"


def test_the_database_and_the_catalog_are_seen(site: Site) -> None:
    site.token()
    patience.wait(lambda: site.value('backstage_py_catalog_source_reads_total{result="errors",source="file"}') > 0)
    found = values(site.scrape())
    assert found["backstage_py_database_up"] == 1
    assert found['backstage_py_tasks{status="open"}'] == 0
    assert found["catalog_registered_locations_count"] == 0
    patience.wait(lambda: site.value('catalog_entities_count{kind="template"}') == 1)
    assert found['catalog_processed_entities_count{result="changed"}'] > 0
    assert found["catalog_stitched_entities_count"] > 0
    assert found['backstage_py_database_seconds_count{operation="write"}'] > 0
    assert found['backstage_py_database_connections{state="open"}'] > 0
    patience.wait(lambda: site.value("backstage_py_event_loop_lag_seconds_count") > 0)
    patience.wait(lambda: site.value('backstage_py_http_request_seconds_count{plugin="auth"}') > 0)
    patience.wait(lambda: site.value("backstage_py_catalog_entities_with_errors") > 0)


def test_nothing_is_counted_under_what_callers_invent(site: Site) -> None:
    for number in range(3):
        with pytest.raises(urllib.error.HTTPError):
            site.ask(f"/api/invented-{number}/x")
    assert "invented" not in site.scrape()
    assert site.value('backstage_py_http_requests_total{method="GET",plugin="",status="404"}') >= 3


def test_with_a_port_of_its_own_the_service_has_no_metrics_beside_its_api(site: Site) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        site.ask("/metrics", token=TOKEN)


@pytest.mark.thorough
def test_a_worker_that_dies_is_counted_and_what_it_counted_stays(site: Site) -> None:
    site.run()
    before = site.value('backstage_py_task_attempts_total{outcome="completed"}')
    assert before > 0
    children = Path(f"/proc/{site.service.process.pid}/task/{site.service.process.pid}/children").read_text().split()
    workers = [pid for pid in children if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes()] or children
    assert len(workers) == 1
    os.kill(int(workers[0]), signal.SIGKILL)
    patience.wait(lambda: site.value("backstage_py_worker_deaths_total") == 1)
    patience.wait(lambda: site.value("backstage_py_task_places") == 3)
    kept = {path.stem.partition("_")[2] for path in site.folder.rglob("backstage-py-metrics-*/*.db")}
    assert "dead" in kept
    assert not any(name.endswith(workers[0]) for name in kept)
    assert site.value('backstage_py_task_attempts_total{outcome="completed"}') == before
    buckets = [value for name, value in values(site.scrape()).items() if name.startswith("scaffolder_step_duration_b")]
    assert max(buckets) >= 1
    site.run()
    patience.wait(lambda: site.value('backstage_py_task_attempts_total{outcome="completed"}') == before + 1)


def test_at_the_services_own_address_only_services_may_read(tmp_path: Path) -> None:
    with running(tmp_path, written(tmp_path, "{}")) as service:
        site = Site(service, f"{service.url}/metrics")
        user = site.ask("/api/auth/guest/refresh", {})["backstageIdentity"]["token"]
        with pytest.raises(urllib.error.HTTPError, match="401"):
            site.scrape()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            site.scrape(user)
        assert "scaffolder_task_count" in site.scrape(TOKEN)


@pytest.mark.parametrize(("metrics", "status"), [("{open: true}", 200), ("{enabled: false}", 404)])
def test_metrics_may_be_open_or_off(tmp_path: Path, metrics: str, status: int) -> None:
    with running(tmp_path, written(tmp_path, metrics)) as service:
        try:
            with urllib.request.urlopen(f"{service.url}/metrics") as answer:
                found = answer.status
        except urllib.error.HTTPError as error:
            found = error.code
    assert found == status


def test_label_sets_are_bounded() -> None:
    with collecting.collected() as collection:
        for number in range(MOST_SERIES + 50):
            scaffolder.TASK_COUNT.inc(f"template:default/t{number}", "ok")
        found = values(exposition.text(collection).decode())
    series = [name for name in found if name.startswith("scaffolder_task_count{")]
    assert len(series) == MOST_SERIES + 1
    assert found[f'scaffolder_task_count{{result="{OTHER}",template="{OTHER}"}}'] == 50


def test_nothing_is_kept_where_nobody_collects() -> None:
    scaffolder.TASK_COUNT.inc("template:default/t", "ok")
    with collecting.collected() as collection:
        assert "template:default/t" not in exposition.text(collection).decode()


def test_whoever_collects_has_declared_all_instruments() -> None:
    """Also those of rooms that a service imports later, or never."""
    done = subprocess.run([sys.executable, "-c", DECLARED], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
