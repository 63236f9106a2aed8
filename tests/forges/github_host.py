"""GitHub for the comparison with Backstage's module: the sandbox, each request of which is kept.

What the sandbox does not have and the module asks for is answered here: which pull request is open for a branch.
"""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backstage_py.http import server
from backstage_py.integrations.github import GithubApi
from backstage_py.sandbox.app import create_sandbox_app
from backstage_py.sandbox.faults import FaultyHost
from backstage_py.sandbox.gitrepo import refs
from backstage_py.sandbox.settings import SandboxSettings
from tests.forges.stand_in import USER_TOKEN, Asked, StandIn

PREFIX = "/api/v3"
_GRAPHQL = "/api/graphql"
EXAMPLE_TOKENS = (
    "gph_YourGitHubToken",
    "gph_DifferentGitHubToken",
    "gph_SpecificGitHubToken",
    "gph_DocsGitHubToken",
    "ghp_abcdef1234567890",
    "my-github-token",
)
"""Of the module's examples."""


@dataclass
class Github:
    """The sandbox with what was asked of it."""

    base: StandIn

    @property
    def api_url(self) -> str:
        return f"{self.base.url}{PREFIX}"

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Prepare something through the API."""
        async with GithubApi(self.api_url, self.base.token) as api:
            return await api.call(method, path, body)


class _Kept:
    """Keeps what the API is asked, and answers the one query that the sandbox does not know."""

    def __init__(self, app: ASGIApp, base: StandIn) -> None:
        self._app, self._base = app, base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = scope["raw_path"].decode()
        if not raw.startswith((f"{PREFIX}/", _GRAPHQL)):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        text = await request.body()
        body = json.loads(text) if text else None
        if raw == _GRAPHQL:
            await JSONResponse(await self._open_request(json.loads(text)["variables"]))(scope, receive, send)
            return
        path = tuple(unquote(part) for part in raw.removeprefix(PREFIX).strip("/").split("/"))
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        self._base.asked.append(Asked(scope["method"], path, query, body, request.headers))

        async def again() -> Message:
            return {"type": "http.request", "body": text, "more_body": False}

        await self._app(scope, again, send)

    async def _open_request(self, names: dict[str, str]) -> Any:
        full_name = f"{names['owner']}/{names['repo']}"
        found = self._base.find(full_name)
        if found is None or not await refs.commit_of(self._base.bare(full_name), f"refs/heads/{names['head']}"):
            return {"data": {"repository": {"ref": None}}}
        edges = [
            {"node": {"id": number, "number": int(number), "url": f"{self._base.url}/{full_name}/pull/{number}"}}
            for number, record in found.book("issues").items()
            if record["state"] == "open" and record.get("pull", {}).get("head") == names["head"]
        ]
        return {"data": {"repository": {"ref": {"associatedPullRequests": {"edges": edges[:1]}}}}}


@asynccontextmanager
async def serve(root: Path, *, token: str | None = None, port: int = 0) -> AsyncIterator[Github]:
    """A GitHub with the users ``ada`` and ``testuser``; all other names are organizations."""
    listener = socket.create_server(("127.0.0.1", port))
    try:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        used = token or "token"
        known = {used: "ada", USER_TOKEN: "ada", **dict.fromkeys(EXAMPLE_TOKENS, "ada"), "another": "testuser"}
        app = create_sandbox_app(SandboxSettings(root, url, known))
        base = StandIn(url, used, app.state.host)
        async with server.running(FaultyHost(_Kept(app, base), base.faults), listener, grace=1):
            yield Github(base)
    finally:
        listener.close()
