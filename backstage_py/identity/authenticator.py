"""From an ``Authorization`` header to credentials, with Backstage's rules and its words for what is wrong."""

import re
import time
from base64 import urlsafe_b64decode
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jwt
import structlog

from backstage_py.errors import AuthenticationError, ServiceUnavailableError
from backstage_py.identity import issuer as tokens
from backstage_py.identity.external import ExternalTokens
from backstage_py.identity.issuer import TokenIssuer
from backstage_py.identity.jwks import KeySets, UnknownKeyError
from backstage_py.identity.principals import NOBODY, Credentials, ServicePrincipal, UserPrincipal
from backstage_py.model import json
from backstage_py.model.json import JsonObject

_log = structlog.get_logger(__name__)

_BEARER = re.compile(r"Bearer +(\S+)", re.IGNORECASE)
_PLUGIN_ID = re.compile(r"[a-z0-9_-]+", re.IGNORECASE)
_REMEMBERED = 2048
_REMEMBER_SECONDS = 300.0
_USER_CLAIMS = ["iat", "exp", "sub"]


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """Another Backstage whose user tokens count. ``issuer`` None accepts whatever its key set has signed."""

    jwks_url: str
    issuer: str | None = None


class Authenticator:
    """Says who calls.

    Args:
        own: our issuer, whose tokens are verified without any request.
        own_plugins: ids of the plugins served here; their service tokens are verified with our own key.
        trusted: other issuers of user tokens.
        plugin_url: base URL of another plugin, where its public keys are.
        external: tokens of callers outside Backstage.
        key_sets: the shared key sets.
        open_policy: ``backend.auth.dangerouslyDisableDefaultAuthPolicy``: calls without credentials are nobody's.
    """

    def __init__(
        self,
        *,
        own: TokenIssuer,
        own_plugins: frozenset[str],
        trusted: tuple[TrustedIssuer, ...],
        plugin_url: Callable[[str], str],
        external: ExternalTokens,
        key_sets: KeySets,
        open_policy: bool = False,
    ) -> None:
        self._own = own
        self._own_plugins = own_plugins
        self._trusted = trusted
        self._plugin_url = plugin_url
        self._external = external
        self._key_sets = key_sets
        self._open_policy = open_policy
        self._proven: OrderedDict[tuple[str, str], tuple[Credentials, float]] = OrderedDict()

    async def authenticate(
        self, authorization_header: str | None, *, plugin: str, allow_limited: bool = False
    ) -> Credentials:
        """Return who calls the plugin ``plugin``.

        Args:
            authorization_header: as it came; another scheme than Bearer counts as none.
            plugin: id of the plugin that is called; service tokens are made out to one plugin.
            allow_limited: accept a limited user token.

        Raises:
            AuthenticationError: there are no credentials, or they do not prove anything.
            NotAllowedError: they are known and not meant for this plugin.
        """
        match = _BEARER.fullmatch(authorization_header.strip()) if authorization_header else None
        if not match:
            if self._open_policy:
                return NOBODY
            raise AuthenticationError("Missing credentials")
        return await self.of_token(match[1], plugin=plugin, allow_limited=allow_limited)

    async def of_token(self, token: str, *, plugin: str, allow_limited: bool = False) -> Credentials:
        """Return whom a token stands for; see ``authenticate``."""
        now = time.time()
        remembered = self._proven.get((plugin, token))
        if remembered and now < remembered[1]:
            return remembered[0]
        credentials = await self._verify(token, plugin, allow_limited=allow_limited)
        if not allow_limited:
            until = min(now + _REMEMBER_SECONDS, credentials.expires_at or now + _REMEMBER_SECONDS)
            self._proven[plugin, token] = (credentials, until)
            while len(self._proven) > _REMEMBERED:
                self._proven.popitem(last=False)
        return credentials

    async def _verify(self, token: str, plugin: str, *, allow_limited: bool) -> Credentials:
        header = _header(token)
        kind = header.get("typ")
        if kind == tokens.PLUGIN:
            return await self._of_plugin(token, header, plugin)
        if kind in {tokens.USER, tokens.LIMITED_USER} or _audience(token, header) == tokens.USER_AUDIENCE:
            credentials = await self._of_user(token, header)
            if kind == tokens.LIMITED_USER and not allow_limited:
                raise AuthenticationError("Illegal limited user token")
            return credentials
        if found := await self._external.principal(token, plugin):
            return Credentials(found[0], expires_at=found[1])
        raise AuthenticationError("Illegal token")

    async def _of_user(self, token: str, header: JsonObject) -> Credentials:
        typed = header.get("typ") in {tokens.USER, tokens.LIMITED_USER}
        try:
            payload = await self._user_claims(token, header, typed=typed)
        except (jwt.InvalidTokenError, UnknownKeyError, ServiceUnavailableError) as error:
            _log.warning("user_token_refused", reason=str(error), kid=header.get("kid"))
            raise AuthenticationError("Failed user token verification") from error
        if not isinstance(payload.get("sub"), str) or not payload["sub"]:
            raise AuthenticationError("No user sub found in token")
        claimed = payload.get("ent")
        ownership = tuple(str(ref) for ref in claimed) if isinstance(claimed, list) else ()
        return Credentials(UserPrincipal(payload["sub"], ownership), token, payload.get("exp"))

    async def _user_claims(self, token: str, header: JsonObject, *, typed: bool) -> JsonObject:
        audience = None if typed else tokens.USER_AUDIENCE
        required = _USER_CLAIMS if typed else ["exp"]
        limited = header.get("typ") == tokens.LIMITED_USER
        if own_key := await self._own_key(header.get("kid")):
            own = None if limited else self._own.issuer
            return _decode(token, own_key, required, audience=audience, issuer=own)
        for trusted in self._trusted:
            try:
                key = await self._key_sets.key(trusted.jwks_url, header.get("kid"))
            except UnknownKeyError:
                continue
            return _decode(token, key, required, audience=audience, issuer=None if limited else trusted.issuer)
        raise UnknownKeyError("no trusted issuer has the key; see 'discovery.endpoints' and 'auth.issuers'")

    async def _of_plugin(self, token: str, header: JsonObject, plugin: str) -> Credentials:
        caller = _unverified(token).get("sub")
        if not isinstance(caller, str) or not caller:
            raise AuthenticationError("Invalid plugin token: missing subject")
        if not _PLUGIN_ID.fullmatch(caller):
            raise AuthenticationError("Invalid plugin token: forbidden subject format")
        try:
            key = await self._plugin_key(caller, header.get("kid"))
            payload = _decode(token, key, [*_USER_CLAIMS, "aud"], audience=plugin)
        except (jwt.InvalidTokenError, UnknownKeyError, ServiceUnavailableError) as error:
            _log.warning("plugin_token_refused", reason=str(error), caller=caller)
            raise AuthenticationError("Failed plugin token verification") from error
        subject = f"plugin:{caller}"
        user_token = payload.get("obo")
        if not isinstance(user_token, str):
            return Credentials(ServicePrincipal(subject), expires_at=payload["exp"])
        return await self._on_behalf(user_token, subject, payload["exp"])

    async def _on_behalf(self, user_token: str, actor: str, expires: float) -> Credentials:
        header = _header(user_token)
        if header.get("typ") not in {tokens.USER, tokens.LIMITED_USER}:
            raise AuthenticationError("Invalid user token in plugin token obo claim")
        user = await self._of_user(user_token, header)
        principal = user.principal
        if not isinstance(principal, UserPrincipal):  # _of_user returns users only; this says so to the type checker
            raise AuthenticationError("Invalid user token in plugin token obo claim")
        return Credentials(
            UserPrincipal(principal.entity_ref, principal.ownership, actor),
            user_token,
            min(expires, user.expires_at or expires),
        )

    async def _plugin_key(self, plugin: str, kid: str | None) -> jwt.PyJWK:
        if plugin in self._own_plugins and (own_key := await self._own_key(kid)):
            return own_key
        return await self._key_sets.key(f"{self._plugin_url(plugin)}/.backstage/auth/v1/jwks.json", kid)

    async def _own_key(self, kid: str | None) -> jwt.PyJWK | None:
        return await self._own.keys.verifying(kid) if kid else None


def _decode(
    token: str, key: jwt.PyJWK, required: list[str], *, audience: str | None, issuer: str | None = None
) -> JsonObject:
    claims: JsonObject = jwt.decode(
        token,
        key,
        algorithms=[key.algorithm_name],
        audience=audience,
        issuer=issuer,
        options={"require": required, "verify_aud": audience is not None, "verify_iss": issuer is not None},
    )
    return claims


def _header(token: str) -> JsonObject:
    """Return the texts of the header whatever the rest of the token looks like: they say whose complaint it gets."""
    part = token.partition(".")[0]
    try:
        header = json.parse(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return {}
    return {name: value for name, value in header.items() if isinstance(value, str)} if isinstance(header, dict) else {}


def _unverified(token: str) -> Mapping[str, object]:
    try:
        claims: Mapping[str, object] = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return {}
    return claims


def _audience(token: str, header: JsonObject) -> object:
    return _unverified(token).get("aud") if header else None
