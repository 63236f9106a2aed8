"""Sealing what is secret at rest: a task's secrets, step outputs, checkpoints and workspace snapshots.

What is sealed names its key, so that keys can be replaced while rows of the one before are still needed. Keys that
were in use before they were in the database are *bare*: what they seal names none, as a replica of the version before
expects.
"""

import secrets as random
from collections.abc import Mapping
from typing import Protocol

import sqlalchemy as sa
import structlog

from backstage_py.model import json
from backstage_py.model.task import TaskStatus
from backstage_py.sealing import KEY_BYTES, Cipher, UnsealError, key_id
from backstage_py.storage.database import Database
from backstage_py.storage.keys.chain import NewKey, Purpose
from backstage_py.storage.keys.ring import Key
from backstage_py.storage.scaffolder.tables import SEALED, tasks

_log = structlog.get_logger(__name__)
_USE = b"backstage-py task secrets"
_MARK = b"\0key"
_ID_BYTES = 8
_KEEP = 24 * 3600 * 1000
_UNREAD = (
    "Stored secrets cannot be read with the keys at hand; restore the key with which they were written (see "
    "docs/keys.md), then retry the task, or start it again"
)
_LOOKED_AT = 1_000


class SecretKeys(Protocol):
    """The keys that a box uses, as ``storage.keys.chain`` knows them."""

    @property
    def current(self) -> Key:
        """The key that seals."""

    @property
    def known(self) -> Mapping[str, Key]:
        """All keys, by id."""

    def miss(self) -> None:
        """Look for new keys soon."""


class SecretBox:
    """Seals bytes with AES-256-GCM, bound to a context (the task's id), so that no row can stand in for another."""

    def __init__(self, keys: SecretKeys) -> None:
        self._keys = keys
        self._ciphers: dict[str, Cipher] = {}

    def seal(self, content: bytes, context: str) -> bytes:
        """Encrypt."""
        key = self._keys.current
        sealed = self._cipher(key).seal(content, context)
        return sealed if key.is_bare else marked(key.id) + sealed

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """Decrypt.

        Raises:
            UnsealError: see there.
        """
        if sealed.startswith(_MARK):
            named = sealed[len(_MARK) : len(_MARK) + _ID_BYTES].hex()
            if key := self._keys.known.get(named):
                return self._opened(key, sealed[len(_MARK) + _ID_BYTES :], context)
        for key in self._keys.known.values():
            if key.is_bare:  # there is one, or one of each machine that had a key file of its own
                try:
                    return self._opened(key, sealed, context)
                except UnsealError:
                    continue
        self._keys.miss()
        raise UnsealError(_UNREAD)

    def seal_texts(self, texts: Mapping[str, str], context: str) -> bytes | None:
        """Encrypt texts by name; None stands for none."""
        return self.seal(json.dumps(dict(texts)), context) if texts else None

    def unseal_texts(self, sealed: bytes | None, context: str) -> Mapping[str, str]:
        """Decrypt what ``seal_texts`` returned.

        Raises:
            UnsealError: see there.
        """
        if sealed is None:
            return {}
        texts: Mapping[str, str] = json.parse(self.unseal(sealed, context))
        return texts

    def _opened(self, key: Key, sealed: bytes, context: str) -> bytes:
        try:
            return self._cipher(key).unseal(sealed, context)
        except UnsealError as error:
            raise UnsealError(_UNREAD) from error

    def _cipher(self, key: Key) -> Cipher:
        found = self._ciphers.get(key.id)
        if found is None:
            if key.content is None:
                raise UnsealError(_UNREAD)
            found = self._ciphers[key.id] = Cipher(key.content, _USE)
        return found


def marked(id_: str) -> bytes:
    """Return how sealed data begins that names its key."""
    return _MARK + bytes.fromhex(id_)


def of_material(material: bytes) -> NewKey:
    """Return a key that was in use before it was in the database."""
    return NewKey(key_id(material), material, is_bare=True)


def purpose(rotation: float) -> Purpose:
    """Return what these keys are for; ``rotation`` in seconds."""
    return Purpose("secrets", make, int(rotation * 1000), _KEEP, _is_used)


async def report_unreadable(database: Database, box: SecretBox) -> None:
    """Say in the log how many tasks wait or run whose secrets no key opens; of many, the newest are looked at."""
    query = (
        sa.select(tasks.c.id, tasks.c.secrets)
        .where(tasks.c.status.in_([TaskStatus.OPEN.value, TaskStatus.PROCESSING.value]), tasks.c.secrets.is_not(None))
        .order_by(tasks.c.created_at.desc())
        .limit(_LOOKED_AT)
    )
    rows = await database.read(lambda connection: connection.execute(query).all())
    unreadable = [row.id for row in rows if not _opens(box, row.secrets, row.id)]
    if unreadable:
        _log.error("secrets_unreadable", tasks=len(unreadable), newest=unreadable[0], problem=_UNREAD)


def _opens(box: SecretBox, sealed: bytes, context: str) -> bool:
    try:
        box.unseal(sealed, context)
    except UnsealError:
        return False
    return True


def make() -> NewKey:
    """Return a new key."""
    material = random.token_bytes(KEY_BYTES)
    return NewKey(key_id(material), material)


def _is_used(connection: sa.Connection, key: Key) -> bool:
    """Say whether a row may need a key; which of several bare ones it needs cannot be seen."""
    length, begins = (len(_MARK), _MARK) if key.is_bare else (len(_MARK) + _ID_BYTES, marked(key.id))
    for column in SEALED:
        start = sa.func.substr(column, 1, length)
        wanted = start != begins if key.is_bare else start == begins
        if connection.execute(sa.select(sa.literal(1)).where(column.is_not(None), wanted).limit(1)).first():
            return True
    return False
