"""One request to the API: its caller, its parameters, and the form of answers."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject
from backstage_py.sandbox import bodies, names
from backstage_py.sandbox.gitrepo import refs
from backstage_py.sandbox.gitrepo.objects import MissingObjectError
from backstage_py.sandbox.gitrepo.process import Bare
from backstage_py.sandbox.gitrepo.refs import RefMovedError
from backstage_py.sandbox.host import Host
from backstage_py.sandbox.problems import (
    BadCredentials,
    BadRequest,
    Conflict,
    NotFound,
    Problem,
    Unprocessable,
    invalid_field,
)
from backstage_py.sandbox.records import Edit, Repository
from backstage_py.sandbox.store import NoRepositoryError

_READS: Final = {"GET", "HEAD"}
_UNLIMITED: Final = {
    # the sandbox has no rate limit; clients that read these headers see an unused one
    "x-ratelimit-limit": "5000",
    "x-ratelimit-remaining": "5000",
    "x-ratelimit-used": "0",
    "x-ratelimit-resource": "core",
    "x-github-media-type": "github.v3; format=json",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose sender is known; ``login`` is None for nobody."""

    request: Request
    host: Host
    login: str | None

    def param(self, name: str) -> str:
        """Return a part of the path, decoded."""
        return str(self.request.path_params[name])

    def query(self, name: str, default: str = "") -> str:
        """Return a query parameter."""
        return self.request.query_params.get(name, default)

    def caller(self) -> str:
        """Return the login of who calls, or refuse."""
        if self.login is None:
            raise BadCredentials("Requires authentication")
        return self.login

    def find(self) -> Repository:
        """Return the repository of the path, if the caller may see it."""
        repository = self.host.store.find(self.param("owner"), self.param("repo"))
        if repository is None or (repository.private and self.login is None):
            raise NotFound
        return repository

    def bare(self, repository: Repository) -> Bare:
        """Return the git side of a repository."""
        return self.host.store.bare(repository)

    async def change(self, repository: Repository, edit: Edit) -> Repository:
        """Change a repository's record."""
        try:
            return await self.host.store.change(repository.owner, repository.name, edit)
        except NoRepositoryError:
            raise NotFound from None

    async def commit(self, repository: Repository, ref: str) -> str:
        """Return the commit that a ref means, the default branch's when it is empty."""
        sha = await refs.commit_of(self.bare(repository), ref or repository.default_branch)
        if sha is None:
            raise NotFound(f"No commit found for the ref {ref}" if ref else "This repository is empty.")
        return sha

    async def payload(self) -> Json:
        """Return the JSON of the body; no body is an empty object."""
        try:
            raw = await bodies.read(self.request, self.host.settings.max_body)
        except bodies.BodyTooLargeError as error:
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)) from error
        try:
            return json.parse(raw) if raw.strip() else {}
        except ValueError:
            raise BadRequest from None

    async def fields(self) -> "Fields":
        """Return the JSON object of the body."""
        data = await self.payload()
        if not isinstance(data, dict):
            raise BadRequest("Body should be a JSON object")
        return Fields(data)


@dataclass(frozen=True, slots=True)
class Fields:
    """The members of a request's JSON object, checked when read."""

    data: JsonObject

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; without a default it must be there and not be empty."""
        value = self.data.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or (default is None and not value):
            raise invalid_field("Request", key, code="missing_field" if value in {None, ""} else "invalid")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Return a boolean."""
        value = self.data.get(key, default)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise invalid_field("Request", key, f"{key} must be true or false")
        return value

    def texts(self, key: str) -> list[str]:
        """Return a list of texts, empty when it is missing."""
        value = self.data.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise invalid_field("Request", key, f"{key} must be a list of strings")
        return value

    def objects(self, key: str) -> "list[Fields]":
        """Return a list of objects, empty when it is missing."""
        value = self.data.get(key) or []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise invalid_field("Request", key, f"{key} must be a list of objects")
        return [Fields(item) for item in value]

    def object(self, key: str) -> "Fields":
        """Return an object, an empty one when it is missing."""
        value = self.data.get(key) or {}
        if not isinstance(value, dict):
            raise invalid_field("Request", key, f"{key} must be an object")
        return Fields(value)

    def sha(self, key: str) -> str:
        """Return an object name."""
        value = self.text(key)
        if not names.is_sha(value):
            raise invalid_field("Request", key, f"{key} must be a full object name of 40 hexadecimal digits")
        return value

    def path(self, key: str) -> str:
        """Return the path of a file inside a repository."""
        try:
            path = names.tree_path(self.text(key))
        except names.InvalidNameError as error:
            raise invalid_field("Request", key, str(error)) from None
        if not path:
            raise invalid_field("Request", key, "path must name a file")
        return path


Handler = Callable[[Call], Awaitable[Response]]


def route(methods: str, path: str, handler: Handler) -> Route:
    """Bind a handler to a path; ``methods`` are separated by blanks. What writes needs a token."""

    async def endpoint(request: Request) -> Response:
        try:
            response = await handler(_identified(request))
        except Problem as problem:
            response = answer(problem.body, problem.status)
        except names.InvalidNameError as error:
            response = answer(Unprocessable(str(error)).body, HTTPStatus.UNPROCESSABLE_ENTITY)
        except MissingObjectError as error:
            response = answer(Unprocessable(f"Object does not exist: {error}").body, HTTPStatus.UNPROCESSABLE_ENTITY)
        except RefMovedError as error:
            response = answer(Conflict(str(error)).body, HTTPStatus.CONFLICT)
        response.headers.update(_UNLIMITED)
        return _unless_known(request, response)

    return Route(path, endpoint, methods=methods.split())


def answer(body: Json, status: int = HTTPStatus.OK) -> Response:
    """Return a JSON answer with an ETag over its text."""
    data = json.dumps(body)
    return tagged(Response(data, status, media_type="application/json; charset=utf-8"))


def nothing() -> Response:
    """Return an answer without a body."""
    return Response(status_code=HTTPStatus.NO_CONTENT)


def tagged(response: Response) -> Response:
    """Add an ETag over the body."""
    response.headers["etag"] = f'W/"{hashlib.sha256(bytes(response.body)).hexdigest()}"'
    return response


def _identified(request: Request) -> Call:
    host: Host = request.app.state.host
    try:
        call = Call(request, host, host.tokens.login(request.headers.get("authorization")))
    except PermissionError:
        raise BadCredentials from None
    if request.method not in _READS:
        call.caller()
    return call


def _unless_known(request: Request, response: Response) -> Response:
    """Answer 304 without a body when the client has what would be sent."""
    tag = response.headers.get("etag")
    known = [each.strip() for each in request.headers.get("if-none-match", "").split(",")]
    if request.method in _READS and response.status_code == HTTPStatus.OK and tag in known:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"etag": tag, **_UNLIMITED})
    return response
