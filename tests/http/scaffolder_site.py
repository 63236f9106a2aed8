"""The scaffolder's face over a small world, called without a server."""

import json
from typing import Any

from starlette.routing import Mount, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from backstage_py.http import application
from backstage_py.http import scaffolder as face
from backstage_py.http.body import BODY_LIMIT
from backstage_py.http.credentials import CREDENTIALS
from backstage_py.http.streams import OpenStreams
from backstage_py.settings.sections import BackendSettings
from tests.http.harness import Answer, call
from tests.scaffolder.harness import GUEST, World


class SignedIn:
    """Stands where the barrier stands: the guest calls."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[CREDENTIALS] = GUEST
        scope[BODY_LIMIT] = face.BODY_LIMIT
        await self._app(scope, receive, send)


def site(world: World) -> ASGIApp:
    router = Router(face.routes(world.scaffolder.authorized), redirect_slashes=False)
    mount = Mount("/api/scaffolder", app=SignedIn(router))
    return application.create([mount], BackendSettings("http://here"), OpenStreams())


async def get(app: ASGIApp, path: str, **headers: str) -> Answer:
    return await call(app, "GET", f"/api/scaffolder{path}", headers)


async def post(app: ASGIApp, path: str, body: Any = None) -> Answer:
    if body is None:
        return await call(app, "POST", f"/api/scaffolder{path}")
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await call(app, "POST", f"/api/scaffolder{path}", {"content-type": "application/json"}, sent)
