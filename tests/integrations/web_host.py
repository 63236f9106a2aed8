"""A small HTTP server on loopback whose answers a test writes down."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass
class WebHost:
    """Its address, the requests it got, and what it answers by path."""

    authority: str = ""
    requests: list[web.BaseRequest] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{self.authority}"

    def text(self, path: str, text: str | bytes, *, status: int = 200, **headers: str) -> None:
        body = text.encode() if isinstance(text, str) else text
        plain = {name.replace("_", "-"): value for name, value in headers.items()}

        async def answer(_: web.BaseRequest) -> web.StreamResponse:
            return web.Response(body=body, status=status, headers=plain)

        self.answers[path] = answer

    def redirect(self, path: str, to: str, status: int = 302) -> None:
        self.text(path, "", status=status, Location=to)


@asynccontextmanager
async def serve(host: str = "127.0.0.1") -> AsyncIterator[WebHost]:
    """Serve until the block is left."""
    found = WebHost()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        found.requests.append(request)
        answer = found.answers.get(request.path) or found.answers.get(request.raw_path.partition("?")[0])
        return await answer(request) if answer else web.Response(status=404, text="nothing here")

    server = web.Server(handle)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, host, 0)
    await site.start()
    port = runner.addresses[0][1]
    found.authority = f"{host}:{port}"
    try:
        yield found
    finally:
        await runner.cleanup()
