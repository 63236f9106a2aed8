"""``POST /api/crossplane/postgres`` in GitOps mode: the answer is what was committed.

The routes serve the sandbox itself and can be mounted into the main service, where the action
``http:backstage:request`` looks for them.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backstage_py.errors import BackstageError, InputError
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject
from backstage_py.sandbox import bodies, database_requests, names
from backstage_py.sandbox.database_requests import CommittedRequest, DatabaseRequest
from backstage_py.sandbox.store import RepositoryStore

Guard = Callable[[Request], Awaitable[str]]
"""Gives the name of who sends a request, e.g. ``user:default/jane``; raises ``AuthenticationError`` for nobody."""

_KEYS = ("serviceName", "team")
_MAX_BODY = 64 * 1024


def crossplane_routes(store: RepositoryStore, *, guard: Guard, base_url: str) -> list[Route]:
    """Return the routes below ``/api/crossplane``. Errors are raised for the application to answer.

    Args:
        store: the sandbox's repositories.
        guard: who may ask; its answer becomes the commit's author.
        base_url: root of the sandbox, for the URLs in answers.

    The routes raise ``InputError``, ``ConflictError`` and what the guard raises.
    """

    async def postgres(request: Request) -> Response:
        author = await guard(request)
        wish = _parse(await _body(request))
        committed = await database_requests.commit(store, wish, author)
        status = HTTPStatus.CREATED if committed.new else HTTPStatus.OK
        return _json(_answer(base_url, committed), status)

    return [Route("/postgres", postgres, methods=["POST"])]


async def _body(request: Request) -> Json:
    try:
        raw = await bodies.read(request, _MAX_BODY)
    except bodies.BodyTooLargeError as error:
        raise InputError(f"{error}; a request for a database needs only {' and '.join(_KEYS)}") from error
    try:
        return json.parse(raw)
    except ValueError as error:
        raise InputError(f"The request's body is not JSON: {error}") from error


def _parse(body: Json) -> DatabaseRequest:
    if not isinstance(body, dict):
        raise InputError(
            'The request\'s body must be a JSON object, e.g. {"serviceName": "checkout", "team": "payments"}'
        )
    unknown = sorted(set(body) - set(_KEYS))
    if unknown:
        raise InputError(f"Unknown key '{unknown[0]}' in the request's body; known are {', '.join(_KEYS)}")
    try:
        service_name, team = (names.dns_label(key, body.get(key)) for key in _KEYS)
    except names.InvalidNameError as error:
        raise InputError(f"Wrong value in the request's body: {error}") from error
    return DatabaseRequest(service_name, team)


def _answer(base_url: str, committed: CommittedRequest) -> JsonObject:
    repository, path = committed.repository, committed.request.path
    page = f"{base_url}/{repository.full_name}"
    return {
        "status": "committed" if committed.new else "unchanged",
        "repository": repository.full_name,
        "cloneUrl": f"{page}.git",
        "branch": repository.default_branch,
        "path": path,
        "url": f"{page}/blob/{committed.commit}/{path}",
        "commit": committed.commit,
        "manifest": committed.request.manifest,
    }


async def answer_error(request: Request, error: Exception) -> Response:
    """Answer for an error of the routes in Backstage's shape: the sandbox's own handler of ``BackstageError``."""
    if not isinstance(error, BackstageError):
        raise error
    body = {
        "error": {"name": error.name, "message": error.message, **error.details},
        "request": {"method": request.method, "url": request.url.path},
        "response": {"statusCode": error.status},
    }
    return _json(body, error.status)


def _json(body: Json, status: int) -> Response:
    return Response(json.dumps(body), status, media_type="application/json")
