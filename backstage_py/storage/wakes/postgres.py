"""Wakes between the processes that share a PostgreSQL database: ``NOTIFY`` and ``LISTEN``, or rows (``table``).

A thread sends, on a connection of its own: a notification within the transaction that it is about would make all
transactions commit one after the other, and sending from the writer's thread would cost each commit a round trip.
What has queued up is sent together, and who has much to tell waits a little for more (``pace``): a notification is a
transaction of its own, and each process looks at it. The event loop listens, on another connection.
"""

import asyncio
import queue
import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import structlog

from backstage_py import background, threads
from backstage_py.errors import BackstageError
from backstage_py.storage.postgres.connecting import Connecting
from backstage_py.storage.postgres.direct import Direct
from backstage_py.storage.postgres.session import Session
from backstage_py.storage.wakes import table
from backstage_py.storage.wakes.hub import Receive
from backstage_py.storage.wakes.pace import Pace

if TYPE_CHECKING:
    import psycopg

_CHANNEL = "backstage_py_wake"
_NOTIFY = Direct("SELECT 1 FROM pg_notify(%(channel)s, %(told)s)")
_LONGEST = 7_000  # bytes of a notification; PostgreSQL takes 8,000
_SEPARATOR = "\n"
_POLL = 0.25  # seconds between two looks where nobody can listen
_FORGET = 30.0  # seconds after which old rows are dropped
_PAUSE = 1.0  # seconds before a lost connection is tried again

_log = structlog.get_logger(__name__)


class PostgresCarrier:
    """Carries wakes over notifications.

    Args:
        connecting: opens connections.

    Attributes:
        sessions: its connections, to be watched.
    """

    def __init__(self, connecting: Connecting) -> None:
        self._telling = Session(connecting)
        self._polling = Session(connecting)
        self._lane = threads.Lane(1)  # for polling
        self.sessions = (self._telling, self._polling)
        self._connecting = connecting
        self._id = secrets.token_hex(4)  # of this process's own notifications, which come back too
        self._queue: queue.SimpleQueue[tuple[str, ...] | None] = queue.SimpleQueue()
        self._sender: threading.Thread | None = None
        self._starting = threading.Lock()
        self._opened: psycopg.Connection[Any] | None = None  # by a thread, for a task that may be gone by then
        self._turn = 0  # counts the times at which listening ended
        self._listener: psycopg.Connection[Any] | None = None
        self._descriptor = -1  # kept here, since a lost connection cannot be asked for it
        self._listening: asyncio.AbstractEventLoop | None = None
        self._receive: Receive = lambda _topics: None
        self._opening: asyncio.Task[None] | None = None
        self._forgot_at = time.monotonic()

    def listen(self, receive: Receive) -> None:
        """Open the listening connection beside the caller, who is woken once it is there."""
        loop = asyncio.get_running_loop()
        if self._listening is loop:
            return
        self._stop_listening()
        self._listening, self._receive = loop, receive
        self._opening = loop.create_task(background.supervised("database.wakes", self._open_until_open))

    def send(self, topics: Iterable[str]) -> None:
        """Hand topics to the thread that sends."""
        self._queue.put(tuple(topics))
        if self._sender is None:
            with self._starting:
                if self._sender is None:
                    self._sender = background.supervised_thread("database.notifications", self._send_forever)

    def renew(self) -> None:
        """Listen on another connection: the one that there is may be dead without a sign. Callable from any thread."""
        loop = self._listening
        if loop and not loop.is_closed():
            loop.call_soon_threadsafe(self._listen_again)

    def close(self) -> None:
        """Send what is left and close the connections."""
        if self._sender:
            self._queue.put(None)
            self._sender.join(_PAUSE)
            self._telling.cut()  # it may be waiting for a server that does not answer
            self._sender = None
        self._stop_listening()
        self._polling.cut()
        self._lane.start(self._polling.close)

    def _open(self, turn: int) -> "psycopg.Connection[Any] | None":
        """Open a connection on a thread; close it again when nobody wants to listen on it any more."""
        connection = self._connecting.plain()
        try:
            connection.execute(f"LISTEN {_CHANNEL}".encode())
        except BaseException:
            connection.close()
            raise
        with self._starting:
            if self._turn == turn:
                self._opened = connection
                return connection
        connection.close()
        return None

    async def _open_until_open(self) -> None:
        """Listen as soon as the server can be reached, and wake all: something may have been missed."""
        from psycopg import Error

        if await self._is_pooled():
            await self._poll()
            return
        connection: psycopg.Connection[Any] | None = None
        while self._listening and not connection:
            try:
                connection = await threads.remote_call("database", self._open, self._turn)
            except (Error, OSError):
                await asyncio.sleep(_PAUSE)
        if connection and self._listening:
            self._listener, self._opened, self._descriptor = connection, None, connection.fileno()
            self._listening.add_reader(self._descriptor, self._read, connection)
            self._receive(None)

    async def _is_pooled(self) -> bool:
        while True:
            try:
                await self._lane.run(partial(self._polling.run, _nothing))
            except BackstageError:
                await asyncio.sleep(_PAUSE)
                continue
            if not self._connecting.has_pooler:
                await self._lane.run(self._polling.close)
            return self._connecting.has_pooler

    async def _poll(self) -> None:
        """Look for wakes again and again; whatever an outage hides may have been missed."""
        reader = table.Reader()
        while self._listening:
            try:
                rows = await self._lane.run(partial(self._polling.run, reader.read))
            except BackstageError as error:
                _log.warning("wake_connection_lost", error=error.message)
                reader = table.Reader()
                await asyncio.sleep(_PAUSE)
                continue
            if rows is None:
                self._receive(None)
            elif topics := {topic for row in rows if row.sender != self._id for topic in row.topics.split(_SEPARATOR)}:
                self._receive(topics)
            await asyncio.sleep(_POLL)

    def _read(self, connection: "psycopg.Connection[Any]") -> None:
        from psycopg import OperationalError

        try:
            connection.pgconn.consume_input()
            while notification := connection.pgconn.notifies():
                sender, *topics = notification.extra.decode(errors="replace").split(_SEPARATOR)
                if sender != self._id:
                    self._receive(set(topics))
        except OperationalError as error:
            _log.warning("wake_connection_lost", error=str(error))
            self._listen_again()

    def _listen_again(self) -> None:
        loop = self._listening
        if loop and self._listener:  # else it is being opened already
            self._stop_listening()
            self._listening = loop
            self._opening = loop.create_task(background.supervised("database.wakes", self._open_until_open))

    def _stop_listening(self) -> None:
        if self._opening:
            self._opening.cancel()
            self._opening = None
        with self._starting:
            opened, self._opened = self._opened, None
            self._turn += 1
        if opened:
            opened.close()
        if self._listener:
            if self._listening and not self._listening.is_closed():
                self._listening.remove_reader(self._descriptor)
            self._listener.close()
            self._listener = None
        self._listening = None

    def _send_forever(self) -> None:
        for topics in self._batches():
            for text in _texts(self._id, topics):
                try:
                    self._telling.run(partial(self._tell, text))
                except BackstageError as error:  # the waiters' timeouts are the fallback
                    _log.warning("wake_not_told", error=error.message)
        self._telling.close()

    def _tell(self, text: str, connection: sa.Connection) -> None:
        if not self._connecting.has_pooler:
            driver: Any = connection.connection.driver_connection
            _NOTIFY.run(driver, {"channel": _CHANNEL, "told": text})
            return
        table.send(connection, self._id, text.split(_SEPARATOR)[1:])
        if time.monotonic() - self._forgot_at > _FORGET:
            self._forgot_at = time.monotonic()
            table.forget(connection)

    def _batches(self) -> Iterator[set[str]]:
        pace = Pace()
        while (first := self._queue.get()) is not None:
            if seconds := pace.wait(time.monotonic()):
                threading.Event().wait(seconds)  # libfaketime, with which clocks of replicas are set, breaks sleep
            topics = set(first)
            while not self._queue.empty():
                more = self._queue.get()
                if more is None:
                    yield topics
                    return
                topics.update(more)
            yield topics


def _nothing(_connection: sa.Connection) -> None:
    """Open the connection, which finds out whether there is a pooler."""


def _texts(sender: str, topics: Iterable[str]) -> Iterator[str]:
    """Yield the notifications for some topics, each within PostgreSQL's limit."""
    parts, size = [sender], len(sender)
    for topic in topics:
        length = len(topic.encode()) + 1
        if size + length > _LONGEST and len(parts) > 1:
            yield _SEPARATOR.join(parts)
            parts, size = [sender], len(sender)
        parts.append(topic)
        size += length
    if len(parts) > 1:
        yield _SEPARATOR.join(parts)
