"""The plugins of a Backstage, as far as a run without a server has them: applications in this process."""

import asyncio
from collections.abc import Mapping, Sequence

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount

from backstage_py.errors import BackstageError, NotFoundError, as_name
from backstage_py.integrations.web import asgi
from backstage_py.model import json
from backstage_py.model.http import BackstageResponse


class InProcessBackstage:
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
        target = path.removeprefix("/").removeprefix("api/")
        plugin = target.partition("?")[0].partition("/")[0]
        if plugin not in self._plugins:
            raise NotFoundError(f"A run on this machine has no plugin '{plugin}'; there is {', '.join(self._plugins)}")
        asked = asgi.request(self._app, method, f"/{target}", headers=headers, body=body)
        try:
            return await asyncio.wait_for(asked, timeout)
        except BackstageError as error:
            shown = {"error": {"name": as_name(error), "message": error.message}}
            return BackstageResponse(error.status, {"content-type": "application/json"}, json.dumps(shown))
