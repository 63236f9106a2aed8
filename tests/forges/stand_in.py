"""A git host on loopback for tests: an API of one kind of host, real git over smart HTTP, faults on purpose.

The repositories and git's protocol are the sandbox's; what a kind of host adds is its API. Each request is kept, so
that two clients can be compared by what they sent.
"""

import email
import json
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from backstage_py.http import server
from backstage_py.sandbox import smart_http
from backstage_py.sandbox.faults import Faults, FaultyHost
from backstage_py.sandbox.gitrepo import objects, refs
from backstage_py.sandbox.host import Host
from backstage_py.sandbox.records import Repository
from backstage_py.sandbox.server import _listen
from backstage_py.sandbox.settings import SandboxSettings

_LOGIN = "ada"
_GIT = r"(.*?)(?:\.git)?/((?:info/refs|git-upload-pack|git-receive-pack)|[^/]*)"
USER_TOKEN = "user-oauth"


class RefusalError(Exception):
    """An answer that is no success, in the host's own shape."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers


@dataclass(frozen=True)
class Asked:
    """A request of the API; ``path`` has one part for each segment, decoded."""

    method: str
    path: tuple[str, ...]
    query: dict[str, str]
    body: Any
    headers: Mapping[str, str]


Answer = tuple[int, Any] | tuple[int, Any, Mapping[str, str]]
Handler = Callable[..., Awaitable[Answer]]


@dataclass(frozen=True)
class Route:
    """``:name`` in a path stands for one segment, which becomes an argument."""

    method: str
    path: str
    handler: Handler

    def match(self, method: str, segments: tuple[str, ...]) -> dict[str, str] | None:
        parts = self.path.strip("/").split("/")
        if method != self.method or len(parts) != len(segments):
            return None
        pairs = list(zip(parts, segments, strict=True))
        if any(part != given for part, given in pairs if not part.startswith(":")):
            return None
        return {part[1:]: given for part, given in pairs if part.startswith(":")}


Adding = Callable[[str, str], Callable[[Handler], Handler]]


def adding(routes: list[Route]) -> Adding:
    """A decorator that adds a handler to routes, by method and path."""

    def on(method: str, path: str) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            routes.append(Route(method, path, handler))
            return handler

        return add

    return on


@dataclass
class StandIn:
    """A running host, its repositories and what it was asked."""

    url: str
    token: str
    host: Host
    faults: Faults = field(default_factory=Faults)
    asked: list[Asked] = field(default_factory=list)
    answered: list[tuple[Asked, int, Any]] = field(default_factory=list)
    """Each request of the API with status and JSON of its answer."""
    large: dict[str, bytes] = field(default_factory=dict)
    """What Git LFS has, by SHA-256."""
    before_json: str = ""
    """What stands before each JSON."""
    take_in: Callable[[], Awaitable[None]] | None = None
    """Called before each request: what an earlier push brought is taken in then."""
    about: str = ""
    """The action of a recorded case, for scenes that differ by it."""

    async def repository(self, full_name: str, *, branch: str = "main", files: Mapping[str, str] | None = None) -> None:
        """Make a repository, with a commit if it has files."""
        owner, name = _flat(full_name)
        made = await self.host.store.create(Repository(owner, name, default_branch=branch))
        if files:
            await self.commit(full_name, branch, files)
        assert made.name == name

    async def commit(self, full_name: str, branch: str, files: Mapping[str, str]) -> str:
        from backstage_py.sandbox.gitrepo import changes

        bare = self.bare(full_name)
        parent = await refs.commit_of(bare, f"refs/heads/{branch}")
        made = [changes.Change(path, await objects.write_blob(bare, text.encode())) for path, text in files.items()]
        author = objects.Signature("Ada", "ada@test", "2026-01-01T00:00:00Z")
        return await changes.commit(bare, branch, parent, made, "seed", author)

    def find(self, full_name: str) -> Repository | None:
        return self.host.store.find(*_flat(full_name))

    def bare(self, full_name: str) -> Any:
        found = self.find(full_name)
        assert found is not None
        return self.host.store.bare(found)

    async def delete(self, full_name: str) -> None:
        found = self.find(full_name)
        if found:
            await self.host.store.delete(found)

    async def tree(self, full_name: str, ref: str) -> dict[str, tuple[str, bytes]]:
        """The files of a branch: mode and content by path."""
        bare = self.bare(full_name)
        entries = await objects.read_tree(bare, ref, recursive=True)
        return {one.path: (one.mode, await objects.read_blob(bare, one.sha)) for one in entries if one.type == "blob"}


def _flat(full_name: str) -> tuple[str, str]:
    """The store has one level of owners; other hosts have folders of them."""
    owner, _, name = full_name.rpartition("/")
    return owner.replace("/", "__"), name


Guard = Callable[[StandIn, Asked], None]


class _Api:
    """The API of a host below its root, and git beside it."""

    def __init__(self, prefix: re.Pattern[str], routes: list[Route], stand_in: StandIn, guard: Guard) -> None:
        self._prefix, self._routes, self._stand_in, self._guard = prefix, routes, stand_in, guard
        self._git = Starlette(routes=smart_http.ROUTES)
        self._git.state.host = stand_in.host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = scope["raw_path"].decode()
        if self._stand_in.take_in:
            await self._stand_in.take_in()
        if "/info/lfs/" in raw or raw.startswith("/large/"):
            response = await self._lfs(Request(scope, receive))
            await response(scope, receive, send)
            return
        below = self._prefix.match(raw)
        if not below:
            await self._git(_as_flat(scope), receive, send)
            return
        segments = tuple(unquote(part) for part in raw[below.end() :].strip("/").split("/"))
        request = Request(scope, receive)
        text = await request.body()
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        asked = Asked(scope["method"], segments, query, _body(text, request.headers), request.headers)
        response = await self._answer(asked)
        await response(scope, receive, send)

    async def _lfs(self, request: Request) -> Response:
        """The batch API of Git LFS, and its uploads, which have a token of their own."""
        base, body = self._stand_in, await request.body()
        if request.method == "PUT":
            if request.headers.get("x-upload") != "yes":
                return JSONResponse({"message": "no upload of ours"}, 403)
            base.large[request.url.path.rpartition("/")[2]] = body
            return Response(status_code=200)
        try:
            base.host.tokens.login(request.headers["authorization"])
        except PermissionError:
            return JSONResponse({"message": "Credentials needed"}, 401)
        upload = {"header": {"x-upload": "yes"}}
        objects = [
            one
            | (
                {}
                if one["oid"] in base.large
                else {"actions": {"upload": {"href": f"{base.url}/large/{one['oid']}", **upload}}}
            )
            for one in json.loads(body)["objects"]
        ]
        return JSONResponse({"transfer": "basic", "objects": objects})

    async def _answer(self, asked: Asked) -> Response:
        self._stand_in.asked.append(asked)
        status, body, *more = await self._asked(asked)
        self._stand_in.answered.append((asked, status, body))
        headers = dict(more[0]) if more else {}
        if status == HTTPStatus.NO_CONTENT:
            return Response(None, status, headers)
        if isinstance(body, str) and status >= HTTPStatus.BAD_REQUEST:
            return PlainTextResponse(body, status, headers)
        text = self._stand_in.before_json + json.dumps(body)
        return Response(text, status, headers, media_type="application/json")

    async def _asked(self, asked: Asked) -> Answer:
        try:
            self._guard(self._stand_in, asked)
            for route in self._routes:
                if (found := route.match(asked.method, asked.path)) is not None:
                    return await route.handler(asked, **found)
        except RefusalError as error:
            return error.status, error.body, error.headers or {}
        return 404, {"error": "404 Not Found"}


def _body(text: bytes, headers: Mapping[str, str]) -> Any:
    """The JSON of a request, or the members of a form, whose ``a[b]`` are objects."""
    kind = headers.get("content-type", "")
    if not kind.startswith("multipart/"):
        return json.loads(text) if text else None
    found: dict[str, Any] = {}
    message = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + text)
    for part in message.get_payload():
        name = str(part.get_param("name", header="content-disposition"))  # type: ignore[union-attr]  # it has parts
        outer, _, inner = name.rstrip("]").partition("[")
        value = str(part.get_payload())  # type: ignore[union-attr]  # as above
        if inner:
            found.setdefault(outer, {})[inner] = value
        else:
            found[name] = value
    return found


def _as_flat(scope: Scope) -> Scope:
    """Return the request with the owner's folders as one, as the store has them; Azure DevOps has ``_git`` for .git."""
    path = scope["path"].strip("/")
    if found := re.fullmatch(r"(.+?)/_git/([^/]+)/(.+)", path):
        owner, name, rest = found.groups()
    else:
        path, rest = re.fullmatch(_GIT, path).groups()  # type: ignore[union-attr]  # it fits all
        owner, _, name = path.rpartition("/")
    return {**scope, "path": f"/{owner.replace('/', '__')}/{name}.git/{rest}", "raw_path": b""}


@asynccontextmanager
async def serve(
    root: Path,
    prefix: str | re.Pattern[str],
    routes: Callable[[StandIn], list[Route]],
    guard: Guard,
    *,
    token: str | None = None,
    port: int = 0,
) -> AsyncIterator[StandIn]:
    """Serve until the block is left.

    Args:
        root: folder for repositories.
        prefix: where the API begins; a pattern tells requests of the API from those of git, and is cut off.
        routes: what it answers.
        guard: refuses who has no token.
        token: the one that is known, of the user ``ada``.
        port: 0 takes a free one.
    """
    listener = _listen("127.0.0.1", port)
    try:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        used = token or secrets.token_urlsafe(16)
        stand_in = StandIn(url, used, Host.open(SandboxSettings(root, url, {used: _LOGIN, USER_TOKEN: _LOGIN})))
        below = re.compile(re.escape(prefix)) if isinstance(prefix, str) else prefix
        app: ASGIApp = _Api(below, routes(stand_in), stand_in, guard)
        async with server.running(FaultyHost(app, stand_in.faults), listener, grace=1):
            yield stand_in
    finally:
        listener.close()
