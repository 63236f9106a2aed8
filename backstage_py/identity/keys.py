"""The keys with which this service signs, and their public halves as others fetch them.

ES256 keys that all replicas share are in the database and made anew by age, as Backstage's are; an operator may keep
one in a file instead. Old public keys stay known until the last token that they signed has expired.
"""

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import jwt
import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from backstage_py.errors import BackstageError, SettingsError
from backstage_py.model import json
from backstage_py.model.json import JsonObject
from backstage_py.storage.keys import files
from backstage_py.storage.keys.chain import KeyChain, NewKey, Purpose

_log = structlog.get_logger(__name__)

ALGORITHM = "ES256"
TOKEN_LIFETIME = 3600
"""Seconds for which a token of ours is good, as Backstage's default."""
_COORDINATE = 32  # bytes of P-256
_SKEW = 15 * 60  # seconds by which clocks may differ, and key sets be read late
_FILE = "auth.keyFile"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its id, the RFC 7638 thumbprint, so that the same key has the same id everywhere."""

    private: ec.EllipticCurvePrivateKey = field(repr=False)
    kid: str
    jwk: JsonObject


class SigningKeys(Protocol):
    """What signs, and what of it others may verify with."""

    def current(self) -> SigningKey:
        """Return the key to sign with."""

    def public(self) -> list[JsonObject]:
        """Return the JSON Web Keys of all tokens that may not have expired yet."""

    async def verifying(self, kid: str) -> jwt.PyJWK | None:
        """Return the key that verifies what the key ``kid`` signed; None for a key that is not ours."""


@dataclass(frozen=True, slots=True)
class OneKey:
    """A key that is all there is; see ``SigningKeys``."""

    key: SigningKey

    def current(self) -> SigningKey:
        """Return it."""
        return self.key

    def public(self) -> list[JsonObject]:
        """Return its public half."""
        return [self.key.jwk]

    async def verifying(self, kid: str) -> jwt.PyJWK | None:
        """Return its public half if it is meant."""
        return jwt.PyJWK(self.key.jwk) if kid == self.key.kid else None


@dataclass(frozen=True, slots=True)
class SharedKeys:
    """The keys of all replicas; see ``SigningKeys``."""

    chain: KeyChain

    def current(self) -> SigningKey:
        """Return the key to sign with."""
        return _signing(self.chain.current.content or b"")

    def public(self) -> list[JsonObject]:
        """Return the public halves, the key to sign with first."""
        first = self.chain.current.id
        listed = sorted(self.chain.known.values(), key=lambda key: (key.id != first, -key.used_from))
        return [json.parse(key.public) for key in listed if key.public]

    async def verifying(self, kid: str) -> jwt.PyJWK | None:
        """Return a public half, of a key that was made just now, too."""
        try:
            found = await self.chain.look_up(kid)
        except BackstageError as error:
            _log.warning("signing_keys_unavailable", reason=error.message)
            return None
        return _verifying(found.public) if found and found.public else None


def purpose(rotation: float) -> Purpose:
    """Return what the keys in the database are for; ``rotation`` in seconds."""
    return Purpose("signing", lambda: stored(generate()), int(rotation * 1000), (TOKEN_LIFETIME + _SKEW) * 1000)


def stored(key: SigningKey) -> NewKey:
    """Return a key as it is kept."""
    pem = key.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return NewKey(key.kid, pem, json.text(key.jwk))


def load_or_create(path: Path) -> SigningKey:
    """Return the key of a file; make both when there is none yet. Processes that start together agree on one.

    Raises:
        SettingsError: the file cannot be read or written, or holds no P-256 private key in PEM.
    """
    if not path.exists():
        files.create(path, _FILE, stored(generate()).content or b"")
    return load(path)


def load(path: Path) -> SigningKey:
    """Return the key of a file.

    Raises:
        SettingsError: the file cannot be read, or holds no P-256 private key in PEM.
    """
    try:
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(_FILE, f"{path} is no readable key file ({error}); delete it to get a new one") from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise SettingsError(_FILE, f"{path} must hold a P-256 private key in PEM")
    return of_private(private)


def report_differing_files(chain: KeyChain) -> None:
    """Say in the log when a running replica signs with a key of another file; both are believed."""
    if others := chain.in_other_files:
        _log.warning(
            "signing_key_files_differ",
            others=others,
            hint=f"tokens of all are accepted; give all replicas one {_FILE}, or none to share keys in the database",
        )


def of_private(private: ec.EllipticCurvePrivateKey) -> SigningKey:
    """Return a key with its id and public JSON Web Key."""
    numbers = private.public_key().public_numbers()
    public = {"crv": "P-256", "kty": "EC", "x": _coordinate(numbers.x), "y": _coordinate(numbers.y)}
    kid = b64url(hashlib.sha256(json.dumps(public)).digest())
    jwk = {"kty": "EC", "x": public["x"], "y": public["y"], "crv": "P-256", "kid": kid, "alg": ALGORITHM}
    return SigningKey(private, kid, jwk)


def generate() -> SigningKey:
    """Return a new key that is kept nowhere."""
    return of_private(ec.generate_private_key(ec.SECP256R1()))


def b64url(data: bytes) -> str:
    """Return Base64 in the URL alphabet without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


@lru_cache(maxsize=16)
def _signing(pem: bytes) -> SigningKey:
    private = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):  # nothing else is stored
        raise TypeError(type(private))
    return of_private(private)


@lru_cache(maxsize=64)
def _verifying(public: str) -> jwt.PyJWK:
    return jwt.PyJWK(json.parse(public))


def _coordinate(value: int) -> str:
    return b64url(value.to_bytes(_COORDINATE, "big"))
