"""From a clean cluster to a Backstage that delegates to two replicas: ``python -m tests.deploy.delegating``.

Does what ``docs/operators/install.md`` says, its commands as they stand there, on the cluster of
BACKSTAGE_PY_TEST_KUBECONFIG, which the kit has to have started, beside the released backend of Backstage in
BACKSTAGE_PY_ANCHOR. Prints how long each part took. Then a template is run for a user of that Backstage, one of the
replicas is killed in the middle of a task, and all is taken away again. Ends with 1 where something fails.

The cluster has neither a registry nor an ingress nor a git host. In their place: the image is loaded into the
node; a relay at the address that pods and this machine share has one of the ready replicas for each connection; and a
sandbox listens beside it in the place of github.com.
"""

import asyncio
import base64
import contextlib
import http.client
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from backstage_py.http import server
from backstage_py.sandbox.app import create_sandbox_app
from backstage_py.sandbox.seeds import sow
from backstage_py.sandbox.server import Sandbox
from backstage_py.sandbox.settings import SandboxSettings
from tests import patience
from tests.anchor import harness as anchor
from tests.cluster import reach, waiting
from tests.cluster.cluster import KubeCluster
from tests.contract.harness import free_port
from tests.deploy import built, install_page, postgres_pod, release
from tests.deploy.release import Release

ROOT = Path(__file__).parents[2]
NAMESPACE, _DATABASE = "backstage-py", "database"
_DEMO, _GUEST = "template:default/go-microservice", "user:default/guest"
_BACKSTAGE, _OURS = "https://backstage.example.com", "https://backstage-py.example.com"
_PLUGINS = (
    "auth-backend",
    "auth-backend-module-guest-provider",
    "permission-backend",
    "permission-backend-module-allow-all-policy",
)
"""What is left of Backstage's backend when scaffolder and catalog are not in it."""
_CERTIFICATE = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=backstage-py")
_WAITS = 8
_STEPS = [{"id": f"s{n}", "name": f"s{n}", "action": "debug:wait", "input": {"seconds": 2}} for n in range(_WAITS)]
_MORE = f"""
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {{name: guest}}
spec: {{memberOf: [guests]}}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {{name: guests}}
spec: {{type: team, children: []}}
---
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {{name: waits}}
spec:
  type: service
  steps: {json.dumps(_STEPS)}
"""


@dataclass
class Clock:
    """Says how long parts took, and all of them."""

    seconds: float = 0.0

    @contextlib.contextmanager
    def part(self, what: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        took = time.monotonic() - begun
        self.seconds += took
        say(f"{took:7.1f} s  {what}")


@dataclass(frozen=True)
class Stage:
    """What is there before the page begins, and the folder in which its commands run."""

    kube: KubeCluster
    folder: Path
    theirs: str
    ours: str
    release: Release
    github: Sandbox
    env: dict[str, str]

    def page(self, heading: str) -> str:
        """Run the commands of one part of the page, and return what they print."""
        return self.run(install_page.commands(heading))

    def run(self, script: str) -> str:
        command = ["bash", "-euo", "pipefail", "-c", script]
        done = subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{script}\nended with {done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
        return done.stdout


def main() -> None:
    """Do it all."""
    kube = KubeCluster(Path(os.environ["BACKSTAGE_PY_TEST_KUBECONFIG"]).resolve())
    images = built.images()
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    say(f"{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} processors, load {load}")
    clock = Clock()
    with clock.part("1. the image is built"):
        built.build(images, f"{built.NAME}-timed")
    with clock.part("1. the image is loaded into the node, in the place of push and pull"):
        image = built.load(kube, images, built.NAME)
    with _stage(kube, image) as stage:
        with clock.part("3. secrets, and the release with two ready replicas"):
            stage.page("3. Secrets and the release")
        assert len(stage.release.addresses()) == 2
        begun = time.monotonic()
        with anchor.backstage(stage.folder / "backstage", stage.folder / "app-config.yaml", plugins=_PLUGINS) as wait:
            token = wait(stage.theirs)
            took = time.monotonic() - begun
            clock.seconds += took
            say(f"{took:7.1f} s  4. Backstage starts with its configuration, and signs a guest in")
            with clock.part("5. doctor, in a pod"):
                say(waiting.until(lambda: _fits(stage), "doctor finds no problem"))
            with clock.part("the first template is in the catalog, and its task has run"):
                _golden_path(stage, token)
            say(f"{clock.seconds:7.1f} s  in all, but for the time that people take to write values.yaml")
            _doctor(stage, token)
            _guest_is_known(token)
            _one_is_killed(stage, token)
            for heading in ("Upgrade", "Rollback"):
                stage.run(install_page.commands(heading, install_page.UPGRADE))
                say(f"{heading.lower()}: as docs/operators/upgrade.md says, and both replicas are ready")
        stage.page("Away again")
        waiting.until(lambda: not stage.release.addresses(), "no replica is left")
        left = {name for kind, name in stage.release.objects() if kind in {"deployments", "services", "secrets"}}
        say(f"after it was uninstalled: {', '.join(sorted(one for one in left if not one.startswith('default-')))}")


@contextlib.contextmanager
def _stage(kube: KubeCluster, image: str) -> Iterator[Stage]:
    """Have what the page wants at hand: PostgreSQL, a git host, a certificate, names that lead here."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "backstage").mkdir()
        (folder / "examples").symlink_to(ROOT / "examples")  # the page is read in a checkout
        for namespace in (NAMESPACE, _DATABASE):
            kube.remove(namespace)  # of a run that was killed
            path = f"/api/v1/namespaces/{namespace}"
            waiting.until(lambda path=path: not kube.api.find(path), f"{namespace} is free")  # type: ignore[misc]
            stack.callback(kube.remove, namespace)
        kube.api.post("/api/v1/namespaces", {"metadata": {"name": _DATABASE}})
        _until_account(kube, _DATABASE)
        database = postgres_pod.start(kube, _DATABASE, image)
        github = stack.enter_context(_git_host(kube.host, folder / "git"))
        opened = stack.enter_context(release.opened(kube, NAMESPACE))
        port = stack.enter_context(reach.relay(kube.host, lambda: _a_replica(opened)))
        theirs, ours = f"http://{kube.host}:{free_port()}", f"http://{kube.host}:{port}"
        secret = kube.api.get(f"/api/v1/namespaces/{_DATABASE}/secrets/{postgres_pod.SECRET}")
        password = base64.b64decode(secret["data"]["password"]).decode()
        env = _environment(folder, kube, password, github.token)
        stage = Stage(kube, folder, theirs, ours, opened, github, env)
        _write(stage, database.host, image)
        yield stage


def _until_account(kube: KubeCluster, namespace: str) -> None:
    account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
    waiting.until(lambda: (kube.api.find(account) or {}).get("secrets"), "pods may start")


def _a_replica(opened: Release) -> tuple[str, int]:
    """Return where one of the ready replicas listens."""
    place = urlsplit(secrets.choice(waiting.until(opened.addresses, "a replica is ready")))
    return str(place.hostname), int(place.port or 80)


@contextlib.contextmanager
def _git_host(host: str, root: Path) -> Iterator[Sandbox]:
    """Have a sandbox where pods reach it, with the demo's template and another one in a repository."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="git-host", daemon=True)
    thread.start()
    listener = socket.create_server((host, 0))
    settings = SandboxSettings(root, f"http://{host}:{listener.getsockname()[1]}", {secrets.token_hex(16): "sandbox"})
    app = create_sandbox_app(settings)
    token = next(iter(settings.tokens))
    urls = (settings.base_url, settings.api_url, settings.raw_url)
    sandbox = Sandbox(*urls, token, app.state.host.store, settings.integrations(token))
    serving = server.running(app, listener, grace=1)
    golden = ROOT / "skeletons/go-microservice"
    files = [one for one in golden.rglob("*") if one.is_file()]
    seeds = {str(one.relative_to(golden)): one.read_text(encoding="utf-8") for one in files}

    async def start() -> None:
        await serving.__aenter__()
        await sow(sandbox, {"org/templates": {**seeds, "more.yaml": _MORE}})

    asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield sandbox
    finally:
        asyncio.run_coroutine_threadsafe(serving.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _environment(folder: Path, kube: KubeCluster, password: str, token: str) -> dict[str, str]:
    """Give what the page's commands use, and the ``helm`` of the tests where there is none."""
    programs = folder / "bin"
    programs.mkdir()
    helm = programs / "helm"
    helm.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m tests.deploy.helm "$@"\n', encoding="utf-8")
    helm.chmod(0o755)
    subprocess.run(
        [*_CERTIFICATE, "-keyout", "tls.key", "-out", "tls.crt"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "KUBECONFIG": str(kube.kubeconfig),
        "DATABASE_PASSWORD": password,
        "GITHUB_TOKEN": token,
    }


def _write(stage: Stage, database: str, image: str) -> None:
    """Write the page's two files, with what is this cluster's in the place of its examples."""
    repository, _, tag = image.rpartition(":")
    values = yaml.safe_load(_here(yaml.safe_dump(install_page.values()), stage))
    values["image"] = {"repository": repository, "tag": tag, "pullPolicy": "Never"}
    values["database"]["host"] = database
    config = values["appConfig"]
    hosts = [{**one, "token": "${GITHUB_TOKEN}"} for one in stage.github.integrations]
    config["integrations"] = {"github": hosts}
    where = "https://github.com/org/templates/blob/main"
    config["catalog"]["locations"] = [
        {"type": "url", "target": f"{where}/{name}"} for name in ("template.yaml", "more.yaml")
    ]
    (stage.folder / "values.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")

    place = urlsplit(stage.theirs)
    theirs = {
        "app": {"baseUrl": config["app"]["baseUrl"]},
        "backend": {"baseUrl": stage.theirs, "listen": {"host": place.hostname, "port": place.port}},
        "auth": {"providers": {"guest": {"dangerouslyAllowOutsideDevelopment": True, "userEntityRef": _GUEST}}},
        "permission": {"enabled": True},
        **yaml.safe_load(_here(install_page.delegation(), stage)),
    }
    (stage.folder / "app-config.yaml").write_text(yaml.safe_dump(theirs), encoding="utf-8")


def _here(text: str, stage: Stage) -> str:
    return text.replace(_BACKSTAGE, stage.theirs).replace(_OURS, stage.ours)


def _golden_path(stage: Stage, token: str) -> None:
    """Run the template of the demo as the user of that Backstage, and find what it made."""
    site = anchor.Site(stage.ours, token)
    known = "/api/catalog/entities/by-query?filter=kind=template"
    waiting.until(
        lambda: site.call("GET", known)["totalItems"] == len(("template.yaml", "more.yaml")), "both are there"
    )
    values = {"name": "shop", "team": "payments", "database": False}
    task = site.call("POST", "/api/scaffolder/v2/tasks", {"templateRef": _DEMO, "values": values})
    events = _follow(stage, token, task["id"])
    said = [one["body"]["message"] for one in events]
    assert "Finished step Publish to GitHub" in said, said
    assert events[-1]["body"].get("error") is None, events[-1]
    find = "/api/catalog/entities/by-query?filter=kind=component,metadata.name=shop"
    waiting.until(lambda: site.call("GET", find)["totalItems"], "what the template made is in the catalog")
    say(f"           the log of its task has {len(events)} events, of which the last: {said[-1]}")


def _doctor(stage: Stage, token: str) -> None:
    """Ask once more from where people are, with a user's token."""
    doctor = [sys.executable, "-m", "backstage_py.cli", "doctor", "--format", "json", "--config", "app-config.yaml"]
    done = subprocess.run(
        [*doctor, "--backstage", stage.theirs],
        cwd=stage.folder,
        env={**stage.env, "BACKSTAGE_TOKEN": token},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = json.loads(done.stdout)["checks"]
    bad = [one for one in lines if one["outcome"] == "problem"]
    assert not bad
    assert done.returncode == 0, done.stderr
    skipped = [one["check"] for one in lines if one["outcome"] == "skipped"]
    say(f"doctor from this machine: {len(lines) - len(skipped)} checks are ok, skipped: {', '.join(skipped)}")


def _fits(stage: Stage) -> str:
    """Return what doctor says in a pod; nothing while it finds a problem, as on a machine that is too busy."""
    try:
        return stage.page("5. Does it fit together?")
    except AssertionError as error:
        say(str(error))
        return ""


def _guest_is_known(token: str) -> None:
    """Backstage's sign-in asks the catalog who somebody is, so the replicas: the token says what they answered."""
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    told = anchor.request("GET", f"{claims['iss']}/v1/userinfo", None, token)["claims"]["ent"]
    assert "group:default/guests" in told, told
    say(f"Backstage had the guest's groups of the replicas: {', '.join(told)}")


def _one_is_killed(stage: Stage, token: str) -> None:
    """Kill the replica that runs a task in its middle; another one takes the task up, and nobody misses a line."""
    site = anchor.Site(stage.ours, token)
    task = site.call("POST", "/api/scaffolder/v2/tasks", {"templateRef": "template:default/waits", "values": {}})
    killed: list[str] = []

    def kill(event: dict[str, Any]) -> None:
        if not killed and event["body"].get("message") == "Finished step s2":
            killed.append(_running(stage))
            release.kill(stage.kube, NAMESPACE, killed[0])

    events = _follow(stage, token, task["id"], kill)
    assert killed
    said = [str(one["body"].get("message", one["type"])) for one in events]
    assert events[-1]["body"].get("error") is None, said
    for number in range(_WAITS):
        assert said.count(f"Finished step s{number}") == 1, said
    waiting.until(lambda: len(stage.release.addresses()) == 2, "the replica that was killed is there again")
    say(f"the replica {killed[0]} was killed behind the third of {_WAITS} steps; the task's log:")
    for one in said:
        say(f"    {one}")


def _running(stage: Stage) -> str:
    """Return the address of the replica that runs a task."""
    for url in stage.release.addresses():
        host = str(urlsplit(url).hostname)
        with urllib.request.urlopen(f"http://{host}:9464/metrics") as answer:
            if re.search(r"^backstage_py_tasks_running (?!0)", answer.read().decode(), re.MULTILINE):
                return host
    raise AssertionError("no replica says that it runs the task")


def _follow(stage: Stage, token: str, task: str, seen: Any = lambda _: None) -> list[dict[str, Any]]:
    """Read a task's events as a browser does, by a stream that is opened again when it breaks off."""
    events: list[dict[str, Any]] = []
    end = time.monotonic() + 2 * patience.SECONDS
    while time.monotonic() < end:
        after = f"?after={events[-1]['id']}" if events else ""
        url = f"{stage.ours}/api/scaffolder/v2/tasks/{task}/eventstream{after}"
        request = urllib.request.Request(url, headers={"authorization": f"Bearer {token}"})
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            urllib.request.urlopen(request, timeout=patience.SECONDS) as stream,
        ):
            for line in stream:
                if line.startswith(b"data: "):
                    events.append(json.loads(line.removeprefix(b"data: ")))
                    seen(events[-1])
                    if events[-1]["type"] == "completion":
                        return events
        time.sleep(0.2)
    raise AssertionError(f"the task did not end: {events}")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
