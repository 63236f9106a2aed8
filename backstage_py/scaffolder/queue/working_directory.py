"""The folder below which each attempt has its own: made, and known to its file system as one of unrelated folders.

ext4 puts what is new beside what is in the same folder already. Folders of tasks come and go by the hundred, and
without a journal ext4 looks at each file that was removed in the last minute before it takes a place there: after
thousands, 20 files took ten times as long as in folders that are spread over the disk. With a journal they do not.
"""

import contextlib
import fcntl
import os
import stat
import struct
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602
"""Linux' ``FS_IOC_GETFLAGS`` and ``FS_IOC_SETFLAGS``; a system that has other numbers for them refuses these."""
_FLAGS = struct.Struct("l")
_UNRELATED = 0x00020000
"""``FS_TOPDIR_FL``, the T of ``chattr``: folders in this one are unrelated, so they are better spread than together."""


def prepare(folder: Path) -> None:
    """Make the folder if there is none, and say that what is in it is unrelated, where a file system can be told.

    A folder that others use as well, such as ``/tmp``, is not ours to mark.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, _FOLDER)
        try:
            _mark(descriptor)
        finally:
            os.close(descriptor)


def _mark(descriptor: int) -> None:
    status = os.fstat(descriptor)
    if status.st_uid != os.geteuid() or status.st_mode & (stat.S_ISVTX | stat.S_IWOTH):
        return
    (flags,) = _FLAGS.unpack(fcntl.ioctl(descriptor, _GET_FLAGS, bytes(_FLAGS.size)))
    if not flags & _UNRELATED:
        fcntl.ioctl(descriptor, _SET_FLAGS, _FLAGS.pack(flags | _UNRELATED))
