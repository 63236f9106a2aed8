"""HTTP under one policy: where requests may go is checked at each redirect, and sizes, times and numbers are bounded.

A URL is made canonical before the check, and what is sent is the canonical text, which the client takes as it is.
Foreign errors become ours in ``_foreign_errors`` and ``raise_for``; nothing above sees aiohttp.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from backstage_py import __version__
from backstage_py.errors import (
    BackstageError,
    ForeignError,
    InputError,
    NotAllowedError,
    NotFoundError,
    ServiceUnavailableError,
)
from backstage_py.integrations.web import addresses, kept, rates
from backstage_py.integrations.web.kept import Keeper, KeptAnswer
from backstage_py.integrations.web.rates import Rates, SlowDownError
from backstage_py.model import json, web_url
from backstage_py.tracing import spans

if TYPE_CHECKING:
    import aiohttp

Guard = Callable[[str], None]
"""Raises NotAllowedError for a URL that may not be read; called for the first URL and for each redirect."""

Listed = Callable[[str, int | None], bool]
"""Whether a host is one that an operator wrote into the configuration, by name and port (None: any port of it)."""

_DEFAULT_PORTS = frozenset({80, 443})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SECRET_HEADERS = frozenset({"authorization", "private-token", "cookie", "proxy-authorization"})
_TRY_AGAIN = frozenset({429, 502, 503, 504})
_CHUNK = 256 * 1024
_TOKEN = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request. Sizes in bytes, times in seconds.

    Attributes:
        longest_wait: how long a host may ask us to wait before a retry; a longer wait ends the request with an error.
    """

    body: int = 32 * 1024 * 1024
    archive: int = 256 * 1024 * 1024
    seconds: float = 60.0
    redirects: int = 5
    per_host: int = 8
    attempts: int = 3
    longest_wait: float = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its headers in lower case; ``url`` is that after redirects."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes
    url: str

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return self.status // 100 == 2  # noqa: PLR2004  # the class of a status is its first digit

    def json(self) -> json.Json:
        """Return the body parsed.

        Raises:
            ForeignError: it is no JSON.
        """
        try:
            return json.parse(self.body)
        except ValueError as error:
            raise ForeignError(f"The answer of {self.url} is not JSON") from error


class LimitedError(ForeignError):
    """A host refused a request because of its rate."""


class _TryAgainError(Exception):
    def __init__(self, answer: Answer, wait: float | None) -> None:
        super().__init__(answer.status)
        self.answer = answer
        self.wait = wait


@dataclass(slots=True)
class HttpClient:
    """One session for all that is read over HTTP; ``async with`` closes it.

    Args:
        listed: hosts that may have private addresses: those that an operator wrote into the configuration.
        limits: bounds of each request.
        rates: how many of them a host gets.
        keeper: of answers that ``get_kept`` asks for; None keeps none.
    """

    listed: Listed = lambda _host, _port: False
    limits: Limits = field(default_factory=Limits)
    rates: Rates = field(default_factory=Rates)
    keeper: Keeper | None = None
    _session: "aiohttp.ClientSession | None" = None
    _not_before: dict[str, float] = field(default_factory=dict)

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        guard: Guard | None = None,
        seconds: float | None = None,
    ) -> Answer:
        """Read a URL, trying again when the host is busy or asks to wait; any status is an answer.

        Raises:
            NotAllowedError: the URL or a redirect's target may not be contacted.
            ServiceUnavailableError: no answer, or none in time. ForeignError: it is larger than allowed.
        """
        from tenacity import (
            AsyncRetrying,
            RetryCallState,
            retry_if_exception,
            stop_after_attempt,
            wait_random_exponential,
        )

        backoff = wait_random_exponential(multiplier=0.2, max=5)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.wait if isinstance(error, _TryAgainError) else None
            return asked if asked is not None else backoff(state)

        retrying = AsyncRetrying(
            stop=stop_after_attempt(self.limits.attempts),
            wait=wait,
            retry=retry_if_exception(_may_be_tried_again),
            reraise=True,
        )
        try:
            return await retrying(self._get_once, url, dict(headers or {}), guard, seconds)
        except _TryAgainError as error:
            return error.answer

    async def get_kept(self, url: str, *, headers: Mapping[str, str]) -> Answer:
        """Do as ``get`` for a page that seldom changes: while its ETag holds, what was kept is the answer."""
        if self.keeper is None:
            return await self.get(url, headers=headers)
        name = kept.name(url, headers)
        known = await self.keeper.find(name)
        answer = await self.get(url, headers={**headers, "If-None-Match": known.etag} if known else headers)
        if known and answer.status == HTTPStatus.NOT_MODIFIED:
            await self.keeper.keep(name, known)
            return Answer(HTTPStatus.OK, "OK", {**known.headers, **answer.headers}, known.body, answer.url)
        if answer.status == HTTPStatus.OK and (etag := answer.headers.get("etag")):
            await self.keeper.keep(name, KeptAnswer(etag, kept.paging(answer.headers), answer.body))
        return answer

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        seconds: float | None = None,
        guard: Guard | None = None,
    ) -> Answer:
        """Send a request once, without following redirects: it may change something.

        Raises: as for ``get``.
        """
        url = self._allowed_url(url, guard)
        async with self._send(method, url, dict(headers), body, seconds) as response:
            return await self._answer(response, url)

    async def download(self, url: str, target: Path, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Write the body of a URL into a file; an answer that is not 2xx has its body in the answer instead.

        Raises: as for ``get``.
        """
        async with self._follow(self._allowed_url(url, None), dict(headers or {}), None, None) as (response, last):
            if response.status != HTTPStatus.OK:
                return await self._answer(response, last)
            written = 0
            with target.open("wb") as file:  # chunks go to the page cache; a hop each would cost more
                async for chunk in response.content.iter_chunked(_CHUNK):
                    written += len(chunk)
                    if written > self.limits.archive:
                        raise _too_large(url, self.limits.archive)
                    file.write(chunk)
            return Answer(response.status, response.reason or "", _headers(response), b"", last)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    async def _get_once(
        self,
        url: str,
        headers: dict[str, str],
        guard: Guard | None,
        seconds: float | None,
    ) -> Answer:
        url = self._allowed_url(url, guard)
        await self._respect_cooldown(url)
        async with self._follow(url, headers, guard, seconds) as (response, last):
            answer = await self._answer(response, last)
        limited = is_rate_limited(answer.status, answer.headers)
        if not limited and answer.status not in _TRY_AGAIN:
            return answer
        wait = retry_after(answer.headers)
        if limited and wait is not None:
            self._not_before[urlsplit(last).netloc] = time.monotonic() + min(wait, rates.LONGEST_PERIOD)
        if (wait or 0) > self.limits.longest_wait:
            return answer
        raise _TryAgainError(answer, wait)

    async def _respect_cooldown(self, url: str) -> None:
        host = urlsplit(url).netloc
        wait = self._not_before.get(host, 0.0) - time.monotonic()
        if wait > self.limits.longest_wait:
            raise SlowDownError(f"{host} limits the rate of requests; it may be asked again in {wait:.0f} s", wait)
        if wait > 0:
            await asyncio.sleep(wait)

    @asynccontextmanager
    async def _follow(
        self,
        url: str,
        headers: dict[str, str],
        guard: Guard | None,
        seconds: float | None,
    ) -> "AsyncIterator[tuple[aiohttp.ClientResponse, str]]":
        """Read a URL that ``_allowed_url`` has returned, and what it leads to."""
        current = url
        for _ in range(self.limits.redirects + 1):
            async with self._send("GET", current, headers, None, seconds) as response:
                location = response.headers.get("Location")
                if response.status not in _REDIRECTS or not location:
                    yield response, current
                    return
            following = self._allowed_url(_joined(current, location), guard)
            if _origin(following) != _origin(current):
                headers = {name: value for name, value in headers.items() if name.lower() not in _SECRET_HEADERS}
            current = following
        raise ForeignError(f"Too many redirects (max {self.limits.redirects}) when reading {url}")

    def _allowed_url(self, url: str, guard: Guard | None) -> str:
        """Return the canonical URL, which is the one that is sent, if it may be contacted."""
        try:
            canonical = web_url.canonical(url)
        except ValueError as error:
            raise NotAllowedError(f"Reading from '{url}' is not allowed: it is no URL") from error
        parts = urlsplit(canonical)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise NotAllowedError(f"Reading from '{url}' is not allowed: only http and https URLs are read")
        if guard:
            guard(canonical)
        address = addresses.literal(parts.hostname)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        if address and not addresses.is_public(address) and not self.listed(parts.hostname, port):
            raise _private(parts.netloc)
        return canonical

    @asynccontextmanager
    async def _send(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes | None,
        seconds: float | None,
    ) -> "AsyncIterator[aiohttp.ClientResponse]":
        from aiohttp import ClientTimeout
        from yarl import URL

        spans.hand_on(headers)
        bound = ClientTimeout(total=seconds or self.limits.seconds)
        with _foreign_errors(url, seconds or self.limits.seconds):
            async with (
                self.rates.turn(url, headers) as budget,
                self._open().request(
                    method, URL(url, encoded=True), headers=headers, data=body, allow_redirects=False, timeout=bound
                ) as response,
            ):
                rates.note(budget, response.status, response.headers)
                yield response

    async def _answer(self, response: "aiohttp.ClientResponse", url: str) -> Answer:
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > self.limits.body:
                raise _too_large(url, self.limits.body)
        return Answer(response.status, response.reason or "", _headers(response), bytes(body), url)

    def _open(self) -> "aiohttp.ClientSession":
        if self._session is None or self._session.closed:
            from aiohttp import ClientSession, DummyCookieJar, TCPConnector

            from backstage_py.integrations.web.resolver import GuardedResolver

            connector = TCPConnector(
                limit_per_host=self.limits.per_host,
                resolver=GuardedResolver(lambda host: self.listed(host, None)),
                ttl_dns_cache=10,
            )
            agent = {"User-Agent": f"backstage-py/{__version__}"}
            self._session = ClientSession(connector=connector, headers=agent, cookie_jar=DummyCookieJar())
        return self._session


def listed_hosts(hosts: Iterable[str]) -> Listed:
    """Return the test of whether a host is among those of the configuration.

    A host may have a port or a range of ports, and ``*.`` at its start for all subdomains. Without a port the default
    ports of http and https are meant.
    """
    known = [(_canonical_name(name), ports) for name, ports in map(_split_port, hosts) if name]

    def is_listed(host: str, port: int | None) -> bool:
        wanted = host.lower().strip("[]")
        return any(
            (wanted.endswith(name[1:]) if name.startswith("*.") else wanted == name) and port_fits(ports, port)
            for name, ports in known
        )

    return is_listed


def _split_port(host: str) -> tuple[str, str]:
    """Split a host of the configuration from its port or range of ports; an IPv6 address stands in brackets."""
    found = re.fullmatch(r"(?P<name>.*?\]?)(?::(?P<ports>[\d-]*))?", host.rpartition("@")[2])
    return (found["name"], found["ports"] or "") if found else (host, "")


def _canonical_name(name: str) -> str:
    """Return a host of the configuration as it stands in canonical URLs, ``*.`` and no brackets included."""
    star, rest = ("*.", name[2:]) if name.startswith("*.") else ("", name)
    return star + web_url.canonical_host(rest).strip("[]")


def port_fits(wanted: str, port: int | None) -> bool:
    """Tell whether a port is the wanted one, or in the wanted range; None for a port that is not known yet."""
    if port is None:
        return True
    first, _, last = wanted.partition("-")
    if not wanted:
        return port in _DEFAULT_PORTS
    return first.isdecimal() and int(first) <= port <= int(last if last.isdecimal() else first)


def is_rate_limited(status: int, headers: Mapping[str, str]) -> bool:
    """Tell whether a host asks to slow down: 429, or GitHub's 403 with nothing remaining or a time to wait."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    return status == HTTPStatus.FORBIDDEN and (headers.get("x-ratelimit-remaining") == "0" or "retry-after" in headers)


def retry_after(headers: Mapping[str, str], *, now: float | None = None) -> float | None:
    """Return the seconds that a host asks to wait, None if it does not say."""
    now = time.time() if now is None else now
    asked = headers.get("retry-after", "").strip()
    if asked.isdecimal():
        return float(asked)
    if asked:
        try:
            return max(0.0, parsedate_to_datetime(asked).timestamp() - now)
        except (TypeError, ValueError):
            return None
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        return max(0.0, float(reset) - now)
    return None


def without_url(message: str, url: str, name: str) -> str:
    """Return a message of this module with a URL that is secret, as it is and canonical, replaced by a name."""
    with suppress(ValueError):
        message = message.replace(web_url.canonical(url), name)
    return message.replace(url, name)


def header_token(token: str) -> str:
    """Return a token that somebody chose, for a header of a client that is not ours.

    Raises:
        InputError: no header can carry it. The message does not quote it, as that of the client would.
    """
    if not _TOKEN.fullmatch(token):
        raise InputError("The token is empty, or has characters that no header can carry, such as a line break")
    return token


def raise_for(answer: Answer, message: str) -> None:
    """Raise when an answer is not 2xx.

    Raises:
        NotFoundError: 404. ForeignError: anything else; it says when the reason is the rate of requests.
    """
    if answer.ok:
        return
    if answer.status == HTTPStatus.NOT_FOUND:
        raise NotFoundError(message)
    if is_rate_limited(answer.status, answer.headers):
        raise LimitedError(f"{message} (rate limit exceeded)")
    raise ForeignError(message)


def _may_be_tried_again(error: BaseException) -> bool:
    return isinstance(error, _TryAgainError | ServiceUnavailableError) and not isinstance(error, SlowDownError)


def _joined(base: str, location: str) -> str:
    try:
        return web_url.join(base, location)
    except ValueError as error:
        raise ForeignError(f"{base} redirects to '{location}', which is no URL") from error


@contextmanager
def _foreign_errors(url: str, seconds: float) -> Iterator[None]:
    import aiohttp

    try:
        yield
    except BackstageError:
        raise
    except TimeoutError as error:
        raise ServiceUnavailableError(f"Unable to read {url}, no answer within {seconds:g} seconds") from error
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, addresses.BlockedAddressError):
            raise _private(urlsplit(url).netloc) from error
        raise ServiceUnavailableError(f"Unable to read {url}, {error}") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise ServiceUnavailableError(f"Unable to read {url}, {str(error) or type(error).__name__}") from error


def _private(host: str) -> NotAllowedError:
    return NotAllowedError(
        f"Reading from '{host}' is not allowed: it has a private address. "
        "If it is meant, add the host below 'integrations' or 'backend.reading.allow'"
    )


def _too_large(url: str, limit: int) -> ForeignError:
    return ForeignError(f"The content of {url} is larger than {limit // (1024 * 1024)} MiB, the most that is read")


def _headers(response: "aiohttp.ClientResponse") -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
