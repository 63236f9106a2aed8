"""A real Backstage backend and this service as processes that share one configuration."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests import patience
from tests.contract.harness import free_port, start
from tests.oracle import tools
from tests.storage.postgres import postgres

PLUGINS = (
    "auth-backend",
    "auth-backend-module-guest-provider",
    "catalog-backend",
    "catalog-backend-module-scaffolder-entity-model",
    "permission-backend",
    "permission-backend-module-allow-all-policy",
    "scaffolder-backend",
)
"""The backend plugins that a backend has unless it is said otherwise."""
_INDEX = """
const { createBackend } = require('@backstage/backend-defaults');
const backend = createBackend();
for (const name of PLUGINS) {
  const loaded = require(`@backstage/plugin-${name}`);
  backend.add(loaded.default ?? loaded);
}
backend.start();
"""
_ACTIONS = '''
from dataclasses import dataclass

from backstage_py.plugin import ActionAttributes, ActionContext, PermanentError, action


@dataclass(frozen=True)
class Greet:
    name: str


@dataclass(frozen=True)
class Greeting:
    text: str
    caller: str


@action(
    "acme:greet",
    Greet,
    output=Greeting,
    needs_workspace=False,
    attributes=ActionAttributes(read_only=True, idempotent=True, destructive=False),
)
def greet(ctx: ActionContext[Greet]) -> Greeting:
    """Greet somebody."""
    if ctx.input.name == "nobody":
        raise PermanentError("There is nobody to greet; give a name")
    return Greeting(f"Hello, {ctx.input.name}", ctx.user.ref or "")


@action("acme:whoami", {"type": "object"}, needs_workspace=False)
async def whoami(ctx: ActionContext[dict]) -> dict:
    """Ask the catalog of the calling Backstage as the user."""
    answer = await ctx.http.get("/api/catalog/entities/by-name/template/default/greet")
    return {"title": answer.json()["metadata"]["title"]}


@action("acme:write", {"type": "object"})
def write(ctx: ActionContext[dict]) -> None:
    """Write a file."""
    ctx.workspace.path("made.txt").write_text("made in Python")
'''


@dataclass(frozen=True)
class Site:
    """A backend that answers, and a user's token for it."""

    url: str
    token: str

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request as the user."""
        return request(method, self.url + path, body, self.token)

    def run(self, template: str, values: dict[str, Any]) -> dict[str, Any]:
        """Run a template and return the body of its completion event."""
        created = self.call("POST", "/api/scaffolder/v2/tasks", {"templateRef": template, "values": values})
        end = time.monotonic() + patience.SECONDS
        while time.monotonic() < end:
            events = self.call("GET", f"/api/scaffolder/v2/tasks/{created['id']}/events?after=0")
            done = [event["body"] for event in events if event["type"] == "completion"]
            if done:
                lines = [event["body"]["message"] for event in events if event["type"] == "log"]
                return {**done[0], "log": "\n".join(lines)}
        raise AssertionError(f"the task of {template} did not end")


@dataclass(frozen=True)
class Pair:
    """Both."""

    backstage: Site
    ours: Site


def template(name: str, *steps: dict[str, Any], output: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a template that takes a name."""
    return {
        "apiVersion": "scaffolder.backstage.io/v1beta3",
        "kind": "Template",
        "metadata": {"name": name, "title": f"The template {name}"},
        "spec": {
            "owner": "guests",
            "type": "service",
            "parameters": {"properties": {"name": {"type": "string"}}},
            "steps": list(steps),
            "output": output or {},
        },
    }


@contextmanager
def pair(
    folder: Path, *templates: dict[str, Any], way: Callable[[str, str], dict[str, Any]] | None = None
) -> Iterator[Pair]:
    """Run both until the block is left; the templates are in the catalog that counts.

    ``way`` gives the configuration of a way of use for the addresses of Backstage and of this service, in the place of
    that in which Backstage keeps its scaffolder.
    """
    theirs, ours = free_port(), free_port()
    (folder / "actions").mkdir()
    (folder / "actions" / "acme.py").write_text(_ACTIONS)
    entities = folder / "templates.yaml"
    entities.write_text(yaml.safe_dump_all(templates))
    config = folder / "app-config.yaml"
    shared = _config(theirs, ours, entities)
    if way:
        given = way(f"http://localhost:{theirs}", f"http://127.0.0.1:{ours}")
        backend = {key: value for key, value in shared["backend"].items() if key != "actions"}
        shared = {**shared, **given, "backend": {**backend, **given["backend"]}}
    config.write_text(yaml.safe_dump(shared))
    overlay = folder / "app-config.py.yaml"
    overlay.write_text(yaml.safe_dump(_overlay(folder)))
    with backstage(folder, config) as wait:
        service = start(folder, config, "--config", str(overlay), port=ours)
        try:
            url = f"http://localhost:{theirs}"
            token = wait(url)
            both = Pair(Site(url, token), Site(service.url, token))
            has_catalog = "catalog" in shared["discovery"]["endpoints"][0]["plugins"]
            _until_in_catalog(
                both.ours if has_catalog else both.backstage, [one["metadata"]["name"] for one in templates]
            )
            yield both
        finally:
            service.process.kill()
            service.process.wait()


def _config(theirs: int, ours: int, entities: Path) -> dict[str, Any]:
    return {
        "app": {"baseUrl": "http://localhost:3000"},
        "backend": {
            "baseUrl": f"http://localhost:{theirs}",
            "listen": {"host": "127.0.0.1", "port": theirs},
            "actions": {"pluginSources": ["backstage-py", "catalog"]},
        },
        "discovery": {
            "endpoints": [{"target": f"http://127.0.0.1:{ours}/api/{{{{pluginId}}}}", "plugins": ["backstage-py"]}]
        },
        "auth": {"providers": {"guest": {"dangerouslyAllowOutsideDevelopment": True}}},
        "permission": {"enabled": True},
        "catalog": {
            "rules": [{"allow": ["Template"]}],
            "locations": [{"type": "file", "target": str(entities)}],
        },
    }


def _overlay(folder: Path) -> dict[str, Any]:
    return {
        "backend": {
            "workingDirectory": str(folder / "work"),
            "database": {"client": "better-sqlite3", "connection": ":memory:"},
        },
        "scaffolder": {"actionsFolder": str(folder / "actions")},
    }


def as_guest(url: str) -> str:
    return str(request("POST", f"{url}/api/auth/guest/refresh")["backstageIdentity"]["token"])


@contextmanager
def backstage(
    folder: Path,
    *configs: Path,
    plugins: Iterable[str] = PLUGINS,
    sign_in: Callable[[str], str] = as_guest,
    env: dict[str, str] | None = None,
) -> Iterator[Callable[[str], str]]:
    """Run a backend on a PostgreSQL of its own, in a folder that may bring its ``index.js``.

    The function that is given waits for the backend, signs in and returns the user's token.
    """
    index, overlay, log = folder / "index.js", folder / "app-config.database.yaml", folder / "backstage.log"
    (folder / "node_modules").symlink_to(Path(os.environ["BACKSTAGE_PY_ANCHOR"]).resolve() / "node_modules")
    (folder / "package.json").write_text('{"name": "backend"}')
    if not index.exists():
        index.write_text(_INDEX.replace("PLUGINS", json.dumps(list(plugins))))
    named = [word for config in (*configs, overlay) for word in ("--config", str(config))]
    with postgres() as server, log.open("wb") as output:
        overlay.write_text(yaml.safe_dump({"backend": {"database": database(server.port)}}))
        process = subprocess.Popen(
            [node(), "index.js", *named],
            cwd=folder,
            stdout=output,
            stderr=output,
            env={**os.environ, "NODE_ENV": "production", **(env or {})},
        )
        end = time.monotonic() + patience.SECONDS

        def wait(url: str) -> str:
            while process.poll() is None and time.monotonic() < end:
                with suppress(OSError), urllib.request.urlopen(f"{url}/.backstage/health/v1/readiness"):
                    return sign_in(url)
                time.sleep(0.2)
            raise AssertionError(f"Backstage did not start:\n{log.read_text(errors='replace')[-4000:]}")

        try:
            yield wait
        finally:
            process.kill()
            process.wait()


def node() -> str:
    """Return the Node.js that a backend needs, which may be newer than the one on the path."""
    return os.environ.get("BACKSTAGE_PY_NODE") or tools.bundled_node() or tools.node() or "node"


def database(port: int) -> dict[str, Any]:
    """Return ``backend.database`` for a PostgreSQL of the tests."""
    return {
        "client": "pg",
        "connection": {"host": "127.0.0.1", "port": port, "user": "test", "password": "test"},
        "knexConfig": {"pool": {"min": 0, "max": 5}},
    }


def _until_in_catalog(site: Site, names: list[str]) -> None:
    end = time.monotonic() + patience.SECONDS
    while time.monotonic() < end:
        found = site.call("GET", "/api/catalog/entities?filter=kind=template&fields=metadata.name")
        if {one["metadata"]["name"] for one in found} >= set(names):
            return
        time.sleep(0.2)
    raise AssertionError("the templates did not reach the catalog")


def request(method: str, url: str, body: Any = None, token: str | None = None) -> Any:
    """Send a request and return the JSON of the answer; one that is refused is an AssertionError with its text."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    data = json.dumps(body).encode() if body is not None else None
    sent = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(sent, timeout=40) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        if error.code in (404, 502, 503) and "guest/refresh" in url:
            raise OSError("not yet") from error
        raise AssertionError(f"{method} {url}: {error.code} {error.read().decode()}") from error
