"""The service within a test's process, with the policy of a Backstage on loopback in force."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from backstage_py.app import Service, serving
from backstage_py.settings.load import load_settings
from tests import patience
from tests.contract.harness import free_port
from tests.http.harness import Answer, call
from tests.permissions.fake_backstage import FakeBackstage
from tests.permissions.loopback import answering

OWNER, OTHER = "user:default/owner", "user:default/other"
COMPONENTS = """
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: a}
spec: {type: service, lifecycle: production, owner: team-a}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: b}
spec: {type: service, lifecycle: production, owner: team-b}
---
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: t}
spec:
  owner: team-a
  type: service
  steps: [{id: say, action: "debug:log", input: {message: hi}}]
"""
OWNED = {"rule": "IS_ENTITY_OWNER", "params": {"claims": ["group:default/team-a"]}}
TASKS = "/api/scaffolder/v2/tasks"


@dataclass
class Site:
    """The service within this process, and the Backstage that it asks."""

    service: Service
    backstage: FakeBackstage

    async def ask(self, method: str, path: str, body: Any = None, token: str | None = None, **more: str) -> Answer:
        headers = {**more, **({"content-type": "application/json"} if body is not None else {})}
        if token:
            headers["authorization"] = f"Bearer {token}"
        return await call(self.service.asgi, method, path, headers, None if body is None else json.dumps(body).encode())

    async def get(self, path: str, user: str = OWNER) -> Answer:
        return await self.ask("GET", path, token=self.backstage.token(user))

    async def post(self, path: str, body: Any, user: str = OWNER) -> Answer:
        return await self.ask("POST", path, body, self.backstage.token(user))

    async def names(self, path: str = "/api/catalog/entities", user: str = OWNER) -> list[str]:
        answer = await self.get(f"{path}?filter=kind=component,kind=template", user)
        assert answer.status == 200, answer.body
        return sorted(one["metadata"]["name"] for one in answer.json)

    async def run(self, user: str = OWNER) -> dict[str, Any]:
        """Run the template and return the body of its end."""
        created = await self.post(TASKS, {"templateRef": "template:default/t", "values": {}}, user)
        assert created.status == 201, created.body
        return await self.end(created.json["id"])

    async def end(self, task: str) -> dict[str, Any]:
        store = self.service.scaffolder.service
        async with patience.bounded():
            while (await store.get(task)).status not in {"completed", "failed"}:  # noqa: ASYNC110  # events may be forbidden
                await asyncio.sleep(0.02)
        events = await store.past_events(task)
        body: dict[str, Any] = next(json.loads(one.body) for one in events if one.type == "completion")
        return body


@asynccontextmanager
async def running(
    backstage: FakeBackstage,
    folder: Path,
    port: int | None = None,
    *,
    alone: bool = False,
    backend_auth: Any = None,
    backend_actions: Any = None,
    **changes: Any,
) -> AsyncIterator[Site]:
    """Run the service with the Backstage's configuration, or ``alone`` with one of its own."""
    port = port or free_port()
    ours = {"target": f"http://127.0.0.1:{port}/api/{{{{pluginId}}}}", "plugins": ["scaffolder", "catalog"]}
    (folder / "entities.yaml").write_text(COMPONENTS)
    config: dict[str, Any] = {
        "backend": {
            "baseUrl": f"http://127.0.0.1:{port}" if alone else backstage.url,
            "database": {"client": "better-sqlite3", "connection": str(folder / "db.sqlite")},
            "workingDirectory": str(folder / "work"),
            "auth": backend_auth or {},
            "actions": backend_actions or {},
        },
        "discovery": {} if alone else {"endpoints": [ours]},
        "permission": {"enabled": True},
        "catalog": {
            "rules": [{"allow": ["Component", "Template"]}],
            "locations": [{"type": "file", "target": str(folder / "entities.yaml")}],
        },
        **changes,
    }
    path = folder / "app-config.yaml"
    path.write_text(yaml.safe_dump(config))
    async with serving(load_settings([path], {})) as service, service.running():
        site = Site(service, backstage)
        with answering(service.asgi, port):
            backstage.plugins = f"http://127.0.0.1:{port}"
            await _settled(site)
            yield site


async def _settled(site: Site) -> None:
    catalog = site.service.scaffolder.service.equipment.services.catalog
    assert catalog
    async with patience.bounded():
        while None in await catalog.entities_by_refs(["component:default/b", "template:default/t"], token=None):  # noqa: ASYNC110  # the catalog tells nobody
            await asyncio.sleep(0.02)
