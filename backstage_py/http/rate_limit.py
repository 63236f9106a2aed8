"""``backend.rateLimit``: a client that sends too much is answered with 429, with the headers of express-rate-limit.

Requests are counted in windows that begin with a client's first one, by its address (of IPv6, by the network that one
customer gets), for all plugins together and for single ones. In a Redis the counts are those of all replicas.
"""

import ipaddress
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import orjson
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backstage_py import extras
from backstage_py.errors import ServiceUnavailableError
from backstage_py.http.errors import error_response
from backstage_py.http.peer import Peers
from backstage_py.settings.sections.rate_limit import RateLimitRule, RateLimitSettings

_log = structlog.get_logger(__name__)
_SUBNET = 56
_REFUSED = 429
_CLIENT_ERROR = 400
_BODY = orjson.dumps(
    {
        "error": {"name": "Error", "message": "Too many requests, please try again later"},
        "response": {"statusCode": _REFUSED},
    }
)
_UNCOUNTED = ("/.backstage/health/", "/metrics")
_PREFIX = "backstage-py"


@dataclass(frozen=True, slots=True)
class _Count:
    """What is known of a client after a request: how many it sent, and when that is forgotten."""

    rule: RateLimitRule
    key: str
    hits: int
    ends: float

    @property
    def is_over(self) -> bool:
        return self.hits > self.rule.limit

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        found = {
            "x-ratelimit-limit": self.rule.limit,
            "x-ratelimit-remaining": max(0, self.rule.limit - self.hits),
            "x-ratelimit-reset": math.ceil(self.ends),
        }
        if self.is_over:
            found["retry-after"] = max(0, math.ceil(self.ends - time.time()))
        return [(name.encode(), str(value).encode()) for name, value in found.items()]


class RateLimits:
    """The rules and the counts.

    Args:
        settings: the rules.
        peers: knows whose request it is.

    Raises:
        MissingExtraError: the store's client is not installed.
    """

    def __init__(self, settings: RateLimitSettings, peers: Peers) -> None:
        self.settings = settings
        self.peers = peers
        self.storage = _storage(settings.store)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Close the connections to the store when the block is left."""
        try:
            yield self
        finally:
            if self.settings.store:
                await self.storage.bridge.storage.aclose()


class RateLimitMiddleware:
    """Counts requests before they are answered."""

    def __init__(self, app: ASGIApp, limits: RateLimits) -> None:
        self._app = app
        self._settings = limits.settings
        self._peers = limits.peers
        self._storage = limits.storage

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        rules = self._rules(scope) if scope["type"] == "http" else []
        counts: list[_Count] = []
        for name, rule in rules:
            address, connected = self._peers.address(scope), self._peers.connected(scope)
            if address in rule.allowed or connected in rule.allowed:
                continue
            try:
                counts.append(await self._count(name, rule, address))
            except Exception as error:  # noqa: BLE001  # of whatever the store's client raises
                _log.warning("rate_limit_not_counted", problem=f"{type(error).__name__}: {error}")
                if not rule.is_lenient:
                    refusal = ServiceUnavailableError("Requests cannot be counted at the moment; try again later")
                    await error_response(scope, refusal)(scope, receive, send)
                    return
                continue
            if counts[-1].is_over:
                await _refuse(counts[-1], send)
                return
        if not counts:
            await self._app(scope, receive, send)
            return
        await self._answer(counts, scope, receive, send)

    async def _answer(self, counts: list[_Count], scope: Scope, receive: Receive, send: Send) -> None:
        status = 0

        async def with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), *counts[-1].headers]}
            await send(message)

        try:
            await self._app(scope, receive, with_headers)
        finally:
            is_failed = not status or status >= _CLIENT_ERROR
            for one in counts:
                if one.rule.skips_failed if is_failed else one.rule.skips_successful:
                    await self._storage.incr(one.key, one.rule.window, amount=-1)

    async def _count(self, name: str, rule: RateLimitRule, address: str) -> _Count:
        key = f"{_PREFIX}/{name}/{_client(address)}"
        hits = await self._storage.incr(key, math.ceil(rule.window) if self._settings.store else rule.window)
        return _Count(rule, key, hits, await self._storage.get_expiry(key))

    def _rules(self, scope: Scope) -> list[tuple[str, RateLimitRule]]:
        path: str = scope["path"]
        if path.startswith(_UNCOUNTED):
            return []
        found = [("", self._settings.everywhere)] if self._settings.everywhere else []
        plugin = path.removeprefix("/api/").partition("/")[0] if path.startswith("/api/") else None
        if plugin and (rule := self._settings.plugins.get(plugin)):
            found.append((plugin, rule))
        return found


def _storage(url: str | None) -> Any:
    """Return where counts are kept, of the library's kinds."""
    from limits.aio.storage import MemoryStorage, RedisStorage

    if url is None:
        return MemoryStorage()
    extras.require("backend.rateLimit.store 'redis'", "redis")
    return RedisStorage(f"async+{url}", implementation="redispy")


def _client(address: str) -> str:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:  # noqa: PLR2004  # the version of IP
        return address
    return str(ipaddress.ip_network(f"{found}/{_SUBNET}", strict=False))


async def _refuse(count: _Count, send: Send) -> None:
    headers = [(b"content-type", b"application/json; charset=utf-8"), (b"content-length", str(len(_BODY)).encode())]
    await send({"type": "http.response.start", "status": _REFUSED, "headers": [*headers, *count.headers]})
    await send({"type": "http.response.body", "body": _BODY})
