"""``auth`` and ``backend.auth``."""

import binascii
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from backstage_py.settings.reading import Reader
from backstage_py.settings.sections import (
    AuthSettings,
    ExternalAccess,
    ExternalJwks,
    ExternalLegacy,
    ExternalStatic,
    Issuer,
    PluginRestriction,
)

_SHORTEST_TOKEN = 8
_ACTIONS = ("create", "read", "update", "delete")


def read(config: Reader) -> AuthSettings:
    """Read both."""
    auth, backend = config.section("auth"), config.within("backend.auth")
    providers = auth.section("providers")
    guest = providers.section("guest")
    key_file = auth.text("keyFile")
    return AuthSettings(
        guest=providers.mentions("guest"),
        guest_outside_development=guest.boolean("dangerouslyAllowOutsideDevelopment"),
        guest_entity_ref=guest.text("userEntityRef") or "user:development/guest",
        guest_ownership=guest.texts("ownershipEntityRefs"),
        issuers=tuple(_issuer(one) for one in auth.sections("issuers")),
        external=tuple(_external(one) for one in backend.sections("externalAccess"))
        + tuple(_old_key(one) for one in backend.sections("keys")),
        disable_default_policy=backend.boolean("dangerouslyDisableDefaultAuthPolicy"),
        ownership_in_token=not auth.boolean("omitIdentityTokenOwnershipClaim", default=True),
        key_file=Path(key_file).absolute() if key_file else None,
    )


def _issuer(section: Reader) -> Issuer:
    issuer = section.url("issuer")
    if issuer is None:
        section.fail(
            "issuer", "is missing; expected the issuer of the tokens, e.g. https://backstage.example.com/api/auth"
        )
    return Issuer(issuer, section.url("jwksUrl") or f"{issuer}/.well-known/jwks.json")


def _external(section: Reader) -> ExternalAccess:
    read_options = _KINDS.get(section.required_text("type", "static"))
    if read_options is None:
        section.fail("type", f"expected one of {', '.join(_KINDS)}")
    return ExternalAccess(read_options(section.section("options")), _restrictions(section))


def _static(options: Reader) -> ExternalStatic:
    token = _unspaced(options, "token", "${CI_TOKEN}")
    if len(token) < _SHORTEST_TOKEN:
        options.fail("token", f"expected at least {_SHORTEST_TOKEN} characters")
    return ExternalStatic(token, _unspaced(options, "subject", "external:ci"))


def _legacy(options: Reader) -> ExternalLegacy:
    return ExternalLegacy(_secret(options), _unspaced(options, "subject", "external:old-backend"))


def _jwks(options: Reader) -> ExternalJwks:
    url = options.url("url")
    if url is None:
        options.fail("url", "is missing; expected the URL of a JSON Web Key Set")
    return ExternalJwks(
        url,
        issuers=options.words("issuer") or (),
        audiences=options.words("audience") or (),
        algorithms=options.words("algorithm") or (),
        subject_prefix=options.text("subjectPrefix"),
    )


_KINDS: Mapping[str, Callable[[Reader], ExternalStatic | ExternalLegacy | ExternalJwks]] = {
    "static": _static,
    "legacy": _legacy,
    "jwks": _jwks,
}


def _old_key(section: Reader) -> ExternalAccess:
    """Read an entry of ``backend.auth.keys``, the form before ``externalAccess``."""
    return ExternalAccess(ExternalLegacy(_secret(section), "external:backstage-plugin"))


def _secret(section: Reader) -> bytes:
    text = _unspaced(section, "secret", "${BACKEND_SECRET}")
    try:
        return urlsafe_b64decode(
            text.replace("+", "-").replace("/", "_").rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
        )
    except (binascii.Error, ValueError):
        section.fail("secret", "expected Base64")


def _unspaced(section: Reader, key: str, example: str) -> str:
    value = section.required_text(key, example)
    if any(character.isspace() for character in value):
        section.fail(key, "must not contain spaces")
    return value


def _restrictions(section: Reader) -> tuple[PluginRestriction, ...]:
    found: dict[str, PluginRestriction] = {}
    for one in section.sections("accessRestrictions"):
        restriction = _restriction(one)
        if restriction.plugin in found:
            one.fail("plugin", f"names '{restriction.plugin}' a second time; write one entry for each plugin")
        found[restriction.plugin] = restriction
    return tuple(found.values())


def _restriction(section: Reader) -> PluginRestriction:
    """Read an entry. A misspelt key must not widen what a token may do, so an unknown one is an error."""
    attribute = section.section("permissionAttribute")
    _refuse_unknown(section, ("plugin", "permission", "permissionAttribute"))
    _refuse_unknown(attribute, ("action",))
    actions = attribute.words("action") or None
    for action in actions or ():
        if action not in _ACTIONS:
            attribute.fail("action", f"expected {', '.join(_ACTIONS)}; found '{action}'")
    return PluginRestriction(section.required_text("plugin", "catalog"), section.words("permission") or None, actions)


def _refuse_unknown(section: Reader, known: Sequence[str]) -> None:
    for key in section.data:
        if key not in known:
            section.fail(key, f"is unknown here; expected {', '.join(known)}")
