"""A whole service whose catalog is filled from a host, asked over HTTP."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from starlette.types import ASGIApp

from backstage_py.app import serving
from backstage_py.settings.load import load_settings
from tests import patience
from tests.github_sources.host import GithubHost
from tests.http.harness import Answer, call

_TOKEN = "a-static-token-of-the-test"  # of this test
_SECRET = "a secret of the hook"  # as above
HOURLY = {"frequency": "1h", "timeout": "1m"}
OFTEN = {"frequency": {"milliseconds": 100}, "timeout": "1m"}


@dataclass
class Site:
    """A running service."""

    app: ASGIApp
    host: GithubHost
    _deliveries: list[str] = field(default_factory=list)

    async def get(self, path: str) -> Any:
        answer = await call(self.app, "GET", f"/api/catalog{path}", {"authorization": f"Bearer {_TOKEN}"})
        assert answer.status == 200, answer.body
        return answer.json

    async def entities(self, kind: str = "component") -> dict[str, Any]:
        """Return the entities of a kind by their names."""
        found = await self.get(f"/entities?filter=kind={kind}")
        return {one["metadata"]["name"]: one for one in found}

    async def located(self, *paths: str) -> None:
        """Wait until the locations are these, as paths on the host."""

        def holds(found: dict[str, Any]) -> bool:
            return {one["spec"]["target"].removeprefix(self.host.url) for one in found.values()} == {*paths}

        await self.until_true(holds, "location")

    async def until(self, *names: str, kind: str = "component") -> dict[str, Any]:
        """Return the entities of a kind as soon as they are these."""
        return await self.until_true(lambda found: found.keys() == {*names}, kind)

    async def until_true(self, holds: Callable[[dict[str, Any]], bool], kind: str = "component") -> dict[str, Any]:
        end = time.monotonic() + patience.SECONDS
        while not holds(found := await self.entities(kind)):
            assert time.monotonic() < end, f"there are {sorted(found)}, and {await self.told()}"
            await asyncio.sleep(0.02)
        return found

    async def told(self) -> Any:
        """Return what the catalog says about its sources."""
        locations = (await self.entities("location")).values()
        return [await self.provider(), *([one["spec"]["target"], one.get("status")] for one in locations)]

    async def until_read(self, level: str = "info", after: int = 0) -> dict[str, Any]:
        """Return the state of the first provider of GitHub as soon as it was read once more."""
        end = time.monotonic() + patience.SECONDS
        while (found := await self.provider()).get("level") != level or found["runs"] <= after:
            assert time.monotonic() < end, found
            await asyncio.sleep(0.02)
        return found

    async def provider(self) -> dict[str, Any]:
        found = [one for one in (await self.get("/providers"))["items"] if "hub" in one["name"].lower()]
        return found[0] if found else {"runs": 0}

    async def deliver(self, event: str, payload: Any) -> Answer:
        """Send an event as GitHub does."""
        self._deliveries.append(event)
        body = json.dumps(payload).encode()
        headers = {
            "content-type": "application/json",
            "x-github-event": event,
            "x-github-delivery": str(len(self._deliveries)),
            "x-hub-signature-256": "sha256=" + hmac.new(_SECRET.encode(), body, hashlib.sha256).hexdigest(),
        }
        answer = await call(self.app, "POST", "/api/events/http/github", headers, body)
        assert answer.status == 202, answer.body
        return answer


def config(host: GithubHost, folder: Path, providers: Any, **catalog: Any) -> dict[str, Any]:
    rules = [{"allow": ["Component", "API", "Location", "User", "Group"]}]
    return {
        "backend": {
            "baseUrl": "http://127.0.0.1:7007",
            "workingDirectory": str(folder / "work"),
            "database": {"client": "better-sqlite3", "connection": str(folder / "service.sqlite")},
            "auth": {"externalAccess": [{"type": "static", "options": {"token": _TOKEN, "subject": "test"}}]},
        },
        "integrations": {"github": [host.integration]},
        "events": {"modules": {"github": {"webhookSecret": _SECRET}}},
        "catalog": {"rules": rules, "processingInterval": "1h", "providers": providers, **catalog},
    }


@asynccontextmanager
async def running(host: GithubHost, folder: Path, providers: Any, **catalog: Any) -> AsyncIterator[Site]:
    """Run a service; the same folder again is a restart."""
    path = folder / "app-config.yaml"
    path.write_text(yaml.safe_dump(config(host, folder, providers, **catalog)), encoding="utf-8")
    async with serving(load_settings([path], {})) as service, service.running():
        yield Site(service.asgi, host)
