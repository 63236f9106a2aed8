"""A small process with all plugins loaded, of which the processes of actions are forked in a few milliseconds.

The service starts it when the first action needs one: ``python -m backstage_py.execution.zygote DESCRIPTOR``. It has
one thread and waits on the socket of that descriptor: first comes what to load, then a request for each process to
fork (``{"slot": …, "limits": …}``, with descriptors), and it tells when one is there and how one ended. When the socket
is closed it ends; each of its processes ends by itself then, since its keeper watches a pipe of the service.
"""

import array
import gc
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from backstage_py.execution import keeper, stream
from backstage_py.integrations.children import supervisor
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin import Plugins, load_plugins

MOST_DESCRIPTORS = 3
"""Of a request: the handler's socket, the pipe that the keeper watches, what takes the output."""
_PATIENCE = 5.0


class Request(NamedTuple):
    """A process to fork."""

    found: JsonObject
    descriptors: list[int]


def main() -> None:
    """Serve the descriptor of the arguments to its end."""
    supervisor.outlast_requests()
    control = socket.socket(fileno=int(sys.argv[1]))
    first = _receive(control)
    if first is None:
        return
    sys.path[:] = first.found["path"]
    os.environ.clear()
    os.environ.update(first.found["environment"])
    folder = first.found["folder"]
    plugins = load_plugins(Path(folder) if folder else None)
    supervisor.ask_kernel(supervisor.SET_CHILD_SUBREAPER, 1)
    gc.collect()
    gc.freeze()  # what is loaded by now is never looked at again: its pages stay shared
    _send(control, {"ready": os.getpid()})
    _Zygote(control, plugins, reloads=first.found["reloads"]).serve()


class _Zygote:
    def __init__(self, control: socket.socket, plugins: Plugins, *, reloads: bool) -> None:
        self._control = control
        self._plugins = plugins
        self._reloads = reloads
        self._slots: dict[int, int] = {}
        self._woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._wake = wake

    def serve(self) -> None:
        while True:
            ready = select.select([self._control.fileno(), self._woken], [], [])[0]
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._reap()
            if self._control.fileno() in ready:
                request = _receive(self._control)
                if request is None:
                    return
                self._act(request)

    def _act(self, request: Request) -> None:
        slot = request.found["slot"]
        if request.found.get("end"):
            self._end(slot)
            return
        if self._reloads:
            with suppress(Exception):  # what cannot be loaded is told by the service, which looks at the same files
                self._plugins.reload()
        pid = os.fork()  # noqa: TID251  # this is what it is for
        if pid == 0:
            self._become_keeper(request)
        for descriptor in request.descriptors:
            os.close(descriptor)
        self._slots[pid] = slot
        _send(self._control, {"slot": slot, "pid": pid})

    def _become_keeper(self, request: Request) -> None:
        try:
            signal.set_wakeup_fd(-1)
            self._control.close()
            os.close(self._woken)
            os.close(self._wake)
            keeper.keep(request.descriptors, request.found["limits"], self._plugins)
        finally:
            os._exit(1)

    def _end(self, slot: int) -> None:
        """End a keeper that does not end by itself, by force."""
        for pid, known in self._slots.items():
            if known == slot:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                break
            if (slot := self._slots.pop(pid, None)) is not None:
                self._end_orphans()
                _send(self._control, {"slot": slot, "ended": os.waitstatus_to_exitcode(status)})
        self._end_orphans()

    def _end_orphans(self) -> None:
        """End what a keeper has left that was killed itself, and has come to this process; wait until it is gone."""
        until = time.monotonic() + _PATIENCE
        while orphans := [pid for pid in supervisor.children(os.getpid()) if pid not in self._slots]:
            for pid in orphans:
                for one in (*supervisor.below(pid), pid):
                    with suppress(ProcessLookupError, PermissionError):
                        os.kill(one, signal.SIGKILL)
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            if time.monotonic() > until:
                return
            time.sleep(0.001)


def _send(control: socket.socket, value: Json) -> None:
    with suppress(OSError):  # the service is gone; the next look at the socket shows it
        control.sendall(stream.framed(json.dumps(value)))


def _receive(control: socket.socket) -> Request | None:
    """Return the next request; None when there is none any more."""
    room = socket.CMSG_SPACE(MOST_DESCRIPTORS * array.array("i").itemsize)
    begun, ancillary, _, _ = control.recvmsg(stream.HEADER, room)
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    header = _whole(control, begun, stream.HEADER) if begun else None
    if header is None:
        return None
    body = _whole(control, b"", stream.length(header))
    return None if body is None else Request(json.parse(body), list(descriptors))


def _whole(control: socket.socket, data: bytes, size: int) -> bytes | None:
    while len(data) < size:
        part = control.recv(size - len(data))
        if not part:
            return None
        data += part
    return data


if __name__ == "__main__":
    main()
