"""A GitLab in the configuration of a service: its projects come into the catalog, and a push is followed."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import yaml
from starlette.types import ASGIApp

from backstage_py.app import serving
from backstage_py.settings.load import load_settings
from tests import patience
from tests.directories import api_host
from tests.directories.api_host import Answer, ApiHost, Asked
from tests.git_hosts import gitlab_world
from tests.git_hosts.cases import TOKEN
from tests.http.harness import call

_SECRET = "of-the-hook"  # of this test
_SCHEDULE = {"frequency": {"hours": 1}, "timeout": {"minutes": 1}}


async def _until(ask: Callable[[], Awaitable[Any]], wanted: Any) -> None:
    async with patience.bounded():
        while await ask() != wanted:  # noqa: ASYNC110  # what is waited for is seen over HTTP alone
            await asyncio.sleep(0.05)


async def _titles(app: ASGIApp) -> Any:
    answer = await call(app, "GET", "/api/catalog/entities?filter=kind=component")
    return sorted((one["metadata"]["name"], one["metadata"].get("title")) for one in answer.json)


async def test_projects_come_into_the_catalog_and_a_push_is_followed(tmp_path: Path) -> None:
    title = "before"

    def world(host: ApiHost, asked: Asked) -> Answer:
        if not asked.path.endswith("/raw"):
            return gitlab_world.handle(host, asked)
        what = "web" if "web" in asked.path else "api"
        text = f"{{apiVersion: backstage.io/v1alpha1, kind: Component, metadata: {{name: {what}, title: {title}}}, "
        return 200, f"{text}spec: {{type: service, lifecycle: x, owner: y}}}}".encode()

    async with api_host.serve(world) as host:
        name = host.url.partition("//")[2]
        entry = {"host": name, "apiBaseUrl": f"{host.url}/api/v4", "baseUrl": host.url, "token": TOKEN}
        provider = {"host": name, "group": "acme", "skipForkedRepos": True, "schedule": _SCHEDULE}
        config = {
            "backend": {
                "baseUrl": "http://127.0.0.1:7007",
                "auth": {"dangerouslyDisableDefaultAuthPolicy": True},
                "database": {"client": "better-sqlite3", "connection": str(tmp_path / "service.sqlite")},
            },
            "integrations": {"gitlab": [entry]},
            "events": {"modules": {"gitlab": {"webhookSecret": _SECRET}}},
            "catalog": {"processingInterval": {"hours": 1}, "providers": {"gitlab": {"acme": provider}}},
        }
        path = tmp_path / "app-config.yaml"
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        async with serving(load_settings([path], {})) as service, service.running():
            await _until(lambda: _titles(service.asgi), [("api", "before"), ("web", "before")])
            title = "after"
            _, told = gitlab_world.KIND.cases[0].events[0]
            body = json.dumps(told).replace("<host>", host.url).encode()
            headers = {"x-gitlab-token": "forged", "content-type": "application/json"}
            forged = await call(service.asgi, "POST", "/api/events/http/gitlab", headers, body)
            assert forged.status == 403
            headers["x-gitlab-token"] = _SECRET
            taken = await call(service.asgi, "POST", "/api/events/http/gitlab", headers, body)
            assert taken.status == 202
            await _until(lambda: _titles(service.asgi), [("api", "before"), ("web", "after")])
