"""``/api/permission``: what Backstage's frontend asks before it shows a button."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backstage_py.errors import NotAllowedError
from backstage_py.http.body import json_body
from backstage_py.http.credentials import credentials
from backstage_py.http.respond import json_response
from backstage_py.identity import permissions
from backstage_py.identity.principals import ServicePrincipal


def routes() -> list[Route]:
    """Return the routes; a token is needed for ``/authorize``."""

    async def authorize(request: Request) -> Response:
        caller = credentials(request)
        if isinstance(caller.principal, ServicePrincipal):
            raise NotAllowedError("This endpoint does not allow 'service' credentials")
        return json_response(permissions.authorize(await json_body(request), caller))

    async def health(_request: Request) -> Response:
        return json_response({"status": "ok"})

    return [Route("/authorize", authorize, methods=["POST"]), Route("/health", health)]
