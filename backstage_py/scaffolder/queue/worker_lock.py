"""A worker holds a lock on a file of its own; the system releases it when the worker dies, so others can tell."""

import fcntl
import os
import uuid
from collections.abc import Collection
from pathlib import Path

_FOLDER = ".backstage-py-workers"
_NEW = ".new"


class WorkerLock:
    """The lock of a living worker.

    Args:
        working_directory: the folder that the workers of one machine share.
    """

    def __init__(self, working_directory: Path) -> None:
        self.worker = str(uuid.uuid4())
        folder = working_directory / _FOLDER
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = folder / self.worker
        made = folder / f"{self.worker}{_NEW}"
        self._descriptor: int | None = os.open(made, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        made.rename(self._path)  # a file of this name is locked for as long as its worker lives

    def end(self) -> None:
        """Release the lock: the worker has stopped in good order."""
        if self._descriptor is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None


def is_dead(working_directory: Path, worker: str | None) -> bool:
    """Return whether a worker is known to be dead: it ran on this machine and its lock is free.

    A worker without a lock file here may be one of another machine; only its heartbeats tell about it.
    """
    if not worker:
        return False
    path = working_directory / _FOLDER / worker
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def forget_dead(working_directory: Path, needed: Collection[str | None]) -> None:
    """Remove the files of dead workers, but for those that still tell about a task."""
    folder = working_directory / _FOLDER
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in needed and path.suffix != _NEW and is_dead(working_directory, path.name):
            path.unlink(missing_ok=True)
