"""Authenticated encryption of what is kept or travels: AES-256-GCM; any text of enough entropy gives a key."""

import os

from backstage_py.errors import BackstageError

KEY_BYTES = 32
_NONCE_BYTES = 12
_ID_BYTES = 8


class UnsealError(BackstageError):
    """Sealed data cannot be read: the key is another one than when it was written, or the data was changed."""


class Cipher:
    """Seals bytes bound to a context, so that no row can stand in for another.

    Args:
        material: any text or bytes of enough entropy.
        use: what the key is for; the same material gives unrelated keys for different uses.
    """

    def __init__(self, material: bytes, use: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher = AESGCM(_derived(material, use, KEY_BYTES))

    def seal(self, content: bytes, context: str) -> bytes:
        """Encrypt."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, context.encode())

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """Decrypt.

        Raises:
            UnsealError: see there.
        """
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError) as error:
            raise UnsealError("This was sealed with another key, or changed since") from error


def key_id(material: bytes) -> str:
    """Return 16 hexadecimal digits that name a key and say nothing about it."""
    return _derived(material, b"backstage-py key id", _ID_BYTES).hex()


def _derived(material: bytes, use: bytes, length: int) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=use).derive(material)
