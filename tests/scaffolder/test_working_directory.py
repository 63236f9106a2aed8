"""The folder below which attempts have theirs."""

import fcntl
import os
import struct
from pathlib import Path

from backstage_py.scaffolder.queue import working_directory

_GET_FLAGS, _SET_FLAGS, _UNRELATED = 0x80086601, 0x40086602, 0x00020000
_FLAGS = struct.Struct("l")


def _is_marked(folder: Path) -> bool:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        return bool(_FLAGS.unpack(fcntl.ioctl(descriptor, _GET_FLAGS, bytes(_FLAGS.size)))[0] & _UNRELATED)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _can_be_marked(folder: Path) -> bool:
    folder.mkdir()
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, _SET_FLAGS, _FLAGS.pack(_UNRELATED))
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return _is_marked(folder)


def test_its_file_system_is_told_that_tasks_have_nothing_to_do_with_each_other(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    working_directory.prepare(folder)
    working_directory.prepare(folder)
    assert folder.is_dir()
    assert _is_marked(folder) == _can_be_marked(tmp_path / "probe")


def test_a_folder_that_others_use_is_not_marked(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    working_directory.prepare(shared)
    assert not _is_marked(shared)
