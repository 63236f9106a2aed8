"""The process that runs actions of one task: the handler on its main thread, with the plugins of the zygote."""

import os
import signal
import socket
import tempfile
import threading
import time
from pathlib import Path

from backstage_py import threads
from backstage_py.execution.handler import Handler, Surroundings
from backstage_py.execution.messages import Begin
from backstage_py.execution.stream import StreamChannel
from backstage_py.integrations.children import supervisor
from backstage_py.plugin import Plugins, Services

_ENDING_SECONDS = 0.1
"""For threads that are about to end when the action has."""
_OURS = 2
"""Threads: the main one, and the one that takes answers."""


class Interrupted(BaseException):
    """The task is cancelled: raised in an action's plain code, wherever that is at the moment."""


class _Interrupts:
    """Ends plain code on the main thread by a signal, which wakes it from what it waits for."""

    def __init__(self) -> None:
        self._is_wanted = False
        signal.signal(signal.SIGTERM, self._raise)

    def send(self) -> None:
        self._is_wanted = True
        os.kill(os.getpid(), signal.SIGTERM)

    def _raise(self, *_: object) -> None:
        if self._is_wanted:
            self._is_wanted = False
            raise Interrupted("the task is cancelled")


def serve(connected: socket.socket, plugins: Plugins) -> None:
    """Run what the service begins over a socket, and end the process when the service closes it."""
    services = Services(filters=plugins.filters, globals=plugins.globals, global_descriptions=plugins.descriptions)
    around = Surroundings(
        find=plugins.actions.get,
        services=services,
        workspace=_entered,
        interrupt=_Interrupts().send,
        is_clean=_is_clean,
        traces=True,
    )
    Handler(StreamChannel(connected), around).serve()
    os._exit(0)  # nothing that was registered in the zygote or by an action has a say in it


def _entered(begin: Begin) -> Path:
    """Return the workspace, which is the current directory; temporary files of libraries go beside it."""
    folder = Path(str(begin.workspace))
    os.chdir(folder)
    scratch = f"{folder.name}_step-"
    if Path(os.environ.get("TMPDIR", "/")).name.startswith(scratch):
        return folder
    tempfile.tempdir = None
    os.environ["TMPDIR"] = tempfile.mkdtemp(prefix=scratch, dir=folder.parent)
    return folder


def _is_clean() -> bool:
    """Say whether neither threads nor processes of the last action run on."""
    until = time.monotonic() + _ENDING_SECONDS
    while threading.active_count() - threads.idle() > _OURS:
        if time.monotonic() > until:
            return False
        time.sleep(0.001)
    here = os.getpid()
    beside = supervisor.children(os.getppid())  # none at all where the system does not say
    return not supervisor.below(here) and beside in ([], [here])
