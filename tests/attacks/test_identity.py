"""Tokens that are none, floods of them, and guests who are not on this machine."""

import asyncio
import itertools
import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest

from backstage_py.errors import AuthenticationError, ServiceUnavailableError
from backstage_py.identity import keys
from backstage_py.identity.authenticator import Authenticator
from backstage_py.identity.external import ExternalTokens
from backstage_py.identity.guest import RequestOrigin, is_local_request
from backstage_py.identity.issuer import PLUGIN, USER, TokenIssuer
from backstage_py.identity.jwks import KeySets
from tests.http.harness import Site

ODD: list[Any] = [None, True, 0, -1, 1e400, [], [[]], {}, {"a": {}}, "", "none", "HS256", "\ud800", "x" * 5000]


def part(value: Any) -> str:
    text = json.dumps(value).encode() if not isinstance(value, bytes) else value
    return urlsafe_b64encode(text).rstrip(b"=").decode()


def token(header: Any, payload: Any, signature: str = "c2ln") -> str:
    return f"{part(header)}.{part(payload)}.{signature}"


def odd_tokens() -> list[str]:
    kinds = [USER, PLUGIN, "vnd.backstage.limited-user", "JWT"]
    headers = [{"typ": kind, name: odd} for kind in kinds for name in ("alg", "kid", "x", "crit") for odd in ODD]
    headers += [{"typ": odd, "alg": "ES256", "kid": "k"} for odd in ODD]
    payloads = [{"sub": odd, "exp": odd, "iat": odd, "aud": odd, "iss": odd, "obo": odd, "ent": odd} for odd in ODD]
    tokens = [token(header, {"sub": "catalog", "exp": 9e9, "iat": 1}) for header in headers]
    tokens += [token({"typ": kind, "alg": "ES256", "kid": "k"}, payload) for kind in kinds for payload in payloads]
    tokens += [token(odd, odd) for odd in ODD]
    deep = b"[" * 5000 + b"]" * 5000
    tokens += [token(deep, {}), token({"typ": USER}, deep), token(b"\xff\xfe", b"\xff"), token(b"{", b"{")]
    return [*tokens, ".", "..", "...", "a.b.c", "=.=.=", "%.%.%", "a" * 100_000, "é.é.é", "\x7f"]


@pytest.mark.parametrize("number", range(4))
async def test_a_token_that_is_none_is_refused_and_nothing_breaks(number: int) -> None:
    """A quarter of them each, so that a failure names fewer."""
    site = Site()
    for one in itertools.islice(odd_tokens(), number, None, 4):
        answer = await site.get("/who", authorization=f"Bearer {one}".encode("utf-8", "replace").decode("latin-1"))
        assert answer.status == 401, one
        assert answer.json["error"]["name"] == "AuthenticationError"


class Flood:
    """Tokens that name one plugin, each with a key of its own, and the fetches they cause."""

    def __init__(self, *, is_down: bool) -> None:
        self.fetches = 0
        self.is_down = is_down
        key_sets = KeySets(self._fetch)
        self.authenticator = Authenticator(
            own=TokenIssuer(keys.OneKey(keys.generate()), "http://here/api/auth"),
            own_plugins=frozenset({"scaffolder"}),
            trusted=(),
            plugin_url=lambda plugin: f"http://there/api/{plugin}",
            external=ExternalTokens((), key_sets),
            key_sets=key_sets,
        )

    async def _fetch(self, url: str) -> bytes:
        self.fetches += 1
        await asyncio.sleep(0)
        if self.is_down:
            raise ServiceUnavailableError(f"{url} is down")
        return b'{"keys": []}'

    async def send(self, number: int) -> None:
        forged = token({"typ": PLUGIN, "alg": "ES256", "kid": f"k{number}"}, {"sub": "catalog", "aud": "scaffolder"})
        with pytest.raises(AuthenticationError):
            await self.authenticator.of_token(forged, plugin="scaffolder")


@pytest.mark.parametrize("is_down", [True, False])
async def test_a_flood_at_once_causes_one_fetch(is_down: bool) -> None:
    flood = Flood(is_down=is_down)
    await asyncio.gather(*map(flood.send, range(300)))
    assert flood.fetches == 1


@pytest.mark.parametrize(("is_down", "most"), [(True, 1), (False, 2)])
async def test_a_flood_one_after_the_other_causes_no_more_than_a_renewal(is_down: bool, most: int) -> None:
    flood = Flood(is_down=is_down)
    for number in range(300):
        await flood.send(number)
    assert flood.fetches <= most


HERE = {"host": "localhost:7007"}


@pytest.mark.parametrize("host", ["localhost", "localhost:7007", "127.0.0.1:7007", "[::1]:7007", "app.localhost:1"])
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "127.8.9.1", None])
def test_a_guest_of_this_machine_may_come_in(address: str | None, host: str) -> None:
    assert is_local_request(RequestOrigin(address, headers={"host": host}))
    assert is_local_request(RequestOrigin(address, headers={"host": host, "origin": "http://localhost:3000"}))


@pytest.mark.parametrize(
    "arrival",
    [
        RequestOrigin("10.0.0.1", headers=HERE),
        RequestOrigin("127.0.0.1"),
        RequestOrigin("127.0.0.1", headers={"host": ""}),
        RequestOrigin("127.0.0.1", headers={"host": "evil.example"}),
        RequestOrigin("127.0.0.1", headers={"host": "localhost.evil.example:7007"}),
        RequestOrigin("127.0.0.1", headers={"host": "127.0.0.1.evil.example"}),
        RequestOrigin("127.0.0.1", headers={"host": "localhost@evil.example"}),
        RequestOrigin("127.0.0.1", headers={"host": "[::1"}),
        RequestOrigin("127.0.0.1", headers={"host": "evil.example@localhost"}),
        RequestOrigin("127.0.0.1", headers={"host": "localhost#.evil.example"}),
        RequestOrigin("127.0.0.1", headers={"host": "localhost/.evil.example"}),
        RequestOrigin("127.0.0.1", headers={"host": "localhost?.evil.example"}),
        RequestOrigin("127.0.0.1", headers={"host": "localhost\\.evil.example"}),
        RequestOrigin("127.0.0.1", headers={"host": "localhost, evil.example"}),
        RequestOrigin("127.0.0.1", headers={**HERE, "cf-ray": "x"}),
        RequestOrigin("127.0.0.1", headers={**HERE, "x_forwarded_for": "x"}),
        RequestOrigin("127.0.0.1", headers={**HERE, "origin": "http://localhost, https://evil.example"}),
        RequestOrigin("127.0.0.1", headers={"host": "10.0.0.1"}),
        RequestOrigin("127.0.0.1", "1.0", HERE),
        *(RequestOrigin("127.0.0.1", headers={**HERE, name: "x"}) for name in ("forwarded", "via", "x-real-ip")),
        *(RequestOrigin("127.0.0.1", headers={**HERE, f"x-forwarded-{name}": ""}) for name in ("for", "host", "proto")),
        RequestOrigin("127.0.0.1", headers={**HERE, "origin": "https://evil.example"}),
        RequestOrigin("127.0.0.1", headers={**HERE, "origin": "null"}),
        RequestOrigin("127.0.0.1", headers={**HERE, "referer": "https://backstage.example.com/"}),
    ],
    ids=lambda arrival: str(dict(arrival.headers)),
)
def test_a_guest_through_a_proxy_or_of_a_foreign_page_may_not(arrival: RequestOrigin) -> None:
    assert not is_local_request(arrival)
