"""``/api/crossplane``: resources of the platform, asked for, looked at and deleted."""

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backstage_py.errors import InputError
from backstage_py.http.body import json_body
from backstage_py.http.credentials import credentials
from backstage_py.http.respond import json_response
from backstage_py.provisioning.authorized import AuthorizedProvisioner

_LONGEST_KEY = 255
_TASK = "backstage-py-task"
"""Who lies with this header keeps out of the platform's metrics, and gets nothing by it."""
_SWITCHES = {"true": True, "false": False, "": True}


def routes(provisioner: AuthorizedProvisioner) -> list[Route]:
    """Return the routes: ``POST`` and ``GET /{resource}``, ``GET`` and ``DELETE /{resource}/{namespace}/{name}``."""

    async def request(request: Request) -> Response:
        made, is_new = await provisioner.request(
            request.path_params["resource"],
            await json_body(request),
            credentials(request),
            key=_key(request),
            dry_run=_switch(request.query_params, "dryRun"),
            is_of_task=_TASK in request.headers,
        )
        return json_response(made, 201 if is_new else 200)

    async def listed(request: Request) -> Response:
        found = await provisioner.all(request.path_params["resource"], credentials(request))
        return json_response({"items": found})

    async def one(request: Request) -> Response:
        asked = request.query_params.getlist("environment")
        return json_response(await provisioner.find(*_names(request), credentials(request), asked))

    async def delete(request: Request) -> Response:
        query = request.query_params
        gone = await provisioner.delete(
            *_names(request),
            credentials(request),
            confirm=query.get("confirm"),
            environments=query.getlist("environment"),
            orphan=_switch(query, "orphan"),
            dry_run=_switch(query, "dryRun"),
            is_of_task=_TASK in request.headers,
        )
        return json_response(gone)

    return [
        Route("/{resource}", request, methods=["POST"]),
        Route("/{resource}", listed),
        Route("/{resource}/{namespace}/{name}", one),
        Route("/{resource}/{namespace}/{name}", delete, methods=["DELETE"]),
    ]


def _names(request: Request) -> tuple[str, str, str]:
    found = request.path_params
    return found["resource"], found["namespace"], found["name"]


def _key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= _LONGEST_KEY:
        raise InputError(f"The header Idempotency-Key has 1 to {_LONGEST_KEY} characters")
    return key


def _switch(query: QueryParams, name: str) -> bool:
    value = query.get(name, "false").lower()
    if value not in _SWITCHES:
        raise InputError(f"'{name}' should be true or false")
    return _SWITCHES[value]
