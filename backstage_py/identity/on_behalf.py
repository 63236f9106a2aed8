"""Tokens for calls to other plugins, made while serving somebody.

A user's own token opens every plugin and is passed on. A plugin that calls us for a user proves that with a limited
token, which opens nothing: with it we call on as a plugin ourselves, in the user's name. Others verify such a token
with our public keys, which they find by ``discovery`` under our plugin id.
"""

from dataclasses import dataclass

import jwt

from backstage_py.identity import issuer as tokens
from backstage_py.identity.issuer import TokenIssuer


@dataclass(frozen=True, slots=True)
class OnBehalf:
    """Makes tokens as the plugin ``plugin``."""

    issuer: TokenIssuer
    plugin: str

    def token(self, token: str, target: str) -> str:
        """Return what proves the same caller to the plugin ``target``.

        Raises:
            AuthenticationError: the token is limited and broken.
        """
        if not is_limited(token):
            return token
        return self.as_plugin(token, target)

    def as_plugin(self, token: str, target: str) -> str:
        """Return a token of our plugin in the name of the user whose token is given, be that limited or not.

        Raises:
            AuthenticationError: it is no user's token.
        """
        limited = tokens.limited_user_token(token)
        return self.issuer.plugin_token(self.plugin, target, on_behalf_of=limited, expires_at=_expiry(limited))

    def token_or_own(self, token: str | None, target: str) -> str:
        """Return the same; without a caller, what proves that this service calls."""
        return self.issuer.plugin_token(self.plugin, target) if token is None else self.token(token, target)


def is_limited(token: str) -> bool:
    """Return whether a token is a limited user token; what is no JSON Web Token is none."""
    try:
        return jwt.get_unverified_header(token).get("typ") == tokens.LIMITED_USER
    except jwt.InvalidTokenError:
        return False


def _expiry(token: str) -> float | None:
    claims = jwt.decode(token, options={"verify_signature": False})
    expires = claims.get("exp")
    return float(expires) if isinstance(expires, int | float) else None
