"""An ASGI client without a server: one request, and what was sent back, part by part."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from backstage_py.errors import ConflictError, InputError, NotFoundError
from backstage_py.http import application, health, plugin_mount, respond
from backstage_py.http.body import json_body
from backstage_py.http.credentials import credentials
from backstage_py.http.health import Health
from backstage_py.http.plugin_mount import Plugin
from backstage_py.http.streams import OpenStreams
from backstage_py.identity import keys
from backstage_py.identity.authenticator import Authenticator
from backstage_py.identity.external import ExternalTokens
from backstage_py.identity.issuer import TokenIssuer
from backstage_py.identity.jwks import KeySets
from backstage_py.settings.sections import BackendSettings, CorsSettings, ExternalAccess, ExternalStatic

GUEST = "user:development/guest"
SERVICE_TOKEN = "a-static-token"


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def call(
    app: ASGIApp, method: str, target: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> Answer:
    """Send a request; ``target`` is path and query as on the wire."""
    path, _, query = target.partition("?")
    sent = dict(headers or {})
    if body is not None:
        sent.setdefault("content-length", str(len(body)))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    answer, received = Answer(), False

    async def receive() -> dict[str, Any]:
        nonlocal received
        if received:
            await asyncio.Event().wait()
        received = True
        return {"type": "http.request", "body": body or b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            assert len(answer.headers) == len(message["headers"]), "a header was sent twice"
        else:
            answer.parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return answer


class Site:
    """A small plugin behind everything that stands in front of a real one."""

    def __init__(self, cors: CorsSettings | None = None, *, body_limit: int = 1000) -> None:
        self.issuer = TokenIssuer(keys.OneKey(keys.generate()), "http://here/api/auth")
        self.streams = OpenStreams()
        self.health = Health(_answers)
        self.stream_begun = asyncio.Event()
        key_sets = KeySets()
        authenticator = Authenticator(
            own=self.issuer,
            own_plugins=frozenset({"demo"}),
            trusted=(),
            plugin_url=lambda plugin: f"http://here/api/{plugin}",
            external=ExternalTokens((ExternalAccess(ExternalStatic(SERVICE_TOKEN, "external:ci")),), key_sets),
            key_sets=key_sets,
        )
        plugin = Plugin(
            "demo",
            self._routes(),
            lambda: [self.issuer.key.jwk],
            body_limit=body_limit,
            open_paths=re.compile("/open$"),
            permissions={"permissions": [], "rules": []},
            openapi={"openapi": "3.0.3"},
        )
        routes = [*health.routes(self.health), plugin_mount.plugin_mount(plugin, authenticator)]
        self.app = application.create(routes, BackendSettings("http://here", cors=cors), self.streams)
        self.token = self.issuer.user_token(GUEST, [GUEST]).token

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.call("GET", path, headers)

    async def call(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> Answer:
        """Call the plugin as the guest unless ``authorization`` says otherwise; empty means none."""
        sent = {"authorization": f"Bearer {self.token}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        sent = {name: value for name, value in sent.items() if value}
        return await call(self.app, method, f"/api/demo{path}", sent, body)

    def _routes(self) -> Sequence[BaseRoute]:
        async def big(_request: Request) -> Response:
            return respond.json_response({"text": "x" * 5000})

        async def small(_request: Request) -> Response:
            return respond.json_response({"text": "x"})

        async def raw(_request: Request) -> Response:
            return respond.raw_json(b'{"items":[]}')

        async def parts(_request: Request) -> Response:
            return respond.raw_json(_some_json())

        async def stream(_request: Request) -> Response:
            return StreamingResponse(_two_events(), media_type="text/event-stream")

        async def endless(_request: Request) -> Response:
            return StreamingResponse(self._forever(), media_type="text/event-stream")

        async def echo(request: Request) -> Response:
            return respond.created(await json_body(request))

        async def who(request: Request) -> Response:
            return respond.json_response({"subject": credentials(request).subject})

        async def named(request: Request) -> Response:
            return respond.json_response({"name": request.path_params["name"]})

        async def fail(request: Request) -> Response:
            raise {
                "input": InputError("bad input", details={"cause": {"name": "Error", "message": "why"}}),
                "missing": NotFoundError("nothing here"),
                "conflict": ConflictError("there already"),
            }.get(request.path_params["how"], RuntimeError("the password is hunter2"))

        async def nothing(_request: Request) -> Response:
            return respond.no_content()

        return [
            Route("/big", big),
            Route("/small", small),
            Route("/raw", raw),
            Route("/parts", parts),
            Route("/stream", stream),
            Route("/endless", endless),
            Route("/echo", echo, methods=["POST"]),
            Route("/who", who),
            Route("/named/{name}", named),
            Route("/open", who),
            Route("/fail/{how}", fail),
            Route("/nothing", nothing),
        ]

    async def _forever(self) -> AsyncIterator[bytes]:
        yield b"event: log\ndata: {}\n\n"
        self.stream_begun.set()
        await asyncio.Event().wait()


async def _some_json() -> AsyncIterator[bytes]:
    for part in (b'{"items":[', b"1,2", b"]}"):
        yield part


async def _answers() -> bool:
    return True


async def _two_events() -> AsyncIterator[bytes]:
    for number in (1, 2):
        yield b"event: log\ndata: %d\n\n" % number
