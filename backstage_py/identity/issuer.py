"""Tokens that this service issues, in the form in which Backstage issues them.

A user token carries a proof (``uip``): the signature of the limited token that anybody can make of it, which proves
the user's identity to one plugin and can do nothing else.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import jwt

from backstage_py.errors import AuthenticationError
from backstage_py.identity import keys
from backstage_py.identity.keys import SigningKey, SigningKeys, b64url
from backstage_py.model import entity_ref, json
from backstage_py.model.json import JsonObject

USER = "vnd.backstage.user"
LIMITED_USER = "vnd.backstage.limited-user"
PLUGIN = "vnd.backstage.plugin"
USER_AUDIENCE = "backstage"
LIFETIME = keys.TOKEN_LIFETIME


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A user token and what it says."""

    token: str
    user_entity_ref: str
    ownership: tuple[str, ...]
    expires_in: int


class TokenIssuer:
    """Issues tokens in the name of one issuer.

    Args:
        signing_keys: sign everything, one after the other.
        issuer: the ``iss`` of user tokens: ``<backend.baseUrl>/api/auth``.
        ownership_in_token: whether user tokens carry ``ent``; Backstage leaves it out by default.
    """

    def __init__(self, signing_keys: SigningKeys, issuer: str, *, ownership_in_token: bool = False) -> None:
        self.keys = signing_keys
        self.issuer = issuer
        self._ownership_in_token = ownership_in_token

    @property
    def key(self) -> SigningKey:
        """The key that signs now."""
        return self.keys.current()

    def user_token(self, user_entity_ref: str, ownership: Sequence[str]) -> IssuedToken:
        """Issue a token for a user.

        Raises:
            InputError: the reference is not complete.
        """
        entity_ref.parse(user_entity_ref)
        issued = int(time.time())
        expires = issued + LIFETIME
        key = self.key
        claims: JsonObject = {
            "iss": self.issuer,
            "sub": user_entity_ref,
            **({"ent": list(ownership)} if self._ownership_in_token else {}),
            "aud": USER_AUDIENCE,
            "iat": issued,
            "exp": expires,
            "uip": _proof(key, user_entity_ref, issued, expires),
        }
        return IssuedToken(_signed(key, USER, claims), user_entity_ref, tuple(ownership), LIFETIME)

    def plugin_token(
        self, plugin: str, target: str, *, on_behalf_of: str | None = None, expires_at: float | None = None
    ) -> str:
        """Issue a token with which ``plugin`` calls the plugin ``target``.

        Args:
            plugin: our plugin, whose public keys the target fetches from us.
            target: id of the plugin that is called.
            on_behalf_of: a user's token, full or limited; the target sees that user.
            expires_at: when the user's token expires; ours does not outlive it.
        """
        issued = int(time.time())
        expires = issued + LIFETIME if expires_at is None else min(issued + LIFETIME, int(expires_at))
        claims: JsonObject = {"sub": plugin, "aud": target, "iat": issued, "exp": expires}
        if on_behalf_of is not None:
            claims["obo"] = limited_user_token(on_behalf_of)
        return _signed(self.key, PLUGIN, claims)


def limited_user_token(token: str) -> str:
    """Return the limited token of a user token: it proves who the user is and opens nothing by itself.

    Raises:
        AuthenticationError: the token is no user token or has no proof.
    """
    try:
        header = jwt.get_unverified_header(token)
        payload = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError as error:
        raise AuthenticationError("Failed to create limited user token, invalid token") from error
    kind = header.get("typ")
    if kind == LIMITED_USER:
        return token
    if kind != USER:
        raise AuthenticationError("Failed to create limited user token, invalid token type")
    if not payload.get("uip"):
        raise AuthenticationError("Failed to create limited user token, missing user identity proof")
    limited = {"typ": LIMITED_USER, "alg": header["alg"], "kid": header.get("kid")}
    return f"{_part(limited)}.{_part({name: payload[name] for name in ('sub', 'iat', 'exp')})}.{payload['uip']}"


def _part(value: JsonObject) -> str:
    return b64url(json.dumps(value))


def _signed(key: SigningKey, kind: str, claims: JsonObject) -> str:
    headers = {"typ": kind, "alg": keys.ALGORITHM, "kid": key.kid}
    return jwt.encode(claims, key.private, algorithm=keys.ALGORITHM, headers=headers)


def _proof(key: SigningKey, subject: str, issued: int, expires: int) -> str:
    header = {"typ": LIMITED_USER, "alg": keys.ALGORITHM, "kid": key.kid}
    signed = f"{_part(header)}.{_part({'sub': subject, 'iat': issued, 'exp': expires})}".encode()
    return b64url(jwt.get_algorithm_by_name(keys.ALGORITHM).sign(signed, key.private))
