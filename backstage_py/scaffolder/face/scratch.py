"""Where dry runs have their folders: in memory where that is possible, since they are short-lived."""

import os
import shutil
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108  # each dry run makes its own folders in it, readable by this user only
_LEAST_FREE = 512 * 1024 * 1024


def folder(working_directory: Path) -> Path:
    """Return a folder for short-lived files: in memory where enough of it is free, else the working directory."""
    try:
        if shutil.disk_usage(_MEMORY).free < _LEAST_FREE or not os.access(_MEMORY, os.W_OK | os.X_OK):
            return working_directory
        mine = _MEMORY / f"backstage-py-{os.getuid()}"
        mine.mkdir(mode=0o700, exist_ok=True)
        status = mine.lstat()
    except OSError:
        return working_directory
    is_ours = status.st_uid == os.getuid() and not status.st_mode & 0o077 and not mine.is_symlink()
    return mine if is_ours else working_directory
