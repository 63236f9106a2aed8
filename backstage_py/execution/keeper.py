"""The process between the zygote and the one that runs actions: it bounds that one and ends it with all it started.

It has the limits that a process cannot keep for itself (memory and number of processes, counted over all that it
started), and the end: when the pipe that it watches is closed, by the service or by the service's death, everything
below it is killed, in whatever session it hides. Its status tells how the action's process ended.
"""

import io
import os
import select
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import NoReturn

from backstage_py.execution import child
from backstage_py.integrations.children import supervisor
from backstage_py.plugin import Plugins

SIGNALLED, TOO_MANY, TOO_MUCH_MEMORY = supervisor.SIGNALLED, supervisor.TOO_MANY, 253
"""How statuses begin that name a signal, and those that name a limit."""
_GLANCE = 0.1
"""Seconds between two looks at what the processes take."""
_PAGE = os.sysconf("SC_PAGE_SIZE")
_KIB = 1024


def keep(descriptors: list[int], limits: Mapping[str, int], plugins: Plugins) -> NoReturn:
    """Fork the action's process, wait for its end or for the service's word, and end all that is left.

    Args:
        descriptors: of the action's socket, of the pipe to watch, of what takes the output.
        limits: by name: ``memory`` in bytes and ``tree`` for all together, those of ``supervisor`` for each process.
        plugins: loaded.
    """
    connected, watched, output = descriptors
    os.setsid()
    supervisor.ask_kernel(supervisor.SET_CHILD_SUBREAPER, 1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    pid = os.fork()  # noqa: TID251  # as in zygote
    if pid == 0:
        try:
            signal.set_wakeup_fd(-1)
            for descriptor in (watched, woken, wake):
                os.close(descriptor)
            _become_child(output, limits)
            child.serve(socket.socket(fileno=connected), plugins)
        finally:
            os._exit(1)
    os.close(connected)
    os.close(output)
    status = _wait(pid, watched, woken, limits)
    supervisor.end_all(pid)
    os._exit(status)


def _become_child(output: int, limits: Mapping[str, int]) -> None:
    os.setsid()
    supervisor.ask_kernel(supervisor.SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() == 1:  # the keeper died in that very moment
        os._exit(1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for name, value in limits.items():
        if name not in {"memory", "tree"}:
            supervisor.bound(name, value)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # the end of a process may come without a word


def _wait(pid: int, watched: int, woken: int, limits: Mapping[str, int]) -> int:
    while True:
        ready = select.select([watched, woken], [], [], _GLANCE)[0]
        if watched in ready:
            return SIGNALLED + signal.SIGKILL
        if woken in ready:
            os.read(woken, 4096)
            if (status := _ended(pid)) is not None:
                return status
        found = supervisor.below(os.getpid())
        if len(found) > limits["tree"]:
            return TOO_MANY
        if _is_above(found, limits["memory"]):
            return TOO_MUCH_MEMORY


def _ended(pid: int) -> int | None:
    """Reap what has ended; return the status of the action's process if it is among that."""
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return 1
        if ended == 0:
            return None
        if ended == pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else SIGNALLED - code


def _is_above(pids: list[int], most: int) -> bool:
    """Say whether processes have more memory than they may: what they share with each other counts once."""
    if sum(_resident(pid) for pid in pids) <= most:
        return False
    return sum(_proportional(pid) for pid in pids) > most


def _resident(pid: int) -> int:
    with suppress(OSError, IndexError, ValueError), open(f"/proc/{pid}/statm", encoding="ascii") as file:  # noqa: PTH123  # ten times a second
        return int(file.read().split()[1]) * _PAGE
    return 0


def _proportional(pid: int) -> int:
    with suppress(OSError, ValueError), open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:  # noqa: PTH123  # as above
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * _KIB
    return 0
