"""Traces that a real service sends to a receiver of OTLP, and that there are none without being asked for."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backstage_py.tracing import spans
from tests import patience
from tests.contract.harness import Running, free_port, running, start
from tests.tracing import receiver
from tests.tracing.receiver import Receiver, attributes

SECRET = "an-unusually-secret-word"
CALLER = "0af7651916cd43dd8448eb211c80319c"
CONFIG = """
backend:
  database: {{client: better-sqlite3, connection: {{filename: ./db.sqlite}}}}
  workingDirectory: ./work
  reading: {{allow: [{{host: '{host}'}}]}}
  logger: {{level: info}}
auth: {{providers: {{guest: {{}}}}}}
scaffolder: {{actionsFolder: ./actions}}
catalog:
  rules: [{{allow: [User, Template, Location]}}]
  locations: [{{type: file, target: ./entities.yaml}}]
discovery: {{endpoints: [{{target: '{url}/api/other', plugins: [other]}}]}}
"""
ENTITIES = """
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: traced}
spec:
  type: service
  steps:
    - {id: own, name: Own spans, action: acme:spans, input: {}}
    - {id: bad, name: Break, if: "${{ parameters.fails }}", action: fs:rename, input: {files: [{from: a, to: b}]}}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: guest, namespace: development}
spec: {memberOf: []}
"""
ACTIONS = '''
from opentelemetry import trace

from backstage_py.plugin import ActionContext, action


@action("acme:spans", {"type": "object"}, needs_workspace=False)
def make(ctx: ActionContext[dict]) -> None:
    """Do something that is worth a span, and ask somebody."""
    with trace.get_tracer(__name__).start_as_current_span("acme work"):
        ctx.wait(ctx.http.get("/api/other/x"))
'''


@dataclass(frozen=True)
class Site:
    service: Running
    receiver: Receiver

    def ask(self, path: str, body: Any = None, **headers: str) -> Any:
        sent = {"content-type": "application/json", **headers}
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.service.url + path, data, sent)) as answer:
            return json.loads(answer.read())

    def token(self) -> str:
        return str(self.ask("/api/auth/guest/refresh", {})["backstageIdentity"]["token"])

    def run(self, *, fails: bool) -> tuple[str, list[Any]]:
        """Return a task's id and events."""
        headers = {"authorization": f"Bearer {self.token()}", "traceparent": f"00-{CALLER}-b7ad6b7169203331-01"}
        asked = {"templateRef": "template:default/traced", "values": {"fails": fails}, "secrets": {"word": SECRET}}
        task = self.ask("/api/scaffolder/v2/tasks", asked, **headers)["id"]
        events = f"/api/scaffolder/v2/tasks/{task}/events"
        patience.wait(lambda: any(one["type"] == "completion" for one in self.ask(events, **headers)))
        return task, self.ask(events, **headers)

    def lines(self, event: str) -> list[dict[str, Any]]:
        text = self.service.log.read_text(encoding="utf-8")
        found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        return [one for one in found if one["event"] == event]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("tracing")
    (folder / "actions").mkdir()
    (folder / "actions/own.py").write_text(ACTIONS, encoding="utf-8")
    (folder / "entities.yaml").write_text(ENTITIES, encoding="utf-8")
    with receiver.running() as spans_go_to:
        config = folder / "app-config.yaml"
        text = CONFIG.format(host=spans_go_to.url.removeprefix("http://"), url=spans_go_to.url)
        config.write_text(text, encoding="utf-8")
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": spans_go_to.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        with running(folder, config, "--workers", "1", env=env) as service:
            one = Site(service, spans_go_to)
            headers = {"authorization": f"Bearer {one.token()}"}
            template = "/api/catalog/entities/by-name/template/default/traced"
            patience.wait(lambda: _is_there(one, template, headers))
            yield one


def _is_there(site: Site, path: str, headers: dict[str, str]) -> bool:
    try:
        return bool(site.ask(path, **headers))
    except urllib.error.HTTPError:
        return False


def test_a_task_is_a_trace_in_which_steps_actions_and_what_they_ask_for_are(site: Site) -> None:
    task, events = site.run(fails=True)
    trace = spans.trace_of(task)
    name = "task template:default/traced"
    patience.wait(lambda: bool(site.receiver.named(name)) and bool(site.receiver.named("step bad")))
    found = {one.name: one for one in site.receiver.spans if one.trace_id.hex() == trace}
    assert set(found) == {name, "step own", "step bad", "acme work"}
    assert found[name].parent_span_id == b""
    assert found["step own"].parent_span_id == found["step bad"].parent_span_id == found[name].span_id
    assert found["acme work"].parent_span_id == found["step own"].span_id
    assert attributes(found[name])["backstage.result"] == attributes(found["step bad"])["backstage.result"] == "failed"
    assert attributes(found[name])["backstage.user"] == "user:development/guest"
    assert found["step bad"].status.code == 2
    sent = [one["traceparent"].split("-")[1:3] for one in site.receiver.asked]
    assert sent == [[trace, found["acme work"].span_id.hex()]]
    assert [one["body"]["traceId"] for one in (events[0], events[-1])] == [trace, trace]
    assert site.receiver.services == {"backstage-py"}
    assert SECRET not in str(site.receiver.spans)


def test_requests_go_on_in_the_callers_trace_which_lines_and_errors_name(site: Site) -> None:
    site.run(fails=False)
    headers = {"authorization": f"Bearer {site.token()}", "traceparent": f"00-{CALLER}-b7ad6b7169203331-01"}
    with pytest.raises(urllib.error.HTTPError) as caught:
        site.ask("/api/scaffolder/v2/tasks/missing", **headers)
    assert json.loads(caught.value.read())["request"]["traceId"] == CALLER
    patience.wait(lambda: any(one.trace_id.hex() == CALLER for one in site.receiver.named("POST scaffolder")))
    made = next(one for one in site.receiver.named("POST scaffolder") if one.trace_id.hex() == CALLER)
    assert made.parent_span_id.hex() == "b7ad6b7169203331"
    assert attributes(made)["http.response.status_code"] == 201
    lines = [one for one in site.lines("request_served") if one.get("trace_id") == CALLER]
    assert {one["user"] for one in lines} == {"user:development/guest"}


def test_lines_about_a_task_name_it_its_step_and_its_user(site: Site) -> None:
    task, _ = site.run(fails=False)
    patience.wait(lambda: any(one["task_id"] == task for one in site.lines("task_ended")))
    line = next(one for one in site.lines("task_ended") if one["task_id"] == task)
    assert (line["user"], line["attempt"]) == ("user:development/guest", 1)
    assert line["trace_id"] == spans.trace_of(task)
    assert SECRET not in site.service.log.read_text(encoding="utf-8")


def test_a_service_imports_nothing_that_was_not_asked_for(
    tmp_path: Path,
) -> None:
    port = free_port()
    looks = (
        "import os, socket, sys, threading, time\n"
        "from backstage_py.cli import entry\n"
        "def answers():\n"
        "    try:\n"
        f"        with socket.create_connection(('127.0.0.1', {port})) as asking:\n"
        "            asking.sendall(b'GET /.backstage/health/v1/readiness HTTP/1.0\\r\\n\\r\\n')\n"
        "            return b' 200 ' in asking.recv(100)\n"
        "    except OSError:\n"
        "        return False\n"
        "def look():\n"
        "    while not answers():\n"
        "        time.sleep(0.1)\n"
        "    unneeded = {'opentelemetry', 'pygments', 'rich', 'typer', 'watchfiles', 'backstage_py_actions.github',\n"
        "        'backstage_py.integrations.crossplane'}\n"
        "    print(sorted(unneeded & set(sys.modules)))\n"
        "    sys.stdout.flush(); os._exit(0)\n"
        "threading.Thread(target=look).start()\n"
        f"sys.argv = ['backstage-py', 'serve', '--port', '{port}']\n"
        "entry.main()\n"
    )
    env = {"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", looks], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("OTEL_TRACES_EXPORTER", "zipkin", "OTEL_TRACES_EXPORTER"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "expected http/protobuf"),
    ],
)
def test_what_is_not_here_is_refused_with_what_is(tmp_path: Path, variable: str, value: str, said: str) -> None:
    config = tmp_path / "app-config.yaml"
    config.write_text("backend: {}\n", encoding="utf-8")
    with pytest.raises(AssertionError, match=said):
        start(
            tmp_path,
            config,
            port=free_port(),
            env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", variable: value},
        )
