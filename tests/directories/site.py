"""The service with a directory in its configuration."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import yaml
from starlette.types import ASGIApp

from backstage_py.app import serving
from backstage_py.model import entity_ref
from backstage_py.settings.load import load_settings
from tests import patience
from tests.http.harness import call


async def organisation(folder: Path, providers: Any) -> tuple[list[str], list[str], str | None]:
    """Start the service, wait until its provider was read once, and return groups, users and what went wrong.

    A service of the same folder goes on with what was there.
    """
    schedule = {"frequency": {"seconds": 1}, "timeout": {"minutes": 1}}
    named = {kind: {name: {"schedule": schedule, **one} for name, one in of.items()} for kind, of in providers.items()}
    config = {
        "backend": {
            "baseUrl": "http://127.0.0.1:7007",
            "auth": {"dangerouslyDisableDefaultAuthPolicy": True},
            "database": {"client": "better-sqlite3", "connection": str(folder / "service.sqlite")},
        },
        "catalog": {"providers": named},
    }
    path = folder / "app-config.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    async with serving(load_settings([path], {})) as service, service.running():
        before = max([0, *(one["runs"] for one in await _states(service.asgi))])
        async with patience.bounded():
            state = await _until(lambda: _read_since(service.asgi, before))
            found = await _until(lambda: _exactly(service.asgi, state["entities"]))
    groups, users = ([one for one in found if one.startswith(kind)] for kind in ("group:", "user:"))
    return groups, users, state["message"] if state["level"] == "error" else None


async def _states(app: ASGIApp) -> list[Any]:
    items: list[Any] = (await call(app, "GET", "/api/catalog/providers")).json["items"]
    return [one for one in items if one["runs"] or one["begunAt"]]


async def _people(app: ASGIApp) -> list[str]:
    answer = await call(app, "GET", "/api/catalog/entities?filter=kind=user&filter=kind=group")
    return sorted(entity_ref.of(one) for one in answer.json)


async def _read_since(app: ASGIApp, before: int) -> Any:
    return next((one for one in await _states(app) if one["runs"] > before), None)


async def _exactly(app: ASGIApp, count: int) -> Any:
    found = await _people(app)
    return found if len(found) == count else None


async def _until(ask: Callable[[], Awaitable[Any]]) -> Any:
    while True:
        if found := await ask():
            return found
        await asyncio.sleep(0.05)
