"""Waking: whoever waits for a topic is told as soon as a commit touched it, in this process or another.

Within a process a topic is a set of events. Processes that share an SQLite file each bind a datagram socket in the
folder ``<file>-wake``; a commit sends the topics to each of them. Nothing is polled; a wake is a hint and never
data, so one that is lost only costs the patience of the waiter's timeout.
"""

import asyncio
import contextlib
import hashlib
import os
import secrets
import socket
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

_DATAGRAM = 32_768
_SEPARATOR = b"\n"
_LONGEST_SOCKET_PATH = 100  # of the 104 to 108 bytes that systems allow


class Wake:
    """One waiter's view of its topics. It remembers a wake that came while nobody was waiting."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._event = asyncio.Event()

    async def wait(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109  # a timeout is an answer here
        """Return True after a wake, False after ``timeout`` seconds without one."""
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True

    def set_from_any_thread(self) -> None:
        """Wake the waiter; a loop that is already closed has no waiter left."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._event.set)


class WakeHub:
    """The topics of one database.

    Args:
        path: the SQLite file whose other processes are woken too; None for this process only.
    """

    def __init__(self, path: Path | None) -> None:
        self._waiters: dict[str, set[Wake]] = defaultdict(set)
        self._lock = threading.Lock()
        self._folder = _folder(path) if path else None
        self._socket: socket.socket | None = None
        self._own: Path | None = None
        self._listening: asyncio.AbstractEventLoop | None = None

    @contextlib.contextmanager
    def subscribe(self, *topics: str) -> Iterator[Wake]:
        """Wait for topics: ``with hub.subscribe("tasks") as wake: await wake.wait()``."""
        self._listen()
        wake = Wake(asyncio.get_running_loop())
        with self._lock:
            for topic in topics:
                self._waiters[topic].add(wake)
        try:
            yield wake
        finally:
            with self._lock:
                for topic in topics:
                    self._waiters[topic].discard(wake)
                    if not self._waiters[topic]:
                        del self._waiters[topic]

    def wake(self, topics: Iterable[str], *, elsewhere: Iterable[str] = ()) -> None:
        """Wake the waiters of ``topics``, here and in the other processes; callable from any thread.

        Args:
            topics: whom to wake.
            elsewhere: whom to wake in the other processes only, since those here know already.
        """
        here = set(topics)
        names = here.union(elsewhere)
        if not names:
            return
        if here:
            self._wake_here(here)
        if self._folder:
            self._tell_others(_SEPARATOR.join(name.encode() for name in names)[:_DATAGRAM])

    def close(self) -> None:
        """Stop listening to other processes."""
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

    def _wake_here(self, names: set[str]) -> None:
        with self._lock:
            waiters = {wake for name in names for wake in self._waiters.get(name, ())}
        for waiter in waiters:
            waiter.set_from_any_thread()

    def _tell_others(self, message: bytes) -> None:
        if not self._folder or not self._folder.is_dir():
            return
        with os.scandir(self._folder) as entries:
            others = [Path(entry.path) for entry in entries if Path(entry.path) != self._own]
        if not others:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            for other in others:
                try:
                    sender.sendto(message, str(other))
                except ConnectionRefusedError:  # its process was killed
                    other.unlink(missing_ok=True)
                except OSError:  # full or gone: the waiter's timeout is the fallback
                    continue

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        if self._folder is None or self._listening is loop:
            return
        self.close()
        self._own = self._folder / f"{os.getpid()}-{secrets.token_hex(4)}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._bind(self._socket, self._own)
        loop.add_reader(self._socket.fileno(), self._hear)
        self._listening = loop

    @staticmethod
    def _bind(listening: socket.socket, own: Path) -> None:
        """Bind below the folder, which the last process that leaves removes, perhaps at this moment."""
        while True:
            own.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                listening.bind(str(own))
                return

    def _hear(self) -> None:
        while self._socket:
            try:
                message = self._socket.recv(_DATAGRAM)
            except (BlockingIOError, OSError):
                return
            self._wake_here({name.decode(errors="replace") for name in message.split(_SEPARATOR)})


def _folder(database: Path) -> Path:
    beside = database.with_name(f"{database.name}-wake")
    if len(str(beside)) + 24 <= _LONGEST_SOCKET_PATH:
        return beside
    digest = hashlib.sha256(str(database).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"backstage-py-wake-{os.getuid()}-{digest}"
