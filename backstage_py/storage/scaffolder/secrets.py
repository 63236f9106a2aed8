"""Sealing what is secret at rest: a task's secrets, step outputs, checkpoints and workspace snapshots."""

import os
import secrets as random
from collections.abc import Mapping
from pathlib import Path

import structlog

from backstage_py.errors import BackstageError, SettingsError
from backstage_py.model import json
from backstage_py.storage.database import Database

_log = structlog.get_logger(__name__)
_KEY_BYTES = 32
_NONCE_BYTES = 12
_SHORTEST_KEY = 32
_HOW_TO = "'openssl rand -hex 32' prints some"


class UnsealError(BackstageError):
    """Sealed data cannot be read: the key is another one than when it was written, or the data was changed."""


class SecretBox:
    """Seals bytes with AES-256-GCM, bound to a context (the task's id), so that no row can stand in for another.

    Args:
        key_material: any text or bytes of enough entropy; the key is derived from it.
    """

    def __init__(self, key_material: bytes) -> None:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        derive = HKDF(algorithm=hashes.SHA256(), length=_KEY_BYTES, salt=None, info=b"backstage-py task secrets")
        self._cipher = AESGCM(derive.derive(key_material))

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
            raise UnsealError(
                "Stored secrets cannot be read with the current key; restore scaffolder.secretsKey or the key file "
                "with which they were written, or start the task again"
            ) from error

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


def secret_box(configured_key: str | None, database: Database, fallback_folder: Path) -> SecretBox:
    """Return the box for a database: with the configured key, else with the key file beside the database.

    The key file is created at first start, readable by its owner only, and reported.

    Raises:
        SettingsError: the key is too short, or the key file is readable by others.
    """
    if configured_key:
        key = configured_key.encode()
        if len(key) < _SHORTEST_KEY:
            raise SettingsError("scaffolder.secretsKey", f"expected at least {_SHORTEST_KEY} random bytes; {_HOW_TO}")
        return SecretBox(key)
    path = (
        database.path.with_name(f"{database.path.name}-key")
        if database.path
        else fallback_folder / "backstage-py-secrets-key"
    )
    return SecretBox(_key_of_file(path))


def _key_of_file(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{random.token_hex(4)}")
    if not path.exists():
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(random.token_hex(_KEY_BYTES).encode())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)  # unlike a rename, it fails when another process was first
            _log.info("secrets_key_created", path=str(path), hint="keep it with backups of the database")
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    if path.stat().st_mode & 0o077:
        raise SettingsError("scaffolder.secretsKey", f"{path} can be read by others; run chmod 600 {path}")
    key = path.read_bytes().strip()
    if len(key) < _SHORTEST_KEY:
        raise SettingsError("scaffolder.secretsKey", f"{path} holds less than {_SHORTEST_KEY} bytes; restore it")
    return key
