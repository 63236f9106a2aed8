"""A JSON API on loopback that a function answers; every request is kept, so that two clients can be compared."""

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Asked:
    """A request; ``path`` is as on the wire, ``query`` decoded."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = None

    def shown(self, *headers: str) -> list[Any]:
        """What is compared: method, path, query, some headers and the body."""
        own = {name: self.headers[name] for name in headers if name in self.headers}
        return [self.method, self.path, dict(sorted(self.query.items())), own, _plain(self.body)]


def _plain(body: Any) -> Any:
    """A query of GraphQL without what means nothing: its name and its layout."""
    if not isinstance(body, dict) or "query" not in body:
        return body
    text = re.sub(r"^query \w*\(", "query(", str(body["query"]).strip())
    return {**body, "query": re.sub(r"\s?([(){}])\s?", r"\1", re.sub(r"[\s,]+", " ", text))}


Answer = tuple[int, Any] | tuple[int, Any, Mapping[str, str]]
Handle = Callable[["ApiHost", Asked], Answer]


@dataclass
class ApiHost:
    """Its address and what it was asked; bytes of an answer are sent as they are."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)


@asynccontextmanager
async def serve(handle: Handle) -> AsyncIterator[ApiHost]:
    """Serve until the block is left."""
    found = ApiHost()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        text = await request.text()
        headers = {name.lower(): value for name, value in request.headers.items()}
        is_json = "json" in headers.get("content-type", "")
        path = request.raw_path.partition("?")[0]
        asked = Asked(request.method, path, dict(request.query), headers, json.loads(text) if is_json else text or None)
        found.asked.append(asked)
        status, body, *more = handle(found, asked)
        sent = dict(more[0]) if more else {}
        if isinstance(body, bytes):
            return web.Response(status=status, body=body, headers=sent)
        return web.json_response(body, status=status, headers=sent)

    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield found
    finally:
        await runner.cleanup()
