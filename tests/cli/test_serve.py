"""``backstage-py serve`` as an operator starts and stops it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import patience
from tests.contract.harness import free_port, running, start

CONFIG = """
backend:
  database: {client: better-sqlite3, connection: {filename: ./db.sqlite}}
  workingDirectory: ./work
auth: {providers: {guest: {}}}
catalog:
  rules: [{allow: [User, Template, Location]}]
  locations: [{type: file, target: ./entities.yaml}]
"""

ENTITIES = """
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: wait}
spec:
  type: service
  steps: [{id: w, name: W, action: debug:wait, input: {seconds: 1}}]
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: guest, namespace: development}
spec: {memberOf: []}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "entities.yaml").write_text(ENTITIES, encoding="utf-8")
    path = tmp_path / "app-config.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for the names of sockets."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def ask(url: str, token: str | None = None, body: bytes | None = None) -> Any:
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
        return json.loads(answer.read())


def sign_in(url: str) -> str:
    token: str = ask(f"{url}/api/auth/guest/refresh", body=b"{}")["backstageIdentity"]["token"]
    return token


def command(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "backstage_py.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_a_guest_signs_in_and_asks_and_the_token_outlives_a_restart(tmp_path: Path, config: Path) -> None:
    with running(tmp_path, config) as service:
        token = sign_in(service.url)
        assert ask(f"{service.url}/api/scaffolder/v2/tasks", token) == {"tasks": [], "totalTasks": 0}
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(f"{service.url}/api/scaffolder/v2/tasks")
        assert service.stop() == 0
    with running(tmp_path, config, env={"APP_CONFIG_backend_baseUrl": service.url}) as again:
        assert ask(f"{again.url}/api/scaffolder/v2/tasks", token)["totalTasks"] == 0


def test_what_a_killed_service_left_in_the_temporary_folder_is_removed_at_the_next_start(
    tmp_path: Path, config: Path, short_folder: Path
) -> None:
    shared, env = short_folder, {"TMPDIR": str(short_folder)}
    (shared / "of-others").touch()

    def own() -> list[Path]:
        return sorted(shared.glob("backstage-py-process-*"))

    with running(tmp_path, config, env=env) as first, running(tmp_path, config, env=env) as other:
        held = own()
        assert [oct(folder.stat().st_mode & 0o777) for folder in held] == ["0o700", "0o700"]
        for folder in held:
            (folder / "credentials").touch()
        first.process.kill()
        first.process.wait()
        assert own() == held
        with running(tmp_path, config, env=env) as again:
            assert len(set(held) & set(own())) == 1, "of the one that lives"
            assert len(own()) == 2
            assert (again.stop(), other.stop()) == (0, 0)
    assert own() == []
    assert (shared / "of-others").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_in_good_order(tmp_path: Path, config: Path, number: signal.Signals) -> None:
    with running(tmp_path, config) as service:
        service.process.send_signal(number)
        assert service.process.wait(patience.SECONDS) == 0
        lines = [json.loads(line) for line in service.log.read_text(encoding="utf-8").splitlines()]
    assert [line["event"] for line in lines][-2:] == ["service_stopping", "service_stopped"]
    assert {line["level"] for line in lines} == {"info"}


@pytest.mark.thorough
def test_a_signal_ends_a_start_that_waits_for_its_database(tmp_path: Path, config: Path) -> None:
    away = f"{{client: pg, connection: {{host: 127.0.0.1, port: {free_port()}, user: nobody, database: none}}}}"
    config.write_text(CONFIG.replace("{client: better-sqlite3, connection: {filename: ./db.sqlite}}", away))
    serve = [sys.executable, "-m", "backstage_py.cli", "serve", "--config", str(config), "--port", str(free_port())]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path) as process:
        try:
            assert process.stdout
            said = ""
            while "database_lost" not in said:  # what comes before is about the configuration
                said = process.stdout.readline()
                assert said
            process.send_signal(signal.SIGTERM)
            said += process.stdout.read()
            assert process.wait(patience.SECONDS) == 0, said
        finally:
            process.kill()
    events = [json.loads(line)["event"] for line in said.splitlines()]
    assert events == ["database_lost", "service_stopped"]


@pytest.mark.thorough
def test_a_killed_service_starts_again(tmp_path: Path, config: Path) -> None:
    with running(tmp_path, config) as service:
        service.process.kill()
        service.process.wait()
    with running(tmp_path, config) as again:
        assert sign_in(again.url)


@pytest.mark.thorough
def test_an_open_event_stream_does_not_hold_up_a_stop(tmp_path: Path, config: Path) -> None:
    with running(
        tmp_path, config, "--workers", "0", env={"APP_CONFIG_scaffolder_concurrentTasksLimit": "0"}
    ) as service:
        token = sign_in(service.url)
        task = _created_task(service.url, token, "template:default/wait")
        request = urllib.request.Request(
            f"{service.url}/api/scaffolder/v2/tasks/{task}/eventstream", headers={"authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(request) as stream:
            assert service.stop() == 0
            assert stream.read() is not None


def _created_task(url: str, token: str, template: str) -> str:
    """Create a task; the catalog may still be reading its template."""
    body = json.dumps({"templateRef": template, "values": {}}).encode()

    def created() -> str | None:
        with contextlib.suppress(urllib.error.HTTPError):
            return str(ask(f"{url}/api/scaffolder/v2/tasks", token, body)["id"])
        return None

    return patience.wait(created, "the template is in the catalog") or ""


@pytest.mark.thorough
def test_worker_processes_live_and_end_with_the_service(tmp_path: Path, config: Path) -> None:
    with running(tmp_path, config, "--workers", "2") as service:
        workers = _two_children(service.process.pid)
        os.kill(workers[0], signal.SIGKILL)
        renewed = _two_children(service.process.pid, without=workers[0])
        assert service.stop() == 0
    assert not [pid for pid in renewed if Path(f"/proc/{pid}").exists()]


ON_GITHUB = """
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: on-github}
spec:
  type: service
  steps:
    - id: repository
      name: Repository
      action: github:repo:create
      input: {repoUrl: github.com?owner=ada&repo=made}
    - id: database
      name: Database
      action: http:backstage:request
      input: {method: POST, path: /api/crossplane/postgres, body: {serviceName: made, team: payments}}
"""


@pytest.mark.thorough
def test_worker_processes_meet_the_sandbox_in_the_place_of_github(tmp_path: Path, config: Path) -> None:
    (tmp_path / "entities.yaml").write_text(f"{ENTITIES}---{ON_GITHUB}", encoding="utf-8")
    config.write_text(f"{CONFIG}\nsandbox: {{root: ./sandbox}}\n", encoding="utf-8")
    with running(tmp_path, config, "--workers", "1") as service:
        token = sign_in(service.url)
        task = _created_task(service.url, token, "template:default/on-github")
        events = ask(f"{service.url}/api/scaffolder/v2/tasks/{task}/events", token)
        while events[-1]["type"] != "completion":
            events += ask(f"{service.url}/api/scaffolder/v2/tasks/{task}/events?after={events[-1]['id']}", token)
        repositories = {path.name for path in (tmp_path / "sandbox").glob("**/*.git")}
    assert events[-1]["body"]["message"] == "Run completed with status: completed"
    assert len(repositories) == 2  # the one that was made, and the one with requests for databases
    assert "made.git" in repositories


def _two_children(pid: int, without: int | None = None) -> list[int]:
    def two() -> list[int]:
        found = _children(pid)
        return found if len(found) == 2 and without not in found else []

    return patience.wait(two, "there are two workers")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


@pytest.mark.thorough
def test_one_configuration_serves_a_backstage_and_the_scaffolder_it_delegates_to(tmp_path: Path, config: Path) -> None:
    with running(tmp_path, config) as backstage:
        port = free_port()
        shared = tmp_path / "shared"
        shared.mkdir()
        (shared / "app-config.yaml").write_text(
            CONFIG + f"discovery: {{endpoints: [{{target: 'http://127.0.0.1:{port}/api/{{{{pluginId}}}}',"
            " plugins: [scaffolder]}]}\n",
            encoding="utf-8",
        )
        token = sign_in(backstage.url)
        env = {"APP_CONFIG_backend_baseUrl": backstage.url, "APP_CONFIG_backend_listen": f'"127.0.0.1:{port}"'}
        service = start(shared, shared / "app-config.yaml", port=port, env=env)
        try:
            task = _created_task(service.url, token, "template:default/wait")
            spec = ask(f"{service.url}/api/scaffolder/v2/tasks/{task}", token)["spec"]
            assert spec["user"]["entity"]["metadata"]["name"] == "guest"
            with pytest.raises(urllib.error.HTTPError, match="404"):
                ask(f"{service.url}/api/catalog/entities", token)
        finally:
            assert service.stop() == 0


def test_a_taken_port_is_said_and_nothing_is_written(tmp_path: Path, config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = command("serve", "--config", str(config), "--port", str(port), cwd=tmp_path)
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "db.sqlite").exists()


def test_a_wrong_configuration_is_said_in_plain_words(tmp_path: Path, config: Path) -> None:
    config.write_text("backend:\n  listen:\n    port: abc\n", encoding="utf-8")
    done = command("serve", "--config", str(config), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"backstage-py: Configuration value 'backend.listen.port' in {config}:3: "
        "expected a whole number from 0 to 65535, found the text 'abc'\n"
    )


@pytest.mark.thorough
def test_a_misspelled_key_is_logged(tmp_path: Path, config: Path) -> None:
    config.write_text(CONFIG + "scaffolder: {concurrentTaskLimit: 2}\n", encoding="utf-8")
    with running(tmp_path, config) as service:
        first = json.loads(service.log.read_text(encoding="utf-8").splitlines()[0])
    assert first["event"] == "configuration_suspicious"
    assert "did you mean 'concurrentTasksLimit'?" in first["problem"]


def test_a_start_says_in_one_line_what_is_read_and_what_is_not(tmp_path: Path, config: Path) -> None:
    config.write_text(CONFIG + "techdocs: {builder: local}\nacmeThing: 1\n", encoding="utf-8")
    with running(tmp_path, config) as service:
        lines = [json.loads(line) for line in service.log.read_text(encoding="utf-8").splitlines()]
    (told,) = [line for line in lines if line["event"] == "configuration_checked"]
    assert told["keys"]["read"] > 5
    assert (told["not_ours"], told["unknown"]) == (["techdocs"], ["acmeThing"])


def test_help_and_version(tmp_path: Path) -> None:
    shown = command("--help", cwd=tmp_path)
    assert shown.returncode == 0
    assert "serve" in shown.stdout
    assert "worker " not in shown.stdout
    assert command("--version", cwd=tmp_path).stdout.strip()
