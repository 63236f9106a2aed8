"""Files that hold a key: readable by their owner only, and never seen half written."""

import os
import secrets
from pathlib import Path

import structlog

from backstage_py.errors import SettingsError
from backstage_py.storage.keys.wrapping import SHORTEST

_log = structlog.get_logger(__name__)
_KEY_BYTES = 32


def load(path: Path, key: str) -> bytes:
    """Return the key of a file.

    Args:
        path: of the file, which exists.
        key: of the configuration, for errors.

    Raises:
        SettingsError: others may read it, or it holds too little.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise SettingsError(key, f"{path} can be read by others; run chmod 600 {path}")
        content = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(key, f"the key file {path} cannot be read ({error.strerror})") from error
    if len(content) < SHORTEST:
        raise SettingsError(key, f"{path} holds less than {SHORTEST} bytes; restore it")
    return content


def random_key() -> bytes:
    """Return a new key in hexadecimal digits."""
    return secrets.token_hex(_KEY_BYTES).encode()


def create(path: Path, key: str, content: bytes) -> None:
    """Make a file with a new key, unless there is one by then.

    Raises:
        SettingsError: it cannot be written.
    """
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # unlike a rename, it fails when another process was first
    except FileExistsError:
        return
    except OSError as error:
        raise SettingsError(key, f"the key file {path} cannot be written ({error.strerror})") from error
    finally:
        draft.unlink(missing_ok=True)
    _log.info("key_file_created", path=str(path), hint="keep it apart from backups of the database")
