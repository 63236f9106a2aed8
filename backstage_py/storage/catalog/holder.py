"""Who holds a lease: a process, known well enough to tell on its own machine that it has ended."""

import os
import socket
import uuid
from functools import cache
from pathlib import Path

_SEPARATOR = " "
_START_TIME = 19  # of the fields behind the name in /proc/PID/stat


@cache
def _machine() -> str:
    """Return where a process id means what it means here: this boot of this machine, and its space of process ids."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink().name}"
    except OSError:
        return ""


def own() -> str:
    """Return a new holder within this process: host, machine, process id, when it began, and a number of its own."""
    pid = os.getpid()
    parts = [socket.gethostname(), _machine() or "-", str(pid), _began_at(pid) or "-", uuid.uuid4().hex[:8]]
    return _SEPARATOR.join(parts)


def is_gone(holder: str) -> bool:
    """Say whether a process is known to have ended; one of another machine, or where Linux is not, never is."""
    parts = holder.split(_SEPARATOR)
    if len(parts) != 5 or not _machine() or parts[1] != _machine():  # noqa: PLR2004  # as ``own`` writes them
        return False
    return _began_at(int(parts[2])) != parts[3]


def _began_at(pid: int) -> str | None:
    """Return when a process began, in ticks; None when there is none, or only what is left of it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in {"Z", "X"} else fields[_START_TIME]
