"""Tokens: issued as Backstage issues them, and accepted or refused as Backstage does."""

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest

from backstage_py.errors import AuthenticationError, NotAllowedError, ServiceUnavailableError, SettingsError
from backstage_py.identity import keys
from backstage_py.identity.authenticator import Authenticator, TrustedIssuer
from backstage_py.identity.external import ExternalTokens
from backstage_py.identity.issuer import LIMITED_USER, PLUGIN, USER, TokenIssuer, limited_user_token
from backstage_py.identity.jwks import KeySets
from backstage_py.identity.keys import SigningKey
from backstage_py.identity.principals import AccessRestriction, NonePrincipal, ServicePrincipal, UserPrincipal
from backstage_py.settings.sections import (
    ExternalAccess,
    ExternalJwks,
    ExternalLegacy,
    ExternalStatic,
    PluginRestriction,
)

GUEST = "user:development/guest"
OTHER = "http://backstage.example/api/auth"
SECRET = b"a-shared-secret-of-32-characters"


class Network:
    """Key sets that other services would serve."""

    def __init__(self) -> None:
        self.keys: dict[str, list[SigningKey]] = {}
        self.requests: list[str] = []

    async def fetch(self, url: str) -> bytes:
        self.requests.append(url)
        if url not in self.keys:
            raise ServiceUnavailableError(f"{url} is down")
        return json.dumps({"keys": [key.jwk for key in self.keys[url]]}).encode()


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def own() -> TokenIssuer:
    return TokenIssuer(keys.OneKey(keys.generate()), "http://here/api/auth")


@pytest.fixture
def other(network: Network) -> TokenIssuer:
    issuer = TokenIssuer(keys.OneKey(keys.generate()), OTHER)
    network.keys[f"{OTHER}/.well-known/jwks.json"] = [issuer.key]
    return issuer


@pytest.fixture
def clock() -> list[float]:
    return [1000.0]


Make = Callable[..., Authenticator]


@pytest.fixture
def make(own: TokenIssuer, network: Network, clock: list[float]) -> Make:
    def build(*external: ExternalAccess, open_policy: bool = False, issuer: str | None = OTHER) -> Authenticator:
        key_sets = KeySets(network.fetch, lambda: clock[0])
        return Authenticator(
            own=own,
            own_plugins=frozenset({"scaffolder", "catalog"}),
            trusted=(TrustedIssuer(f"{OTHER}/.well-known/jwks.json", issuer),),
            plugin_url=lambda plugin: f"http://backstage.example/api/{plugin}",
            external=ExternalTokens(external, key_sets),
            key_sets=key_sets,
            open_policy=open_policy,
        )

    return build


async def call(authenticator: Authenticator, token: str, plugin: str = "scaffolder") -> Any:
    return (await authenticator.authenticate(f"Bearer {token}", plugin=plugin)).principal


def part(token: str, number: int) -> Any:
    return json.loads(urlsafe_b64decode(token.split(".")[number] + "=="))


def signed(issuer: TokenIssuer, kind: str | None, **claims: object) -> str:
    now = int(time.time())
    headers = {"kid": issuer.key.kid, "typ": kind} if kind else {"kid": issuer.key.kid}
    body = {"iat": now, "exp": now + 60, **claims}
    return jwt.encode(body, issuer.key.private, algorithm="ES256", headers=headers)


def test_a_user_token_has_the_shape_of_backstages(own: TokenIssuer) -> None:
    issued = own.user_token(GUEST, [GUEST, "group:default/guests"])
    header, payload = part(issued.token, 0), part(issued.token, 1)
    assert header == {"typ": USER, "alg": "ES256", "kid": own.key.kid}
    assert set(payload) == {"iss", "sub", "aud", "iat", "exp", "uip"}
    assert (payload["iss"], payload["sub"], payload["aud"]) == ("http://here/api/auth", GUEST, "backstage")
    assert payload["exp"] - payload["iat"] == issued.expires_in == 3600


def test_ownership_is_in_the_token_only_when_asked_for(own: TokenIssuer) -> None:
    issuer = TokenIssuer(own.keys, own.issuer, ownership_in_token=True)
    assert part(issuer.user_token(GUEST, [GUEST]).token, 1)["ent"] == [GUEST]


async def test_an_own_token_is_accepted_without_any_request(make: Make, own: TokenIssuer, network: Network) -> None:
    principal = await call(make(), own.user_token(GUEST, [GUEST]).token)
    assert principal == UserPrincipal(GUEST)
    assert network.requests == []


@pytest.mark.parametrize("header", [None, "", "Basic abc", "Bearer", "abc"])
async def test_no_bearer_token_is_missing_credentials(make: Make, header: str | None) -> None:
    with pytest.raises(AuthenticationError, match=r"^Missing credentials$"):
        await make().authenticate(header, plugin="scaffolder")


@pytest.mark.parametrize("token", ["xx.yy.zz", "nonsense", "a.b", "e30.e30.e30"])
async def test_a_token_of_no_known_kind_is_illegal(make: Make, token: str) -> None:
    with pytest.raises(AuthenticationError, match=r"^Illegal token$"):
        await call(make(), token)


async def test_without_default_policy_a_call_without_token_is_nobodys(make: Make) -> None:
    found = await make(open_policy=True).authenticate(None, plugin="scaffolder")
    assert found.principal == NonePrincipal()


async def test_another_backstages_user_is_accepted_and_its_keys_are_kept(
    make: Make, other: TokenIssuer, network: Network
) -> None:
    authenticator = make()
    for user in ("user:default/a", "user:default/b"):
        assert (await call(authenticator, other.user_token(user, []).token)).entity_ref == user
    assert network.requests == [f"{OTHER}/.well-known/jwks.json"]


async def test_a_new_key_of_another_backstage_is_fetched(make: Make, other: TokenIssuer, network: Network) -> None:
    authenticator = make()
    await call(authenticator, other.user_token(GUEST, []).token)
    rotated = TokenIssuer(keys.OneKey(keys.generate()), OTHER)
    network.keys[f"{OTHER}/.well-known/jwks.json"].append(rotated.key)
    assert (await call(authenticator, rotated.user_token(GUEST, []).token)).entity_ref == GUEST


async def test_made_up_keys_cause_a_bounded_number_of_requests(
    make: Make, other: TokenIssuer, network: Network
) -> None:
    authenticator = make()
    for _ in range(50):
        stranger = TokenIssuer(keys.OneKey(keys.generate()), OTHER)
        with pytest.raises(AuthenticationError, match="Failed user token verification"):
            await call(authenticator, stranger.user_token(GUEST, []).token)
    assert len(network.requests) <= 11


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "http://evil/api/auth"},
        {"iss": OTHER, "exp": int(time.time()) - 10},
        {"iss": OTHER, "sub": None},
    ],
)
async def test_a_token_of_a_wrong_issuer_or_time_is_refused(
    make: Make, other: TokenIssuer, claims: dict[str, object]
) -> None:
    token = signed(other, USER, **({"sub": GUEST, "aud": "backstage"} | claims))
    with pytest.raises(AuthenticationError):
        await call(make(), token)


async def test_an_own_key_with_a_foreign_issuer_is_refused(make: Make, own: TokenIssuer) -> None:
    with pytest.raises(AuthenticationError, match="Failed user token verification"):
        await call(make(), signed(own, USER, sub=GUEST, aud="backstage", iss="http://evil"))


async def test_a_changed_token_is_refused(make: Make, own: TokenIssuer) -> None:
    head, _, tail = own.user_token(GUEST, []).token.split(".")
    forged = own.user_token("user:default/admin", []).token.split(".")[1]
    with pytest.raises(AuthenticationError, match="Failed user token verification"):
        await call(make(), f"{head}.{forged}.{tail}")


@pytest.mark.parametrize("change", ["x", ".x", "", "="])
async def test_a_damaged_user_token_is_told_from_an_unknown_one(make: Make, own: TokenIssuer, change: str) -> None:
    token = own.user_token(GUEST, []).token
    with pytest.raises(AuthenticationError, match="Failed user token verification"):
        await call(make(), token[:-3] + change)


async def test_an_unsigned_token_is_refused(make: Make, own: TokenIssuer) -> None:
    claims = {"sub": GUEST, "aud": "backstage", "exp": time.time() + 60, "iat": time.time(), "iss": own.issuer}
    for kid in (own.key.kid, None):
        token = jwt.encode(claims, "", algorithm="none", headers={"typ": USER, "kid": kid} if kid else {"typ": USER})
        with pytest.raises(AuthenticationError):
            await call(make(), token)


async def test_an_unreachable_issuer_refuses_its_users_only(make: Make, own: TokenIssuer, network: Network) -> None:
    authenticator = make()
    stranger = TokenIssuer(keys.OneKey(keys.generate()), OTHER)
    with pytest.raises(AuthenticationError, match="Failed user token verification"):
        await call(authenticator, stranger.user_token(GUEST, []).token)
    assert (await call(authenticator, own.user_token(GUEST, []).token)).entity_ref == GUEST


async def test_the_limited_token_of_a_user_proves_and_opens_nothing(make: Make, own: TokenIssuer) -> None:
    limited = limited_user_token(own.user_token(GUEST, []).token)
    assert part(limited, 0)["typ"] == LIMITED_USER
    assert set(part(limited, 1)) == {"sub", "iat", "exp"}
    authenticator = make()
    with pytest.raises(AuthenticationError, match="Illegal limited user token"):
        await call(authenticator, limited)
    allowed = await authenticator.authenticate(f"Bearer {limited}", plugin="auth", allow_limited=True)
    assert allowed.user_ref == GUEST
    with pytest.raises(AuthenticationError, match="Illegal limited user token"):
        await call(authenticator, limited)


async def test_a_plugin_of_another_backstage_may_call_for_itself_or_a_user(
    make: Make, other: TokenIssuer, network: Network
) -> None:
    network.keys["http://backstage.example/api/search/.backstage/auth/v1/jwks.json"] = [other.key]
    authenticator = make()
    assert await call(authenticator, other.plugin_token("search", "catalog"), "catalog") == ServicePrincipal(
        "plugin:search"
    )
    user_token = other.user_token(GUEST, []).token
    on_behalf = other.plugin_token("search", "catalog", on_behalf_of=user_token)
    assert await call(authenticator, on_behalf, "catalog") == UserPrincipal(GUEST, (), "plugin:search")


async def test_a_plugin_token_counts_for_the_plugin_it_is_made_out_to(make: Make, own: TokenIssuer) -> None:
    authenticator = make()
    token = own.plugin_token("scaffolder", "catalog")
    assert await call(authenticator, token, "catalog") == ServicePrincipal("plugin:scaffolder")
    with pytest.raises(AuthenticationError, match="Failed plugin token verification"):
        await call(authenticator, token, "scaffolder")


@pytest.mark.parametrize("subject", ["../evil", "a/b", "x y", "", 5])
async def test_a_plugin_token_cannot_name_another_address(
    make: Make, other: TokenIssuer, network: Network, subject: object
) -> None:
    with pytest.raises(AuthenticationError, match="Invalid plugin token"):
        await call(make(), signed(other, PLUGIN, sub=subject, aud="scaffolder"))
    assert network.requests == []


async def test_a_plugin_token_does_not_outlive_the_users(own: TokenIssuer) -> None:
    user = own.user_token(GUEST, [])
    soon = time.time() + 5
    token = own.plugin_token("scaffolder", "catalog", on_behalf_of=user.token, expires_at=soon)
    assert part(token, 1)["exp"] == int(soon)


async def test_static_tokens_and_their_restrictions(make: Make) -> None:
    open_to_all = ExternalAccess(ExternalStatic("a-static-token", "external:ci"))
    bound = ExternalAccess(
        ExternalStatic("another-token", "external:bot"), (PluginRestriction("catalog", ("catalog.entity.read",)),)
    )
    authenticator = make(open_to_all, bound)
    assert await call(authenticator, "a-static-token") == ServicePrincipal("external:ci")
    assert await call(authenticator, "another-token", "catalog") == ServicePrincipal(
        "external:bot", AccessRestriction(("catalog.entity.read",))
    )
    with pytest.raises(NotAllowedError, match=r"restricted to plugin\(s\) 'catalog'"):
        await call(authenticator, "another-token", "scaffolder")


async def test_legacy_tokens_of_old_backends(make: Make) -> None:
    authenticator = make(ExternalAccess(ExternalLegacy(SECRET, "external:old")))
    token = jwt.encode({"sub": "backstage-server", "exp": time.time() + 60}, SECRET, algorithm="HS256")
    assert await call(authenticator, token) == ServicePrincipal("external:old")
    foreign = jwt.encode({"sub": "backstage-server"}, b"x" * 32, algorithm="HS256")
    expired = jwt.encode({"sub": "backstage-server", "exp": 1}, SECRET, algorithm="HS256")
    for bad in (foreign, expired):
        with pytest.raises(AuthenticationError, match="Illegal token"):
            await call(authenticator, bad)


async def test_tokens_of_a_configured_key_set(make: Make, network: Network) -> None:
    issuer = TokenIssuer(keys.OneKey(keys.generate()), "https://idp.example")
    network.keys["https://idp.example/jwks"] = [issuer.key]
    entry = ExternalJwks("https://idp.example/jwks", ("https://idp.example",), ("backstage-py",), ("ES256",), "ci")
    authenticator = make(ExternalAccess(entry))
    good = signed(issuer, None, sub="robot", iss="https://idp.example", aud="backstage-py")
    assert await call(authenticator, good) == ServicePrincipal("external:ci:robot")
    with pytest.raises(AuthenticationError, match="Illegal token"):
        await call(authenticator, signed(issuer, None, sub="robot", iss="https://idp.example", aud="else"))


async def test_a_shared_secret_in_a_public_key_set_signs_nothing(make: Make, network: Network) -> None:
    async def fetch(url: str) -> bytes:
        return json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "1"}]}).encode()

    network.fetch = fetch  # type: ignore[method-assign]  # this issuer publishes what it must not
    authenticator = make(ExternalAccess(ExternalJwks("https://idp.example/jwks")))
    token = jwt.encode({"sub": "x"}, b"secret" * 6, algorithm="HS256", headers={"kid": "1"})
    with pytest.raises(AuthenticationError, match="Illegal token"):
        await call(authenticator, token)


def test_the_key_file_is_made_once_and_only_the_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "key.pem"
    first, second = keys.load_or_create(path), keys.load_or_create(path)
    assert first.kid == second.kid
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["key.pem"]


def test_a_broken_key_file_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("nonsense")
    with pytest.raises(SettingsError, match="delete it to get a new one"):
        keys.load_or_create(path)
