"""``backend.rateLimit``: too many requests of a client are answered with 429, as Backstage does it."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakeredis import TcpFakeServer
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from backstage_py.http.peer import Peers
from backstage_py.http.rate_limit import RateLimitMiddleware, RateLimits
from backstage_py.settings import load_settings
from backstage_py.settings.sections import BackendSettings
from tests.contract.harness import free_port

_ME = "10.0.0.1"


class Face:
    """A service behind the middleware, which answers ``/fail`` with 404."""

    def __init__(self, folder: Path, text: str) -> None:
        file = folder / "app-config.yaml"
        file.write_text(f"backend:\n  trustProxy: 1\n  rateLimit: {text}\n", encoding="utf-8")
        backend: BackendSettings = load_settings([file], {}).backend
        assert backend.rate_limit
        self.limits = RateLimits(backend.rate_limit, Peers(backend.server))
        self._app = RateLimitMiddleware(self._answer, self.limits)

    async def get(self, path: str = "/api/catalog/entities", client: str = _ME, **headers: str) -> Message:
        """Return the start of the answer, with its headers as texts, and its body."""
        sent: list[Message] = []
        raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "headers": raw,
            "client": (client, 1),
            "query_string": b"",
        }

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        await self._app(scope, receive, send)
        named = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return {"status": sent[0]["status"], "headers": named, "body": sent[1]["body"]}

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("ok", 404 if scope["path"] == "/fail" else 200)(scope, receive, send)


async def _statuses(face: Face, number: int, *arguments: str) -> list[int]:
    return [(await face.get(*arguments))["status"] for _ in range(number)]


async def test_the_sixth_request_of_a_minute_is_refused_by_default(tmp_path: Path) -> None:
    face = Face(tmp_path, "true")
    assert await _statuses(face, 5) == [200] * 5
    refused = await face.get()
    assert refused["status"] == 429
    assert refused["body"] == (
        b'{"error":{"name":"Error","message":"Too many requests, please try again later"},'
        b'"response":{"statusCode":429}}'
    )
    headers = refused["headers"]
    assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == ("5", "0")
    assert 0 < int(headers["retry-after"]) <= 60
    assert 0 < int(headers["x-ratelimit-reset"]) - time.time() <= 61
    assert await _statuses(face, 1, "/", "10.0.0.2") == [200]


async def test_remaining_requests_are_told_and_come_back_after_the_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    face = Face(tmp_path, "{window: {minutes: 5}, incomingRequestLimit: 2}")
    assert [(await face.get())["headers"]["x-ratelimit-remaining"] for _ in range(2)] == ["1", "0"]
    assert await _statuses(face, 1) == [429]
    later = time.time() + 301
    monkeypatch.setattr(time, "time", lambda: later)
    assert await _statuses(face, 1) == [200]


async def test_a_plugin_has_a_bound_of_its_own(tmp_path: Path) -> None:
    face = Face(tmp_path, "{global: false, plugin: {scaffolder: {incomingRequestLimit: 1}}}")
    assert await _statuses(face, 2, "/api/scaffolder/v2/tasks") == [200, 429]
    assert await _statuses(face, 9) == [200] * 9


async def test_both_bounds_hold_and_the_narrower_one_is_told(tmp_path: Path) -> None:
    face = Face(tmp_path, "{incomingRequestLimit: 3, plugin: {scaffolder: {incomingRequestLimit: 2}}}")
    first = await face.get("/api/scaffolder/v2/tasks")
    assert first["headers"]["x-ratelimit-limit"] == "2"
    assert await _statuses(face, 3) == [200, 200, 429]


@pytest.mark.parametrize("client", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
async def test_this_machine_and_health_checks_are_not_counted(tmp_path: Path, client: str) -> None:
    face = Face(tmp_path, "{incomingRequestLimit: 1}")
    assert await _statuses(face, 3, "/", client) == [200] * 3
    assert await _statuses(face, 3, "/.backstage/health/v1/liveness") == [200] * 3


async def test_clients_behind_a_proxy_are_told_apart_and_cannot_choose_their_address(tmp_path: Path) -> None:
    face = Face(tmp_path, "{incomingRequestLimit: 1}")
    addresses = ["192.0.2.1", "192.0.2.2", "1.1.1.1, 192.0.2.1"]
    found = [(await face.get(x_forwarded_for=one))["status"] for one in addresses]
    assert found == [200, 200, 429]


async def test_one_network_of_ipv6_is_one_client(tmp_path: Path) -> None:
    face = Face(tmp_path, "{incomingRequestLimit: 1}")
    clients = ["2001:db8::1", "2001:db8::2:1", "2001:db8:1::1"]
    assert [(await face.get("/", one))["status"] for one in clients] == [200, 429, 200]


@pytest.mark.parametrize(("option", "path"), [("skipSuccessfulRequests", "/"), ("skipFailedRequests", "/fail")])
async def test_what_is_skipped_is_not_counted(tmp_path: Path, option: str, path: str) -> None:
    face = Face(tmp_path, f"{{incomingRequestLimit: 1, {option}: true}}")
    assert 429 not in await _statuses(face, 3, path)
    other = "/fail" if path == "/" else "/"
    assert (await _statuses(face, 2, other))[1] == 429


@pytest.fixture
def redis() -> Iterator[int]:
    port = free_port()
    server = TcpFakeServer(("127.0.0.1", port), server_type="redis")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield port
    server.shutdown()
    server.server_close()
    thread.join()


async def test_replicas_share_their_counts_in_redis(tmp_path: Path, redis: int) -> None:
    text = f"{{incomingRequestLimit: 2, store: {{type: redis, connection: 'redis://127.0.0.1:{redis}'}}}}"
    one, other = Face(tmp_path, text), Face(tmp_path, text)
    async with one.limits.running(), other.limits.running():
        assert await _statuses(one, 1) + await _statuses(other, 1) + await _statuses(one, 1) == [200, 200, 429]


@pytest.mark.parametrize(("lenient", "status"), [("false", 503), ("true", 200)])
async def test_a_store_that_does_not_answer(tmp_path: Path, lenient: str, status: int) -> None:
    url = f"redis://127.0.0.1:{free_port()}"
    face = Face(tmp_path, f"{{passOnStoreError: {lenient}, store: {{type: redis, connection: '{url}'}}}}")
    async with face.limits.running():
        assert await _statuses(face, 1) == [status]
