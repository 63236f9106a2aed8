"""The key with which this service signs, and its public half as others fetch it.

One ES256 key per installation, in a file that only the owner may read; it is made at the first start. All workers of
an installation read the same file, and several machines that share a database share the file or its content.
"""

import hashlib
import os
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from backstage_py.errors import SettingsError
from backstage_py.model import json
from backstage_py.model.json import JsonObject

ALGORITHM = "ES256"
_COORDINATE = 32  # bytes of P-256


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its id, the RFC 7638 thumbprint, so that the same key has the same id everywhere."""

    private: ec.EllipticCurvePrivateKey = field(repr=False)
    kid: str
    jwk: JsonObject


def load_or_create(path: Path) -> SigningKey:
    """Return the key of a file; make both when there is none yet. Processes that start together agree on one.

    Raises:
        SettingsError: the file cannot be read or written, or holds no P-256 private key in PEM.
    """
    try:
        if not path.exists():
            _create(path)
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(
            "auth.keyFile", f"{path} is no readable key file ({error}); delete it to get a new one"
        ) from (error)
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise SettingsError("auth.keyFile", f"{path} must hold a P-256 private key in PEM")
    return of_private(private)


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


def _create(path: Path) -> None:
    """Write a new key beside ``path`` and link it there: whoever links first wins, nobody sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = generate().private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)


def _coordinate(value: int) -> str:
    return b64url(value.to_bytes(_COORDINATE, "big"))
