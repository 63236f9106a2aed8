"""A server that answers as Vault's documented API of mounts, key-value engines and Kubernetes login, for hvac.

Written after hvac and what Vault 1.x answers: paths, bodies, statuses, and the error texts that clients look at. It
stands in for a real server where none can be installed.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

TOKEN = "s.admin"


@dataclass
class VaultServer:
    """Its address, its mounts with their versions, and secrets by ``mount/path``: all versions, None for deleted."""

    url: str = ""
    mounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: dict[str, list[dict[str, str] | None]] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    written_between: list[dict[str, str]] = field(default_factory=list)
    """What somebody else writes right before our next writes."""

    def current(self, path: str) -> dict[str, str] | None:
        return self.secrets[path][-1]

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path.removeprefix("/v1/")
        body = json.loads(await request.read() or b"{}")
        if path == "auth/kubernetes/login":
            granted = body == {"jwt": "pod", "role": "backstage"}
            return _json({"auth": {"client_token": TOKEN}}) if granted else _errors(403, "permission denied")
        if request.headers.get("X-Vault-Token") != TOKEN or path in self.denied:
            return _errors(403, "permission denied")
        if path.startswith("sys/mounts/"):
            return self._mount(request.method, path.removeprefix("sys/mounts/"), body)
        mount, _, rest = path.partition("/")
        options = (self.mounts.get(mount) or {}).get("options") or {}
        if options.get("version") == "2":
            return self._kv2(request.method, f"{mount}/{rest.removeprefix('data/')}", body)
        return self._kv1(request.method, path, body)

    def _mount(self, method: str, mount: str, body: Any) -> web.StreamResponse:
        if method == "POST":
            self.mounts[mount] = body
            return web.Response(status=204)
        if mount not in self.mounts:
            return _errors(400, f"No secret engine mount at {mount}/")
        return _json({"data": self.mounts[mount], **self.mounts[mount]})

    def _kv2(self, method: str, path: str, body: Any) -> web.StreamResponse:
        versions = self.secrets.setdefault(path, [])
        if method == "GET":
            if not versions:
                return _errors(404)
            metadata = {"version": len(versions), "deletion_time": "" if versions[-1] is not None else "2026-01-01"}
            found = {"data": {"data": versions[-1], "metadata": metadata}}
            return _json(found, 200 if versions[-1] is not None else 404)
        if self.written_between:
            versions.append(self.written_between.pop(0))
        if body["options"].get("cas", len(versions)) != len(versions):
            return _errors(400, "check-and-set parameter did not match the current version")
        versions.append(body["data"])
        return _json({"data": {"version": len(versions)}})

    def _kv1(self, method: str, path: str, body: Any) -> web.StreamResponse:
        if method == "GET":
            return _json({"data": self.secrets[path][-1]}) if path in self.secrets else _errors(404)
        self.secrets[path] = [body]
        return web.Response(status=204)


def _json(value: Any, status: int = 200) -> web.StreamResponse:
    return web.Response(body=json.dumps(value).encode(), status=status, content_type="application/json")


def _errors(status: int, *words: str) -> web.StreamResponse:
    return _json({"errors": list(words)}, status)


@asynccontextmanager
async def serve() -> AsyncIterator[VaultServer]:
    """Serve until the block is left."""
    found = VaultServer()
    runner = web.ServerRunner(web.Server(found.answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield found
    finally:
        await runner.cleanup()
