"""A platform in this process with a clock of its own: its tasks run, and hosts tell it what happens."""

import asyncio
import copy
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.types import ASGIApp

from backstage_py.app import serving
from backstage_py.http import server
from backstage_py.model import times
from backstage_py.sandbox import stand_in
from backstage_py.settings.load import load_settings
from tests import patience
from tests.http.harness import Answer, call

SECRET = "of-the-hooks"  # of these tests
TOKEN = "of-the-platforms-lead"
PAYLOADS = Path(__file__).parent / "payloads"
TEMPLATES = """
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: golden}
spec:
  type: service
  owner: platform
  parameters:
    properties: {name: {type: string}, owner: {type: string}}
  steps:
    - id: file
      action: roadiehq:utils:fs:write
      input: {path: README.md, content: "${{ parameters.name }}"}
    - id: publish
      action: publish:github
      input: {repoUrl: "github.com?owner=acme&repo=${{ parameters.name }}", defaultBranch: main}
---
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: database}
spec:
  type: resource
  owner: platform
  parameters:
    properties: {owner: {type: string}, ticket: {type: string}}
  steps: [{id: order, action: debug:log, input: {message: ordered}}]
---
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: broken}
spec:
  type: service
  owner: platform
  parameters:
    properties: {owner: {type: string}}
  steps: [{id: read, action: fs:read, input: {path: no-such-file}}]
---
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: order}
spec:
  type: resource
  owner: platform
  parameters:
    properties: {owner: {type: string}}
  steps:
    - id: order
      action: http:backstage:request
      input:
        method: POST
        path: /api/crossplane/postgres
        headers: {authorization: Bearer of-the-platforms-lead, content-type: application/json}
        body: {serviceName: news, team: team-a}
"""


def at(text: str) -> int:
    """Return a moment such as ``01-05 10:00`` of 2026 in milliseconds."""
    return int(datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC).timestamp() * 1000)


def iso(text: str) -> str:
    """Return the same as hosts write it."""
    return times.iso(at(text)).replace(".000", "")


def recorded(name: str) -> Any:
    """Return a delivery as a host documents it."""
    return json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))


def component(name: str, owner: str, repository: str | None, **annotations: str) -> dict[str, Any]:
    """Return a component of the catalog."""
    source = {"backstage.io/source-location": f"url:{repository}/"} if repository else {}
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Component",
        "metadata": {"name": name, "annotations": {**source, **annotations}},
        "spec": {"type": "service", "lifecycle": "production", "owner": owner},
    }


@dataclass
class Platform:
    """The service, at one moment after the other."""

    app: ASGIApp
    url: str
    hosting: str
    folder: Path
    now: int = at("01-01 00:00")

    @property
    def catalog_file(self) -> Path:
        return self.folder / "components.yaml"

    def show(self, *components: Any) -> None:
        """Say what is in the catalog from the next start on."""
        self.catalog_file.write_text(yaml.safe_dump_all(components), encoding="utf-8")

    async def run(self, when: str, template: str, **values: str) -> str:
        """Run a task at a moment, and return how it ended."""
        self.now = at(when)
        body = json.dumps({"templateRef": f"template:default/{template}", "values": values}).encode()
        headers = {"content-type": "application/json"}
        made = await call(self.app, "POST", "/api/scaffolder/v2/tasks", headers, body)
        assert made.status == 201, made.body
        path = f"/api/scaffolder/v2/tasks/{made.json['id']}"
        async with patience.bounded():
            while (status := await self._status(path)) in {"open", "processing"}:  # noqa: ASYNC110  # by HTTP
                await asyncio.sleep(0.01)
        return status

    async def _status(self, path: str) -> str:
        return str((await call(self.app, "GET", path)).json["status"])

    async def github(self, event: str, payload: Any, delivery: str) -> Answer:
        """Deliver as GitHub does."""
        body = json.dumps(payload).encode()
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        sent = {"x-hub-signature-256": f"sha256={signature}", "x-github-event": event, "x-github-delivery": delivery}
        return await self.post("github", body, sent)

    async def gitlab(self, payload: Any) -> Answer:
        """Deliver as GitLab does."""
        return await self.post("gitlab", json.dumps(payload).encode(), {"x-gitlab-token": SECRET})

    async def tell(self, **event: Any) -> Answer:
        """Deliver to the topic ``platform``."""
        return await self.post("platform", json.dumps(event).encode(), {"x-platform-webhook-secret": SECRET})

    async def post(self, topic: str, body: bytes, headers: dict[str, str]) -> Answer:
        sent = {"content-type": "application/json", **headers}
        return await call(self.app, "POST", f"/api/events/http/{topic}", sent, body)

    async def metrics(self, query: str = "") -> Any:
        """Return the report."""
        answer = await call(self.app, "GET", f"/api/backstage-py/v1/metrics/platform{query}")
        assert answer.status == 200, answer.body
        return answer.json

    def of(self, repository: str, name: str) -> Any:
        """Return GitHub's example of an event, as one of a repository of this platform."""
        payload = copy.deepcopy(recorded(f"github_{name}"))
        url = f"{self.hosting}/acme/{repository}"
        payload["repository"] |= {"html_url": url, "full_name": f"acme/{repository}", "default_branch": "main"}
        return payload


@asynccontextmanager
async def platform(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, database: str | None = None, **more: Any
) -> AsyncIterator[Platform]:
    """Run a platform until the block is left; ``more`` goes into its configuration."""
    (folder / "templates.yaml").write_text(TEMPLATES, encoding="utf-8")
    connection = {"client": "pg", "connection": database} if database else None
    async with stand_in.running(folder / "sandbox", guard=_nobody) as sandbox:
        found = Platform(_nothing, "", f"http://{sandbox.hosts[-1].host}", folder)
        monkeypatch.setattr(times, "now", lambda: found.now)
        if not found.catalog_file.exists():
            found.show(*components(found.hosting))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            found.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            access = {"type": "static", "options": {"token": TOKEN, "subject": "lead"}}
            config = {
                "backend": {
                    "baseUrl": found.url,
                    "auth": {"dangerouslyDisableDefaultAuthPolicy": True, "externalAccess": [access]},
                    "database": connection or {"client": "better-sqlite3", "connection": str(folder / "db.sqlite")},
                    "workingDirectory": str(folder / "work"),
                },
                "events": {"modules": {name: {"webhookSecret": SECRET} for name in ("github", "gitlab", "platform")}},
                "catalog": {
                    "rules": [{"allow": ["Component", "Template"]}],
                    "locations": [
                        {"type": "file", "target": str(folder / name)} for name in ("templates.yaml", "components.yaml")
                    ],
                },
                "platformMetrics": {"infrastructureActions": ["debug:log"]},
                **more,
            }
            path = folder / "app-config.yaml"
            path.write_text(yaml.safe_dump(config), encoding="utf-8")
            async with (
                serving(load_settings([path], {}), [sandbox]) as service,
                service.running(),
                server.running(service.asgi, listener, grace=1),
            ):
                found.app = service.asgi
                await _is_read(found)
                yield found


def components(hosting: str) -> list[dict[str, Any]]:
    """Return the catalog of the story; ``odd`` has no repository, ``legacy`` is on another host."""
    incident = "INC-9 2026-02-20T12:00Z/"
    return [
        component("shop", "team-a", f"{hosting}/acme/shop"),
        component("pay", "team-a", f"{hosting}/acme/pay", **{"backstage-py.io/incidents": incident}),
        component("blog", "team-b", f"{hosting}/acme/blog"),
        component("news", "team-b", f"{hosting}/acme/news"),
        component("legacy", "team-b", "https://gitlab.example.com/acme/legacy"),
        component("odd", "team-b", None),
    ]


async def _is_read(found: Platform) -> None:
    async with patience.bounded():
        while True:
            answer = await call(found.app, "GET", "/api/catalog/entities?filter=kind=template&filter=kind=component")
            if len(answer.json) == 10:  # four templates, six components
                return
            await asyncio.sleep(0.02)


async def _nobody(_request: Any) -> str:
    return "nobody"


async def _nothing(_scope: Any, _receive: Any, _send: Any) -> None:
    raise AssertionError("the platform has not started")
