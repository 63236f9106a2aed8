"""Wakes between the processes that share an SQLite file.

Each binds a datagram socket in the folder ``<file>-wake``; a commit sends its topics to all of them.
"""

import asyncio
import contextlib
import hashlib
import os
import secrets
import socket
from collections.abc import Iterable
from pathlib import Path

from backstage_py import temporary
from backstage_py.storage.wakes.hub import Receive

_DATAGRAM = 32_768
_SEPARATOR = b"\n"
_LONGEST_SOCKET_PATH = 100  # of the 104 to 108 bytes that systems allow


class SocketCarrier:
    """Carries wakes over sockets.

    Args:
        database: the SQLite file.
    """

    def __init__(self, database: Path) -> None:
        self._folder = _folder(database)
        self._socket: socket.socket | None = None
        self._own: Path | None = None
        self._listening: asyncio.AbstractEventLoop | None = None

    def listen(self, receive: Receive) -> None:
        """Bind this process's socket."""
        loop = asyncio.get_running_loop()
        if self._listening is loop:
            return
        self.close()
        self._own = self._folder / f"{os.getpid()}-{secrets.token_hex(4)}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        _bind(self._socket, self._own)
        loop.add_reader(self._socket.fileno(), self._read, receive)
        self._listening = loop

    def send(self, topics: Iterable[str]) -> None:
        """Send the topics to each socket of the folder but the own one."""
        if not self._folder.is_dir():
            return
        with os.scandir(self._folder) as entries:
            others = [Path(entry.path) for entry in entries if Path(entry.path) != self._own]
        if not others:
            return
        message = _SEPARATOR.join(name.encode() for name in topics)[:_DATAGRAM]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            for other in others:
                try:
                    sender.sendto(message, str(other))
                except ConnectionRefusedError:  # its process was killed
                    other.unlink(missing_ok=True)
                except OSError:  # full or gone: the waiter's timeout is the fallback
                    continue

    def close(self) -> None:
        """Remove this process's socket, and the folder with the last one."""
        if self._socket and self._listening and not self._listening.is_closed():
            with contextlib.suppress(RuntimeError, ValueError):
                self._listening.remove_reader(self._socket.fileno())
        if self._socket:
            self._socket.close()
            self._socket = None
        if self._own:
            self._own.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # others still listen there
                self._own.parent.rmdir()
            self._own = None
        self._listening = None

    def _read(self, receive: Receive) -> None:
        while self._socket:
            try:
                message = self._socket.recv(_DATAGRAM)
            except (BlockingIOError, OSError):
                return
            receive({name.decode(errors="replace") for name in message.split(_SEPARATOR)})


def _bind(listening: socket.socket, own: Path) -> None:
    """Bind below the folder, which the last process that leaves removes, perhaps at this moment."""
    while True:
        own.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            listening.bind(str(own))
            return


def _folder(database: Path) -> Path:
    """Return the folder of a database's sockets: beside it, or for a long path where all processes find it, too."""
    digest = hashlib.sha256(str(database).encode()).hexdigest()[:16]
    name = f"backstage-py-wake-{os.getuid()}-{digest}"
    beside, last = database.with_name(f"{database.name}-wake"), Path("/tmp", name)  # noqa: S108  # of this user alone
    fitting = (one for one in (beside, temporary.shared() / name) if len(str(one)) + 24 <= _LONGEST_SOCKET_PATH)
    return next(fitting, last)
