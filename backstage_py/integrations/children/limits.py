"""What a child may use, and how to tell which of it was not enough."""

import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from backstage_py import disk
from backstage_py.disk import MIB, Quota
from backstage_py.model.json import Json
from backstage_py.settings.description import read
from backstage_py.settings.files import Layer
from backstage_py.settings.merged import Merged
from backstage_py.settings.reading import Reader
from backstage_py.settings.sections import ChildrenSettings, QuotaSettings

_SIGNALLED, _TOO_MANY = 128, 254  # as the supervisor has them
_MEMORY = re.compile(r"MemoryError|out of memory|Cannot allocate memory|mmap failed", re.IGNORECASE)
_FILE_SIZE = re.compile(r"\[Errno 27\]|File too large")
_OPEN_FILES = re.compile(r"\[Errno 24\]|Too many open files")
_PROCESSES = re.compile(r"\[Errno 11\]|Resource temporarily unavailable")
_CRASHES = frozenset({signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS})


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of each process of a child: bytes of memory and of a file, seconds of CPU time, open files.

    Attributes:
        processes: 0 for a child that starts none; None for one that may.
        tree: how many processes one that may start some is at once, all together; None without a bound.
        reserved: bytes of addresses that the child's allocator takes at its start and does not fill. With them the
            system's bound holds nothing, so a child that needs them watches its memory itself.
    """

    memory: int = 1024 * MIB
    cpu: int = 60
    file_size: int = 256 * MIB
    open_files: int = 256
    processes: int | None = 0
    tree: int | None = None
    reserved: int = 0

    @classmethod
    def of(cls, config: Mapping[str, Json] | None) -> Self:
        """Return the limits of a configuration (``scaffolder.children``).

        Raises:
            SettingsError: one is wrong.
        """
        found = read(ChildrenSettings, _scaffolder(config).section("children"))
        return cls(
            found.memory_bytes,
            found.cpu_seconds,
            found.file_size_bytes,
            found.open_files,
            tree=found.processes,
        )

    def arguments(self) -> list[str]:
        """Return them as the supervisor reads them."""
        given = {
            "core": 0,
            "memory": self.memory + self.reserved,
            "cpu": self.cpu,
            "file_size": self.file_size,
            "open_files": self.open_files,
        }
        if self.processes is not None:
            given["processes"] = self.processes
        elif self.tree is not None:
            given["tree"] = self.tree
        return [f"{name}={value}" for name, value in given.items()]

    def reached(self, status: int, said: str) -> str | None:
        """Return the limit that a child died of, in words; None when its end looks like none of them.

        Args:
            status: the supervisor's.
            said: what the child wrote on standard error.
        """
        if status == _TOO_MANY:
            return f"has more than {self.tree} processes at once (scaffolder.children.processes)"
        ended_by = status - _SIGNALLED
        if ended_by == signal.SIGXCPU:
            return f"needs more than {self.cpu} seconds of CPU time (scaffolder.children.cpuSeconds)"
        if ended_by == signal.SIGXFSZ or _FILE_SIZE.search(said):
            return f"writes a file of more than {disk.amount(self.file_size)} (scaffolder.children.fileSizeBytes)"
        if ended_by in _CRASHES or _MEMORY.search(said):
            return f"needs more memory than {disk.amount(self.memory)} (scaffolder.children.memoryBytes)"
        if _OPEN_FILES.search(said):
            return f"opens more than {self.open_files} files (scaffolder.children.openFiles)"
        if _PROCESSES.search(said):
            return "starts processes, which it may not"
        return None


def quota(config: Mapping[str, Json] | None) -> Quota:
    """Return what a child may write below a folder, by a configuration.

    Raises:
        SettingsError: a value is wrong.
    """
    found = read(QuotaSettings, _scaffolder(config))
    return Quota(found.workspace_bytes, found.workspace_files, found.free_disk_bytes)


def _scaffolder(config: Mapping[str, Json] | None) -> Reader:
    return Reader(Merged([Layer(dict(config or {}), "the configuration")])).section("scaffolder")


GIT = Limits(memory=4096 * MIB, cpu=600, file_size=4096 * MIB, open_files=1024, processes=None)
"""git holds packs in memory and starts helpers."""
