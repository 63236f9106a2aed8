"""The program between this service and a child: it bounds the child, waits for it, and ends it with all it started.

It runs by its path in a Python of its own and imports nothing of ours. Arguments: the descriptor to watch, limits as
``name=number`` (``tree``: how many processes the child and all that it starts may be at once), ``--``, and the child: a
program with its arguments, or ``:package.module`` whose ``main`` is called.
When the descriptor's other end is closed, because the task has ended or the service was killed, all of it ends.
Its status is the child's; a signal counts 128 more, as in a shell. One that asks it to end does so only before it has
begun: with a child it ends with that one.
"""

import os
import resource
import select
import signal
import sys
import time
from contextlib import suppress

_LIMITS = {
    "memory": resource.RLIMIT_AS,
    "file_size": resource.RLIMIT_FSIZE,
    "open_files": resource.RLIMIT_NOFILE,
    "processes": resource.RLIMIT_NPROC,
    "core": resource.RLIMIT_CORE,
}
SET_PARENT_DEATH_SIGNAL, SET_CHILD_SUBREAPER = 1, 36
_PATIENCE = 5.0
SIGNALLED, TOO_MANY = 128, 254
"""How a status begins that names a signal, and the one of too many processes."""
_GLANCE = 0.05
"""Seconds between two counts of processes."""
REQUESTS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Signals that ask a program to end; what stops a service may send them to all processes of its group."""
_NEVER_BEGAN = frozenset(-number for number in REQUESTS)


def main() -> None:
    """Run the child to its end."""
    outlast_requests()
    cut = sys.argv.index("--")
    watched, command = int(sys.argv[1]), sys.argv[cut + 1 :]
    limits = dict(limit.split("=") for limit in sys.argv[2:cut])
    most = int(limits.pop("tree", 0))
    ask_kernel(SET_CHILD_SUBREAPER, 1)  # what escapes into another session becomes a child of this process
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    child = os.fork()
    if child == 0:
        os.close(watched)
        _become(command, limits)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    status = _wait(child, watched, woken, most)
    end_all(child)
    os._exit(status)


def was_asked_before_it_began(status: int, said: str) -> bool:
    """Say whether such a signal ended a Python of ours before that outlasts them; SIGINT may break its very start."""
    return status in _NEVER_BEGAN or (status == 1 and "Fatal Python error" in said and "KeyboardInterrupt" in said)


def outlast_requests() -> None:
    """Do nothing at a signal that asks to end: the service has it too, and says when there is nothing left to do."""
    for number in REQUESTS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: None)  # a program that is started has the default again


def ask_kernel(what: int, value: int) -> None:
    """Call ``prctl``, which only Linux has."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(what, value, 0, 0, 0)


def _become(command: list[str], limits: dict[str, str]) -> None:
    """Turn this process into the child."""
    os.setsid()
    ask_kernel(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for name, value in limits.items():
        bound(name, int(value))
    if command[0].startswith(":"):
        for number in REQUESTS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        _call(command[0][1:], command[1])
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606  # a program of the service's choice, without a shell
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}".encode())
    os._exit(127)


def bound(name: str, value: int) -> None:
    """Set a limit of this process and of what it will start."""
    if name == "cpu":  # first a signal that says so, then the end
        resource.setrlimit(resource.RLIMIT_CPU, (value, value + 1))
        return
    hard = resource.getrlimit(_LIMITS[name])[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with suppress(ValueError, OSError):  # not every system has every limit
        resource.setrlimit(_LIMITS[name], (value, value))


def _call(module: str, root: str) -> None:
    import importlib

    status = 1
    try:
        sys.path.append(root)
        importlib.import_module(module).main()
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException as error:  # noqa: BLE001  # the edge of a process: whatever it was, its words are the answer
        sys.stderr.write(f"{type(error).__name__}: {error}")
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def _wait(child: int, watched: int, woken: int, most: int) -> int:
    while True:
        ready = select.select([watched, woken], [], [], _GLANCE if most else None)[0]
        if watched in ready:
            return SIGNALLED + signal.SIGKILL
        if most and len(below(os.getpid())) > most:
            return TOO_MANY
        if woken not in ready:
            continue
        os.read(woken, 4096)
        while True:
            try:
                ended, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if ended == child:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else SIGNALLED - code
            if ended == 0:
                break


def end_all(child: int) -> None:
    """Kill what is left of the child, and what it started, in whatever session that is."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        for pid in below(os.getpid()):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.001)


def below(pid: int) -> list[int]:
    """Return the processes that one has started, and theirs; the last ones first."""
    found: list[int] = []
    for child in children(pid):
        found = [*below(child), child, *found]
    return found


def children(pid: int) -> list[int]:
    """Return the processes whose parent one is; none where the system does not say."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208  # few imports
            found += map(int, _content(f"/proc/{pid}/task/{thread}/children").split())
    return found


def _content(path: str) -> bytes:
    """Read a file of the kernel, many times a second: without what Python's own files ask of it besides."""
    file = os.open(path, os.O_RDONLY)
    try:
        found = b""
        while part := os.read(file, 65536):
            found += part
    finally:
        os.close(file)
    return found


if __name__ == "__main__":
    main()
