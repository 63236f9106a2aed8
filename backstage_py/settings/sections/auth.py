"""``auth`` and ``backend.auth``: who may call, and the keys that prove it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from backstage_py.settings import kinds
from backstage_py.settings.description import Each, Key, below, key, keys_of
from backstage_py.settings.reading import Reader


@dataclass(frozen=True, slots=True)
class ExternalStatic:
    """A static token and the subject it stands for."""

    token: str = key(
        "token", kinds.TOKEN, "The static token, at least 8 characters.", example="${CI_TOKEN}", is_shown=False
    )
    subject: str = key("subject", kinds.UNSPACED, "Whom the token stands for.", example="external:ci")


@dataclass(frozen=True, slots=True)
class ExternalLegacy:
    """A secret with which old backends sign their tokens, and the subject those stand for."""

    secret: bytes = key(
        "secret", kinds.SECRET, "The shared secret in Base64.", example="${BACKEND_SECRET}", is_shown=False
    )
    subject: str = key("subject", kinds.UNSPACED, "Whom the token stands for.", example="external:old-backend")


@dataclass(frozen=True, slots=True)
class ExternalJwks:
    """Another issuer by its key set; empty tuples allow anything."""

    url: str = key("url", kinds.URL, "The key set's URL.", missing="is missing; expected the URL of a JSON Web Key Set")
    issuers: tuple[str, ...] = key("issuer", kinds.WORDS, "Accepted issuers.", ())
    audiences: tuple[str, ...] = key("audience", kinds.WORDS, "Accepted audiences.", ())
    algorithms: tuple[str, ...] = key("algorithm", kinds.WORDS, "Accepted algorithms.", ())
    subject_prefix: str | None = key("subjectPrefix", kinds.TEXT, "Put before the subject.", None)


@dataclass(frozen=True, slots=True)
class PluginRestriction:
    """An entry of ``accessRestrictions``; None means no bound of that kind."""

    plugin: str = key("plugin", kinds.TEXT, "Id of the plugin that may be called.", example="catalog")
    permissions: tuple[str, ...] | None = key("permission", kinds.SOME_WORDS, "Names of permissions.", None)
    actions: tuple[str, ...] | None = key(
        "permissionAttribute.action",
        kinds.some_of("create", "read", "update", "delete"),
        "create, read, update or delete.",
        None,
    )

    also: ClassVar = (Key("permissionAttribute", kinds.CLOSED),)


@dataclass(frozen=True, slots=True)
class ExternalAccess:
    """An entry of ``backend.auth.externalAccess``; without restrictions it may call every plugin."""

    options: ExternalStatic | ExternalLegacy | ExternalJwks
    restrictions: tuple[PluginRestriction, ...] = key(
        "accessRestrictions", Each(PluginRestriction), "What the token may do; everything without it.", ()
    )

    also: ClassVar = (
        Key("type", kinds.choice("static", "legacy", "jwks"), "Kind of token.", missing="is missing"),
        Key("options", kinds.CLOSED, missing="is missing"),
        *(replace(one, missing=None) for one in below("options", keys_of(ExternalLegacy))),
        *(replace(one, missing=None) for one in below("options", keys_of(ExternalStatic))),
        *(replace(one, missing=None) for one in below("options", keys_of(ExternalJwks))),
    )


@dataclass(frozen=True, slots=True)
class Issuer:
    """An entry of ``auth.issuers`` (ours): another Backstage whose user tokens count here."""

    issuer: str = key(
        "issuer",
        kinds.URL,
        "The 'iss' of its tokens, <backend.baseUrl>/api/auth.",
        missing="is missing; expected the issuer of the tokens, e.g. https://backstage.example.com/api/auth",
    )
    jwks_url: str = key("jwksUrl", kinds.URL, "Its key set; <issuer>/.well-known/jwks.json by default.", "")

    def checked(self, _section: Reader) -> "Issuer":
        """Fill in where the key set is."""
        return self if self.jwks_url else replace(self, jwks_url=f"{self.issuer}/.well-known/jwks.json")


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """``auth`` and ``backend.auth``.

    Attributes:
        guest: whether guests may sign in (from this machine, unless ``guest_outside_development``).
        guest_ownership: what the guest owns by when the catalog has no such user.
        issuers: other issuers of user tokens, besides the one that ``discovery.endpoints`` names for ``auth``.
        ownership_in_token: ``auth.omitIdentityTokenOwnershipClaim: false``.
        key_file: the key with which we sign; those of the database when None.
        wrapping_keys: the first wraps the keys in the database, the others open what they wrapped before.
        key_rotation: seconds for which a key of the database signs.
    """

    guest: bool = False
    guest_outside_development: bool = key(
        "auth.providers.guest.dangerouslyAllowOutsideDevelopment",
        kinds.SWITCH,
        "Let callers of other machines sign in as the guest.",
        False,
    )
    guest_entity_ref: str = key(
        "auth.providers.guest.userEntityRef", kinds.TEXT, "The guest's entity.", "user:development/guest"
    )
    guest_ownership: tuple[str, ...] | None = key(
        "auth.providers.guest.ownershipEntityRefs", kinds.TEXTS, "What the guest owns by.", None
    )
    issuers: tuple[Issuer, ...] = key(
        "auth.issuers", Each(Issuer), "(ours) Other Backstage instances whose users may call.", ()
    )
    external: tuple[ExternalAccess, ...] = ()
    disable_default_policy: bool = key(
        "backend.auth.dangerouslyDisableDefaultAuthPolicy", kinds.SWITCH, "Answer calls without credentials.", False
    )
    ownership_in_token: bool = False
    key_file: Path | None = key(
        "auth.keyFile",
        kinds.PATH,
        "(ours) File of the signing key, made at the first start; without it keys are shared in the database.",
        None,
    )
    wrapping_keys: tuple[str, ...] = key(
        "auth.keyEncryptionKeys",
        kinds.TEXTS,
        "(ours) Keys of 32 bytes or more that wrap the keys in the database; the first wraps, the others open, too.",
        (),
    )
    key_rotation: float = key(
        "auth.keyRotation", kinds.LASTING, "(ours) How long a signing key of the database is used; 1 hour.", 3600.0
    )

    also: ClassVar = (
        Key("auth.environment", kinds.TEXT, "Name of the environment; frontends use it."),
        Key(
            "auth.omitIdentityTokenOwnershipClaim", kinds.SWITCH, "Leave ownership out of user tokens; true by default."
        ),
        Key("backend.auth.externalAccess", Each(ExternalAccess), "Callers outside Backstage."),
        Key("backend.auth.keys", kinds.ARRAY, "The form before externalAccess."),
        Key("backend.auth.keys[].secret", kinds.TEXT, "The shared secret in Base64."),
    )
