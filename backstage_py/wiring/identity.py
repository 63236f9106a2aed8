"""Who signs tokens here, and whose tokens are believed."""

from collections.abc import Iterable

from backstage_py.identity.authenticator import Authenticator, TrustedIssuer
from backstage_py.identity.external import ExternalTokens
from backstage_py.identity.issuer import TokenIssuer
from backstage_py.identity.jwks import KeySets
from backstage_py.identity.keys import SigningKeys
from backstage_py.settings.addresses import Addresses
from backstage_py.settings.sections import Settings


def issuer(settings: Settings, addresses: Addresses, keys: SigningKeys) -> TokenIssuer:
    """Return who signs."""
    return TokenIssuer(keys, f"{addresses.own}/api/auth", ownership_in_token=settings.auth.ownership_in_token)


def authenticator(settings: Settings, addresses: Addresses, own: TokenIssuer, plugins: Iterable[str]) -> Authenticator:
    """Return who finds out whose token a request brings; ``plugins`` are the ids of those that may be ours."""
    key_sets = KeySets()
    trusted = [TrustedIssuer(one.jwks_url, one.issuer) for one in settings.auth.issuers]
    if not addresses.serves("auth"):
        trusted.append(TrustedIssuer(f"{addresses.plugin('auth')}/.well-known/jwks.json"))
    return Authenticator(
        own=own,
        own_plugins=frozenset(plugin for plugin in plugins if addresses.serves(plugin)),
        trusted=tuple(trusted),
        plugin_url=addresses.plugin,
        external=ExternalTokens(settings.auth.external, key_sets),
        key_sets=key_sets,
        open_policy=settings.auth.disable_default_policy,
    )
