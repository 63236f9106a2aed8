"""The temporary folder of a process: whatever it or a library of it puts there, a later process finds and removes.

A process that is killed removes nothing: credentials of clusters, private keys and clones would stay. So a service has
a folder of its own below the system's, locked while it lives; the lock is the kernel's, and goes with the process.
systemd-tmpfiles, which removes old files, heeds it too.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import structlog

_PREFIX = "backstage-py-process-"
_VARIABLE = "TMPDIR"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_log = structlog.get_logger(__name__)


@contextlib.contextmanager
def own() -> Iterator[None]:
    """Have all temporary files of this process and its children in a folder of its own until the block is left.

    Folders of processes that are no more are removed before. Where no folder can be made, the shared one is used.
    """
    above = Path(tempfile.gettempdir())
    _remove_left(above)
    try:
        folder, lock = _locked_folder(above)
    except OSError as error:
        _log.warning("temporary_folder_shared", folder=str(above), problem=str(error))
        yield
        return
    before = tempfile.tempdir, os.environ.get(_VARIABLE)
    tempfile.tempdir = os.environ[_VARIABLE] = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir, variable = before
        os.environ.pop(_VARIABLE)
        if variable is not None:
            os.environ[_VARIABLE] = variable
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def shared() -> Path:
    """Return the folder that processes of this machine share, also where this one has a folder of its own."""
    folder = Path(tempfile.gettempdir())
    while folder.name.startswith(_PREFIX):
        folder = folder.parent
    return folder


def _locked_folder(above: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=above))
        if (lock := _lock(folder)) is not None:
            return folder, lock  # else somebody is removing it, who saw it before it was locked


def _remove_left(above: Path) -> None:
    for folder in above.glob(f"{_PREFIX}*"):
        if (lock := _lock(folder)) is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
            _log.info("temporary_folder_removed", folder=str(folder))


def _lock(folder: Path) -> int | None:
    """Lock a folder of this user; None where another has the lock, or it is gone."""
    try:
        descriptor = os.open(folder, _FOLDER)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found, there = os.fstat(descriptor), folder.stat()
    except OSError:
        os.close(descriptor)
        return None
    if found.st_uid == os.geteuid() and (found.st_dev, found.st_ino) == (there.st_dev, there.st_ino):
        return descriptor
    os.close(descriptor)
    return None
