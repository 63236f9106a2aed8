"""Files and folders that a command writes: checked before the work begins, and refused with a clear message."""

import os
import shutil
import tempfile
from pathlib import Path

from backstage_py.errors import InputError


def check_file(path: Path | None) -> None:
    """Check before the work begins that a file can be written.

    Raises:
        InputError: names the path and the reason.
    """
    if path is None:
        return
    if path.is_dir():
        raise InputError(f"Cannot write {path}: it is a folder; name a file in it")
    if not path.absolute().parent.is_dir():
        raise InputError(f"Cannot write {path}: there is no folder {path.parent}; make it first")


def check_folder(path: Path | None) -> None:
    """Check before the work begins that a folder can be written to; missing folders are made later.

    Raises:
        InputError: names the path and the reason.
    """
    if path is None:
        return
    above = next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())
    if not above.is_dir():
        raise InputError(f"Cannot write to {path}: {above} is a file")
    if not os.access(above, os.W_OK):
        raise InputError(f"Cannot write to {path}: {above} may not be changed by this user")


def write_file(path: Path, text: str) -> None:
    """Write a text.

    Raises:
        InputError: it cannot be written.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes.

    Raises:
        InputError: they cannot be written.
    """
    try:
        path.write_bytes(data)
    except OSError as error:
        raise cannot_write(path, error) from error


def replace_file(path: Path, before: bytes, after: bytes) -> None:
    """Give a file another content in one stroke, with the mode that it has; of a link, what it leads to.

    Raises:
        InputError: it is not what it was any more, or it cannot be written.
    """
    real = Path(os.path.realpath(path))
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{real.name}.", dir=real.parent)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(after)
            shutil.copymode(real, temporary)
            if real.read_bytes() != before:
                raise InputError(f"{path} was changed meanwhile; it is left as it is: run the command again")
            temporary.replace(real)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> InputError:
    """Return the error for a path that the system refuses to write."""
    return InputError(f"Cannot write {error.filename or path}: {error.strerror or error}")
