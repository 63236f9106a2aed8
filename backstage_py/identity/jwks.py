"""Key sets of other issuers: fetched when first needed, kept for ten minutes, fetched again for an unknown key.

A flood of tokens with made-up key ids causes a bounded number of requests to the issuer, as in Backstage: who waited
for a fetch takes what it brought, a failure counts for half a minute, and a set is fetched again before that once.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import jwt
import structlog

from backstage_py.errors import ServiceUnavailableError
from backstage_py.model import json

Fetch = Callable[[str], Awaitable[bytes]]
Clock = Callable[[], float]

_log = structlog.get_logger(__name__)

_KEEP = 600.0
_COOL_DOWN = 30.0
_FORCED_LIMIT = 10
_FORCED_WINDOW = 60.0
_TIMEOUT = 5.0
_LARGEST = 1024 * 1024
_MAX_SETS = 100


class UnknownKeyError(Exception):
    """No key set has the key that a token names."""


@dataclass(slots=True)
class _KeySet:
    keys: dict[str | None, jwt.PyJWK] = field(default_factory=dict)
    fetched: float = float("-inf")
    forced: float = float("-inf")
    failure: str | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class KeySets:
    """Key sets by URL."""

    def __init__(self, fetch: Fetch | None = None, clock: Clock = time.monotonic) -> None:
        self._fetch = fetch or fetch_url
        self._clock = clock
        self._sets: dict[str, _KeySet] = {}
        self._forced: deque[float] = deque()

    async def key(self, url: str, kid: str | None) -> jwt.PyJWK:
        """Return a key of the set at ``url``.

        Raises:
            UnknownKeyError: the set has no such key.
            ServiceUnavailableError: the set cannot be fetched.
        """
        asked = self._clock()
        known = self._sets.setdefault(url, _KeySet())
        while len(self._sets) > _MAX_SETS:
            self._sets.pop(next(iter(self._sets)))
        async with known.lock:
            if self._is_due(known, kid, asked):
                await self._renew(known, url)
        if known.failure and kid not in known.keys:
            raise ServiceUnavailableError(known.failure)
        found = known.keys.get(kid)
        if found is None and kid is None and len(known.keys) == 1:
            found = next(iter(known.keys.values()))
        if found is None:
            raise UnknownKeyError(url)
        return found

    def _is_due(self, known: _KeySet, kid: str | None, asked: float) -> bool:
        now = self._clock()
        age = now - known.fetched
        if age > _KEEP or (age > _COOL_DOWN and (known.failure is not None or kid not in known.keys)):
            return True
        is_new = kid not in known.keys and known.failure is None and asked >= known.fetched
        return is_new and now - known.forced > _COOL_DOWN and self._may_fetch_early(known, now)

    def _may_fetch_early(self, known: _KeySet, now: float) -> bool:
        """Allow one fetch ahead of time for a set, and a number in all."""
        while self._forced and self._forced[0] < now - _FORCED_WINDOW:
            self._forced.popleft()
        if len(self._forced) >= _FORCED_LIMIT:
            return False
        self._forced.append(now)
        known.forced = now
        return True

    async def _renew(self, known: _KeySet, url: str) -> None:
        try:
            known.keys, known.failure = await self._load(url), None
        except ServiceUnavailableError as error:
            known.failure = error.message
        known.fetched = self._clock()

    async def _load(self, url: str) -> dict[str | None, jwt.PyJWK]:
        body = await self._fetch(url)
        try:
            listed = json.parse(body)["keys"]
            return dict(_usable(listed))
        except (ValueError, KeyError, TypeError) as error:
            raise ServiceUnavailableError(f"The key set at {url} is not readable") from error


def _usable(listed: Iterable[json.JsonObject]) -> Iterable[tuple[str | None, jwt.PyJWK]]:
    for one in listed:
        if one.get("kty") == "oct":  # a shared secret in a public set would let everybody sign
            continue
        try:
            yield one.get("kid"), jwt.PyJWK(one)
        except (jwt.InvalidKeyError, jwt.PyJWKError):
            _log.warning("key_ignored", kid=one.get("kid"), kty=one.get("kty"))


async def fetch_url(url: str) -> bytes:
    """Fetch a key set.

    Raises:
        ServiceUnavailableError: no answer in five seconds, or not 200.
    """
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=_TIMEOUT)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            if answer.status != 200:  # noqa: PLR2004
                raise ServiceUnavailableError(f"The key set at {url} answered {answer.status}")
            return await answer.content.read(_LARGEST)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise ServiceUnavailableError(f"The key set at {url} cannot be fetched: {str(error) or 'timeout'}") from error
