"""Tokens of callers outside Backstage: ``backend.auth.externalAccess``."""

import hmac
from typing import Protocol

import jwt

from backstage_py.errors import AuthenticationError, NotAllowedError, ServiceUnavailableError
from backstage_py.identity.jwks import KeySets, UnknownKeyError
from backstage_py.identity.principals import AccessRestriction, ServicePrincipal
from backstage_py.settings.sections import ExternalAccess, ExternalJwks, ExternalLegacy, ExternalStatic

_LEGACY_SUBJECT = "backstage-server"


class ExternalTokens:
    """Checks a token against the configured entries, in their order."""

    def __init__(self, entries: tuple[ExternalAccess, ...], key_sets: KeySets) -> None:
        self._entries = [(entry, _verifier(entry, key_sets)) for entry in entries]

    async def principal(self, token: str, plugin: str) -> tuple[ServicePrincipal, float | None] | None:
        """Return the service a token stands for and when the token expires; None when no entry knows the token.

        Raises:
            NotAllowedError: the token is known and may not be used for this plugin.
            AuthenticationError: the token is known and has expired.
        """
        for entry, verifier in self._entries:
            if found := await verifier.subject(token):
                subject, expires = found
                return ServicePrincipal(subject, _restriction(entry, plugin), _restrictions(entry)), expires
        return None


class _Verifier(Protocol):
    async def subject(self, token: str) -> tuple[str, float | None] | None: ...


def _verifier(entry: ExternalAccess, key_sets: KeySets) -> _Verifier:
    match entry.options:
        case ExternalStatic():
            return _Static(entry.options)
        case ExternalLegacy():
            return _Legacy(entry.options)
        case ExternalJwks():
            return _Jwks(entry.options, key_sets)


def _restrictions(entry: ExternalAccess) -> dict[str, AccessRestriction]:
    return {one.plugin: AccessRestriction(one.permissions, one.actions) for one in entry.restrictions}


def _restriction(entry: ExternalAccess, plugin: str) -> AccessRestriction | None:
    if not entry.restrictions:
        return None
    found = _restrictions(entry).get(plugin)
    if found is None:
        allowed = ", ".join(f"'{one.plugin}'" for one in entry.restrictions)
        raise NotAllowedError(f"This token's access is restricted to plugin(s) {allowed}")
    return found


class _Static:
    def __init__(self, options: ExternalStatic) -> None:
        self._options = options

    async def subject(self, token: str) -> tuple[str, float | None] | None:
        same = hmac.compare_digest(token.encode(), self._options.token.encode())
        return (self._options.subject, None) if same else None


class _Legacy:
    """Tokens that old Backstage backends sign with a shared secret."""

    def __init__(self, options: ExternalLegacy) -> None:
        self._options = options

    async def subject(self, token: str) -> tuple[str, float | None] | None:
        try:
            if jwt.get_unverified_header(token).get("alg") != "HS256":
                return None
            payload = jwt.decode(token, options={"verify_signature": False})
            if payload.get("sub") != _LEGACY_SUBJECT or payload.get("aud"):
                return None
            jwt.decode(token, self._options.secret, algorithms=["HS256"])
        except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as error:
            raise AuthenticationError("Illegal token") from error
        except jwt.InvalidTokenError:
            return None
        return self._options.subject, payload.get("exp")


class _Jwks:
    """Tokens of another issuer, known by its key set."""

    def __init__(self, options: ExternalJwks, key_sets: KeySets) -> None:
        self._options = options
        self._key_sets = key_sets

    async def subject(self, token: str) -> tuple[str, float | None] | None:
        options = self._options
        try:
            header = jwt.get_unverified_header(token)
            key = await self._key_sets.key(options.url, header.get("kid"))
            if options.algorithms and header["alg"] not in options.algorithms:
                return None
            payload = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=options.audiences or None,
                issuer=options.issuers or None,
                options={"verify_aud": bool(options.audiences), "verify_iss": bool(options.issuers)},
            )
        except (jwt.InvalidTokenError, UnknownKeyError, ServiceUnavailableError):
            return None
        prefix = f"external:{options.subject_prefix}:" if options.subject_prefix else "external:"
        return (f"{prefix}{payload['sub']}", payload.get("exp")) if payload.get("sub") else None
