"""A box for secrets whose key a test gives."""

from backstage_py.storage.keys.ring import Key
from backstage_py.storage.scaffolder import secrets
from backstage_py.storage.scaffolder.secrets import SecretBox


class GivenKeys:
    """The last key seals, all open."""

    def __init__(self, *keys: Key) -> None:
        self.known = {key.id: key for key in keys}
        self.current = keys[-1]
        self.missed = 0

    def miss(self) -> None:
        self.missed += 1


def bare(material: bytes) -> Key:
    """Return a key of a version that had no keys in the database."""
    return Key(secrets.of_material(material).id, 1, is_bare=True, used_from=0, content=material)


def named(material: bytes) -> Key:
    """Return a key of the database."""
    return Key(secrets.of_material(material).id, 1, is_bare=False, used_from=0, content=material)


def box(material: bytes) -> SecretBox:
    """Return a box with one key, as a version without keys in the database had it."""
    return SecretBox(GivenKeys(bare(material)))
