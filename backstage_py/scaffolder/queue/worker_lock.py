"""A worker holds a lock on a file of its own; the system releases it when the worker dies, so others can tell."""

import fcntl
import os
import uuid
from pathlib import Path

_FOLDER = ".backstage-py-workers"


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
        self._descriptor: int | None = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

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


def forget(working_directory: Path, worker: str) -> None:
    """Remove a dead worker's lock file once none of its tasks is left."""
    (working_directory / _FOLDER / worker).unlink(missing_ok=True)
