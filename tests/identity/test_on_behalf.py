"""Calling on for somebody who called us through a plugin."""

import json

from backstage_py.identity import keys
from backstage_py.identity.authenticator import Authenticator
from backstage_py.identity.external import ExternalTokens
from backstage_py.identity.issuer import TokenIssuer, limited_user_token
from backstage_py.identity.jwks import KeySets
from backstage_py.identity.on_behalf import OnBehalf
from backstage_py.identity.principals import ServicePrincipal, UserPrincipal

ADA = "user:default/ada"
THEIRS = TokenIssuer(keys.OneKey(keys.generate()), "http://backstage/api/auth")
OURS = TokenIssuer(keys.OneKey(keys.generate()), "http://here/api/auth")
CALLER = OnBehalf(OURS, "backstage-py")


def catalog_of_theirs() -> Authenticator:
    """Their catalog, which finds our keys under our plugin's id."""

    async def fetch(url: str) -> bytes:
        assert url == "http://discovered/backstage-py/.backstage/auth/v1/jwks.json"
        return json.dumps({"keys": [OURS.key.jwk]}).encode()

    key_sets = KeySets(fetch)
    return Authenticator(
        own=THEIRS,
        own_plugins=frozenset({"catalog"}),
        trusted=(),
        plugin_url=lambda plugin: f"http://discovered/{plugin}",
        external=ExternalTokens((), key_sets),
        key_sets=key_sets,
    )


async def test_a_limited_token_becomes_a_plugins_token_in_the_users_name() -> None:
    limited = limited_user_token(THEIRS.user_token(ADA, [ADA]).token)
    token = CALLER.token(limited, "catalog")
    found = await catalog_of_theirs().of_token(token, plugin="catalog")
    assert isinstance(found.principal, UserPrincipal)
    assert (found.principal.entity_ref, found.principal.actor) == (ADA, "plugin:backstage-py")


async def test_without_a_user_the_service_calls() -> None:
    found = await catalog_of_theirs().of_token(CALLER.token_or_own(None, "catalog"), plugin="catalog")
    assert found.principal == ServicePrincipal("plugin:backstage-py")


def test_a_full_token_and_a_token_of_another_kind_are_passed_on() -> None:
    full = THEIRS.user_token(ADA, [ADA]).token
    assert CALLER.token(full, "catalog") == full
    assert CALLER.token_or_own("static-token", "catalog") == "static-token"
