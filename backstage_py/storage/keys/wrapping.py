"""Keys that seal other keys. They come from outside the database: whoever has only the database reads no key."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from backstage_py.errors import SettingsError
from backstage_py.sealing import Cipher, UnsealError, key_id

SHORTEST = 32
"""Bytes of a key that an operator gives."""
HOW_TO = "'openssl rand -hex 32' prints some"
_USE = b"backstage-py key wrapping"


@dataclass(frozen=True, slots=True)
class WrappingKey:
    """One key, and where the operator finds it."""

    material: bytes = field(repr=False)
    origin: str

    @property
    def id(self) -> str:
        """Names it in the database and in messages."""
        return key_id(self.material)


class WrappingKeys:
    """What is at hand. The first key wraps, the others only open what they wrapped; without any nothing is wrapped."""

    def __init__(self, keys: Sequence[WrappingKey]) -> None:
        self._ciphers = {one.id: Cipher(one.material, _USE) for one in keys}
        self._origins = {one.id: one.origin for one in keys}
        self.first = keys[0].id if keys else None

    def wrap(self, content: bytes, context: str) -> bytes:
        """Return a key as it is stored, with ``first`` as its ``wrapped_by``."""
        return self._ciphers[self.first].seal(content, context) if self.first else content

    def is_former(self, wrapped_by: str | None) -> bool:
        """Whether what was wrapped so shall be wrapped with the first key instead.

        Not so with a key that is not at hand: it may be the one that others change to.
        """
        return bool(self.first) and wrapped_by != self.first and (wrapped_by is None or wrapped_by in self._ciphers)

    def unwrap(self, stored: bytes, wrapped_by: str | None, context: str) -> bytes:
        """Return a key that was stored.

        Raises:
            UnsealError: its wrapping key is not at hand; the message says what to do.
        """
        if wrapped_by is None:
            return stored
        cipher = self._ciphers.get(wrapped_by)
        if cipher is None:
            raise UnsealError(
                f"the keys in the database were wrapped with the key {wrapped_by}; at hand is {self._at_hand()}. "
                "Give the former key, too (auth.keyEncryptionKeys, scaffolder.secretsKey, or the key file beside the "
                "database); docs/keys.md says what to do when it is lost"
            )
        return cipher.unseal(stored, context)

    def _at_hand(self) -> str:
        return ", ".join(f"{id_} ({origin})" for id_, origin in self._origins.items()) or "none"


def configured(key: str, text: str) -> WrappingKey:
    """Return a key that the configuration gives below ``key``.

    Raises:
        SettingsError: it is too short.
    """
    material = text.encode()
    if len(material) < SHORTEST:
        raise SettingsError(key, f"expected at least {SHORTEST} random bytes; {HOW_TO}")
    return WrappingKey(material, key)
