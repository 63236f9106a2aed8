"""The plugins of a Backstage, as far as one run on this machine needs them: applications in this process."""

import asyncio
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount

from backstage_py.errors import BackstageError, NotFoundError, as_name
from backstage_py.model import json
from backstage_py.model.http import BackstageResponse


class LocalBackstage:
    """Implements ``backstage_py.plugin.services.BackstageClient`` over routes, without a socket.

    Args:
        plugins: routes by the id of their plugin.
    """

    def __init__(self, plugins: Mapping[str, Sequence[BaseRoute]]) -> None:
        self._plugins = frozenset(plugins)
        self._app = Starlette(routes=[Mount(f"/{name}", routes=routes) for name, routes in plugins.items()])

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        token: str | None,  # noqa: ARG002  # there is one user
        timeout: float,  # noqa: ASYNC109  # the protocol's name
    ) -> BackstageResponse:
        """Hand a request to the plugin that its path names.

        Raises:
            NotFoundError: there is no such plugin in a run on this machine.
        """
        parts = urlsplit(path.removeprefix("/").removeprefix("api/"))
        plugin = parts.path.partition("/")[0]
        if plugin not in self._plugins:
            raise NotFoundError(f"A run on this machine has no plugin '{plugin}'; there is {', '.join(self._plugins)}")
        answer = _Answer()
        scope = _scope(method, f"/{parts.path}", parts.query, headers)
        try:
            await asyncio.wait_for(self._app(scope, _receiver(body or b""), answer.send), timeout)
        except BackstageError as error:
            shown = {"error": {"name": as_name(error), "message": error.message}}
            return BackstageResponse(error.status, {"content-type": "application/json"}, json.dumps(shown))
        return BackstageResponse(answer.status, answer.headers, bytes(answer.body))


class _Answer:
    def __init__(self) -> None:
        self.status = 500
        self.headers: dict[str, str] = {}
        self.body = bytearray()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


def _scope(method: str, path: str, query: str, headers: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method.upper(),
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": list(_encoded(headers.items())),
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
    }


def _encoded(headers: Iterable[tuple[str, str]]) -> Iterable[tuple[bytes, bytes]]:
    return ((name.lower().encode(), value.encode()) for name, value in headers)


def _receiver(body: bytes) -> Any:
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return next(messages, {"type": "http.disconnect"})

    return receive
