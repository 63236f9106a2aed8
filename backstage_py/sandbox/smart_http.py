"""git's smart HTTP protocol, spoken by ``git http-backend`` behind a check of names and tokens.

The program runs as CGI: its environment is built here from checked values only, the request's body streams into it and
its answer streams out, so a push of any size takes little memory. Public repositories can be cloned without a token.
"""

import asyncio
from asyncio.subprocess import Process
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from backstage_py.sandbox.gitrepo import refs
from backstage_py.sandbox.gitrepo.process import drain, environment, write
from backstage_py.sandbox.host import Host
from backstage_py.sandbox.records import Repository
from backstage_py.sandbox.store import NoRepositoryError

_log = structlog.get_logger(__name__)
_SERVICES: Final = ("git-upload-pack", "git-receive-pack")
_CHALLENGE: Final = {"www-authenticate": 'Basic realm="sandbox"'}
_CHUNK = 64 * 1024
_MAX_HEAD = 16 * 1024


async def _advertise(request: Request) -> Response:
    service = request.query_params.get("service", "")
    if service not in _SERVICES:
        return PlainTextResponse("This host speaks the smart protocol only.\n", HTTPStatus.FORBIDDEN)
    return await _serve(request, service, "info/refs")


async def _upload_pack(request: Request) -> Response:
    return await _serve(request, "git-upload-pack", "git-upload-pack")


async def _receive_pack(request: Request) -> Response:
    return await _serve(request, "git-receive-pack", "git-receive-pack")


async def _serve(request: Request, service: str, endpoint: str) -> Response:
    host: Host = request.app.state.host
    try:
        login = host.tokens.login(request.headers.get("authorization"))
    except PermissionError:
        return PlainTextResponse("Invalid token.\n", HTTPStatus.UNAUTHORIZED, _CHALLENGE)
    name = request.path_params["repo"]
    repository = host.store.find(request.path_params["owner"], name.removesuffix(".git"))
    writes = service == "git-receive-pack"
    closed = repository is None or (repository.private and not host.settings.open_clones)
    if login is None and (writes or closed):
        return PlainTextResponse("A token is needed as password.\n", HTTPStatus.UNAUTHORIZED, _CHALLENGE)
    if repository is None:
        return PlainTextResponse("Repository not found.\n", HTTPStatus.NOT_FOUND)
    return _Exchange(request, host, repository, login, endpoint)


@dataclass(frozen=True, slots=True)
class _Head:
    """What a CGI program says before its body, and what was read of the body with it."""

    status: int
    headers: tuple[tuple[str, str], ...]
    start: bytes


class _Exchange(Response):
    """One run of ``git http-backend``, as an answer.

    It takes the whole of ``receive`` and ``send``: the program's head comes before it has read the request, so a body
    that still arrives must reach the program while the answer is already on its way.
    """

    def __init__(self, request: Request, host: Host, repository: Repository, login: str | None, endpoint: str) -> None:
        super().__init__()
        self._request = request
        self._host = host
        self._repository = repository
        self._login = login
        self._endpoint = endpoint
        self._too_large = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start the program, send its head at once and its body as it comes."""
        failure: Response | None = None
        async with self._host.transfers.start("http-backend", env=self._environment()) as process:
            errors = asyncio.create_task(drain(process.stderr))
            feeding = asyncio.create_task(self._feed(process, receive))
            try:
                head = await _head(process)
                if head is None:
                    failure = self._failure(await errors)
                else:
                    await self._relay(process, head, send)
            finally:
                for task in (feeding, errors):
                    task.cancel()
                await asyncio.gather(feeding, errors, return_exceptions=True)
        if failure is not None:
            await failure(scope, receive, send)

    async def _relay(self, process: Process, head: _Head, send: Send) -> None:
        headers = [(key.encode("latin-1"), value.encode("latin-1")) for key, value in head.headers]
        await send({"type": "http.response.start", "status": head.status, "headers": headers})
        chunk = head.start
        while chunk or (process.stdout is not None and (chunk := await process.stdout.read(_CHUNK))):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            chunk = b""
        if await process.wait() == 0 and self._endpoint == "git-receive-pack":
            await _note_push(self._host, self._repository)  # before the end: who waits for it sees the default branch
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _failure(self, stderr: str) -> Response:
        if self._too_large:
            return PlainTextResponse("The push is too large.\n", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        _log.warning("git_http_backend_failed", repository=self._repository.full_name, stderr=stderr)
        return PlainTextResponse("git failed.\n", HTTPStatus.INTERNAL_SERVER_ERROR)

    def _environment(self) -> Mapping[str, str]:
        bare = self._host.store.bare(self._repository)
        request = self._request
        given = {
            "REQUEST_METHOD": request.method,
            "GIT_PROJECT_ROOT": str(bare.path.parent),
            "PATH_INFO": f"/{bare.path.name}/{self._endpoint}",
            "GIT_HTTP_EXPORT_ALL": "1",
            "QUERY_STRING": f"service={request.query_params['service']}" if self._endpoint == "info/refs" else "",
            "CONTENT_TYPE": request.headers.get("content-type", ""),
            "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
            "REMOTE_ADDR": request.client.host if request.client else "",
            "REMOTE_USER": self._login or "",
        }
        limit = {"receive.maxInputSize": str(self._host.settings.max_push)}
        return environment(limit) | {key: value for key, value in given.items() if value}

    async def _feed(self, process: Process, receive: Receive) -> None:
        """Pass the request's body on; the program reads to the end of its input, as no length is announced to it."""
        if process.stdin is None:
            return
        received = 0
        try:
            async for chunk in self._request.stream():
                received += len(chunk)
                if received > self._host.settings.max_push:
                    self._too_large = True
                    process.kill()
                    return
                if not await write(process, chunk):
                    return  # the program has its answer already
            process.stdin.close()
            await receive()  # comes when the client is gone, or never: then this task ends with the answer
        except ClientDisconnect:
            pass  # half a pack must not look like a whole one
        finally:
            process.stdin.close()
        process.kill()


async def _head(process: Process) -> _Head | None:
    """Read the CGI head: status, headers, and what was read of the body."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        chunk = await process.stdout.read(_CHUNK) if process.stdout else b""
        raw += chunk
        if not chunk or (len(raw) > _MAX_HEAD and b"\r\n\r\n" not in raw):
            return None
    head, _, start = raw.partition(b"\r\n\r\n")
    pairs = (line.partition(":")[::2] for line in head.decode("latin-1").split("\r\n"))
    headers = {key.strip().lower(): value.strip() for key, value in pairs}
    status = headers.pop("status", "200").split(" ")[0]
    return _Head(int(status), tuple(headers.items()), start)


async def _note_push(host: Host, repository: Repository) -> None:
    """Note the time; the first branch pushed to an empty repository becomes its default, as on GitHub."""
    bare = host.store.bare(repository)
    branches = [ref.short for ref in await refs.listing(bare)]
    default = repository.default_branch
    if branches and default not in branches:
        default = branches[0]
        await refs.set_head(bare, default)
    try:
        await host.store.change(
            repository.owner, repository.name, lambda before: before.pushed(default if branches else None)
        )
    except NoRepositoryError:
        return
    _log.info("sandbox_repository_pushed", repository=repository.full_name)


_REPOSITORY: Final = "/{owner}/{repo}"
ROUTES = [
    Route(f"{_REPOSITORY}/info/refs", _advertise, methods=["GET"]),
    Route(f"{_REPOSITORY}/git-upload-pack", _upload_pack, methods=["POST"]),
    Route(f"{_REPOSITORY}/git-receive-pack", _receive_pack, methods=["POST"]),
]
