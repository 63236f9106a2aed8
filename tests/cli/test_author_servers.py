"""run, dev and new with the real thing on the other side: a service, a watched folder, an installer."""

import asyncio
import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from typer.testing import CliRunner

from backstage_py.cli.commands import dev as dev_command
from backstage_py.cli.commands import run as run_command
from backstage_py.cli.commands.run import RunOptions
from backstage_py.cli.local.trust import Trust
from backstage_py.cli.main import app
from backstage_py.model.json import Json
from tests import patience
from tests.contract.harness import running

HEAD = (
    "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata: {name: example}\nspec:\n  type: service\n"
)
CONFIG = """
backend:
  database: {client: better-sqlite3, connection: {filename: ./db.sqlite}}
  workingDirectory: ./work
auth: {providers: {guest: {}}}
catalog:
  rules: [{allow: [User, Component]}]
  locations: [{type: file, target: ./entities.yaml}]
"""
ENTITIES = """
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: guest, namespace: development}
spec: {memberOf: []}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: shop, title: The shop}
spec: {type: service, lifecycle: production, owner: user:development/guest}
"""
ASKING = (
    HEAD
    + """\
  parameters:
    properties: {component: {type: string}}
  steps:
    - {id: fetch, name: Fetch, action: catalog:fetch, input: {entityRef: "${{ parameters.component }}"}}
    - id: ask
      name: Ask
      action: http:backstage:request
      input: {method: GET, path: /api/catalog/entities/by-name/component/default/shop, useBackstageToken: true}
  output:
    text: [{title: Found, content: "${{ steps.fetch.output.entity.metadata.title }} ${{ steps.ask.output.code }}"}]
"""
)
LOGGING = HEAD + "  steps:\n    - {id: log, name: Log, action: debug:log, input: {message: MESSAGE}}\n"


def ask(url: str, *, token: str | None = None, body: Json = None) -> Json:
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    data = json.dumps(body).encode() if body is not None else None
    with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
        return json.load(answer)


def guest(url: str) -> str:
    signed_in = ask(f"{url}/api/auth/guest/refresh", body={})
    return str(signed_in["backstageIdentity"]["token"])


# --- run


@pytest.mark.thorough
def test_run_uses_the_catalog_and_the_plugins_of_a_backstage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "entities.yaml").write_text(ENTITIES)
    (tmp_path / "app-config.yaml").write_text(CONFIG)
    (tmp_path / "template.yaml").write_text(ASKING)
    with running(tmp_path, tmp_path / "app-config.yaml") as service:
        token = guest(service.url)
        wait_for(f"{service.url}/api/catalog/entities/by-name/component/default/shop", token)
        monkeypatch.setenv("BACKSTAGE_TOKEN", token)
        options = RunOptions(values=["component=component:default/shop"], backstage=service.url, yes=True)
        found = run_command.run(tmp_path / "template.yaml", options)
        shown = capsys.readouterr()
        unknown = run_command.run(
            tmp_path / "template.yaml", RunOptions(["component=component:default/nobody"], backstage=service.url)
        )

    assert (found, shown.err) == (0, "")
    assert "[1/2] Fetch: completed" in shown.out
    assert "content: The shop 200" in shown.out
    assert unknown == 1


def test_run_without_an_answering_backstage_fails_in_plain_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "template.yaml").write_text(ASKING)
    options = RunOptions(["component=component:default/shop"], backstage="http://127.0.0.1:9", yes=True)

    assert run_command.run(tmp_path / "template.yaml", options) == 1
    assert "127.0.0.1:9" in capsys.readouterr().out


PUBLISHING = (
    HEAD
    + """\
  steps:
    - {id: fetch, name: Fetch, action: "fetch:plain", input: {url: ./files}}
    - {id: publish, name: Publish, action: "publish:github", input: {repoUrl: "github.com?owner=acme&repo=shop"}}
  output: {links: [{title: Repository, url: "${{ steps.publish.output.remoteUrl }}"}]}
"""
)


@pytest.mark.thorough
def test_a_run_in_the_sandbox_is_kept_and_its_host_on_demand(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "README.md").write_text("# Shop\n")
    (tmp_path / "template.yaml").write_text(PUBLISHING)

    with talking("run", ".", "-y", "--sandbox", "--keep", folder=tmp_path) as (process, output):
        link = output.until("url:").split("url: ")[1]
        output.until("README.md  (7 B)")
        workspace = Path(output.until("Kept in").removeprefix("Kept in "))
        kept = output.until("Repository acme/shop:").rpartition(" ")[2]
        output.until("stays at http://127.0.0.1:")
        live = subprocess.run(["git", "ls-remote", link], capture_output=True, text=True, check=True).stdout
        process.send_signal(signal.SIGINT)
        process.wait(patience.SECONDS)
    with talking("run", ".", "-y", "--sandbox", "--out", "here", folder=tmp_path) as (process, output):
        gone = output.until("url:").split("url: ")[1]
        assert process.wait(patience.SECONDS) == 0
    refused = CliRunner().invoke(app, ["run", str(tmp_path), "-y", "--keep"])

    assert "refs/heads/main" in live
    assert (workspace / "README.md").read_text() == "# Shop\n"
    assert gone == (tmp_path / "here.sandbox" / "repositories" / "acme" / "shop.git").as_uri()
    for repository in (kept, gone):
        clone = tmp_path / Path(repository).parents[3].name
        subprocess.run(["git", "clone", "-q", repository, str(clone)], check=True)
        assert (clone / "README.md").is_file()
    shutil.rmtree(workspace.parent)
    assert refused.exit_code == 2
    assert "--keep is for --sandbox" in refused.stderr


# --- dev


class Output:
    """What a process writes, line by line, without waiting for ever."""

    def __init__(self, stream: IO[str]) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.seen: list[str] = []
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def until(self, part: str) -> str:
        """Return the next line that contains ``part``."""
        while True:
            try:
                line = self._lines.get(timeout=patience.SECONDS)
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"{part!r} was not written:\n" + "\n".join(self.seen))
            self.seen.append(line)
            if part in line:
                return line


@contextlib.contextmanager
def developing(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", Output]]:
    with talking("dev", str(folder), "--port", "0", folder=folder) as found:
        yield found


@contextlib.contextmanager
def talking(*arguments: str, folder: Path) -> Iterator[tuple["subprocess.Popen[str]", Output]]:
    command = [sys.executable, "-m", "backstage_py.cli", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder)
    assert process.stdout
    try:
        yield process, Output(process.stdout)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(patience.SECONDS)
        process.stdout.close()


def wait_for(url: str, token: str | None = None) -> None:
    end = threading.Event()
    for _ in range(int(patience.SECONDS / 0.1)):
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            ask(url, token=token)
            return
        end.wait(0.1)
    raise AssertionError(f"{url} does not answer")


@pytest.mark.thorough
def test_dev_checks_again_on_change_serves_the_api_and_takes_it_down(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(LOGGING.replace("MESSAGE", '"${{ a || 1 }}"'))

    with developing(tmp_path) as (process, output):
        url = output.until("The API is at").split()[4].removesuffix("/api,")
        output.until("error BPY401")
        output.until("1 error")
        wait_for(f"{url}/.backstage/health/v1/readiness")

        for beside in ("4913", ".template.yaml.swp", "template.yaml~", "#template.yaml#", ".goutputstream-A1B2C3"):
            (tmp_path / beside).write_text("")  # as editors do before they save
        template.write_text(LOGGING.replace("MESSAGE", "hello"))
        assert output.until("changed:").endswith("changed: template.yaml")
        for beside in ("4913", ".template.yaml.swp", "template.yaml~", "#template.yaml#", ".goutputstream-A1B2C3"):
            (tmp_path / beside).unlink()
        output.until("No problems found.")

        token = guest(url)
        (tmp_path / "more").mkdir()
        (tmp_path / "more" / "template.yaml").write_text(
            LOGGING.replace("MESSAGE", "hello").replace("name: example", "name: added")
        )
        wait_for(f"{url}/api/catalog/entities/by-name/template/default/added", token)

        actions = {one["id"] for one in ask(f"{url}/api/scaffolder/v2/actions", token=token)}
        process.send_signal(signal.SIGTERM)
        output.until("Stopped.")
        assert process.wait(patience.SECONDS) == 0

    assert {"debug:log", "publish:github"} <= actions
    with pytest.raises(urllib.error.URLError):
        ask(f"{url}/.backstage/health/v1/readiness")
    assert {one.name for one in tmp_path.iterdir()} == {"template.yaml", "more", ".backstage-py-dev"}


@pytest.mark.thorough
def test_dev_runs_the_tests_of_trusted_actions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    package = tmp_path / "acme"
    package.mkdir()
    (package / "pyproject.toml").write_text(
        "[project]\nname = 'acme'\nversion = '1'\n[project.entry-points.'backstage_py.actions']\nacme = 'acme'\n"
    )
    (package / "test_acme.py").write_text("def test_right():\n    pass\n\ndef test_wrong():\n    assert 1 == 2\n")
    (tmp_path / "own" / "actions").mkdir(parents=True)
    (tmp_path / "own" / "actions" / "test_own.py").write_text("def test_right():\n    pass\n")
    (tmp_path / ".backstage-py.yaml").write_text("actions-folder: own/actions\n")
    untrusted = Trust.of({"XDG_CONFIG_HOME": str(tmp_path / "config")})
    trusted = Trust.of({"XDG_CONFIG_HOME": str(tmp_path / "config")}, everything=True)

    assert asyncio.run(dev_command.check(tmp_path, untrusted)) is True
    left_out = capsys.readouterr()
    assert asyncio.run(dev_command.check(tmp_path, trusted)) is False
    shown = capsys.readouterr().out

    assert "left out the Python files of" in left_out.err
    assert "Tests of the actions" not in left_out.out
    assert "Tests of the actions in acme" in shown
    assert "assert 1 == 2" in shown
    assert "1 failed, 1 passed" in shown
    assert "Tests of the actions in own/actions: 1 passed" in shown


def test_test_runs_again_when_a_file_changes(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    template = tmp_path / "template.yaml"
    template.write_text(LOGGING.replace("MESSAGE", "hello"))
    (tmp_path / "a.test.yaml").write_text("findings: []\ncases: [{name: a, expect: {log: hello}}]\n")
    with talking("test", "--watch", folder=tmp_path) as (process, output):
        output.until("2 passed")
        template.write_text(LOGGING.replace("MESSAGE", "goodbye"))
        output.until("changed: template.yaml")
        output.until("the log does not contain 'hello'")
        process.send_signal(signal.SIGINT)
        output.until("Stopped.")
        assert process.wait(patience.SECONDS) == 0


# --- new


@pytest.mark.thorough
def test_new_action_can_be_installed_and_passes_its_own_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["new", "action", "acme-greet"]).exit_code == 0
    offline = ["--no-deps", "--no-index", "--no-build-isolation", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *offline, "--target", "site", "./acme-greet"], check=True, timeout=300
    )
    installed = {**os.environ, "PYTHONPATH": os.pathsep.join(("site", *sys.path)), "PYTHONWARNINGS": "default"}

    def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "backstage_py.cli", *arguments],
            env=installed,
            capture_output=True,
            text=True,
            check=False,
        )

    tested = command("test", "acme-greet")
    documented = command("actions", "acme:acme-greet")
    checked = command("validate", "acme-greet")

    assert (tested.returncode, tested.stdout.splitlines()[-1]) == (0, "2 passed")
    assert "Write a greeting into a file of the workspace." in documented.stdout
    assert (checked.returncode, "BPY201" in checked.stdout) == (0, False)
