"""Watching over connections: a server that takes long is asked something simple, and given up when it stays silent.

A statement may well take long while the server works on it, so its time alone says nothing. What does is a connection
of the watch's own, on which the server answers at once or is gone, stopped, or cut off.
"""

import select
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from typing import TYPE_CHECKING, Any, Protocol

from backstage_py import background
from backstage_py.storage.faults import LostError, meaning
from backstage_py.storage.outages import Outages
from backstage_py.storage.postgres.connecting import Connecting

if TYPE_CHECKING:
    import psycopg

_TURN = 1.0  # seconds between two looks at the sessions
_TURN_IN_OUTAGE = 0.25
_LONG = 1.5  # seconds after which a statement's server is asked
_ANSWER = 1.0  # seconds until it must have answered
_FORGOTTEN = 30
"""Seconds after which a session that works on here, and waits for us by its server's account, has lost an answer."""


class Watched(Protocol):
    """A session: what it works on, for how long, at which process of the server."""

    process: int

    @property
    def seconds(self) -> float:
        """For how long it has been working on something."""

    def cut(self) -> None:
        """End the wait for an answer that will not come; callable from any thread."""


class Watch:
    """Looks after the sessions of a database.

    Args:
        connecting: opens the connection on which the server is asked.
        sessions: those to look after.
        outages: is told.
    """

    def __init__(self, connecting: Connecting, sessions: Sequence[Watched], outages: Outages) -> None:
        self._connecting = connecting
        self._sessions = sessions
        self._outages = outages
        self._connection: psycopg.Connection[Any] | None = None
        self._asked = threading.Event()
        self._looks: list[Future[bool]] = []
        self._lock = threading.Lock()
        self._closing = False
        self._thread = background.supervised_thread("database.watch", self._run)

    def look(self) -> "Future[bool]":
        """Ask the server, and return whether it answers."""
        found: Future[bool] = Future()
        with self._lock:
            self._looks.append(found)
        self._asked.set()
        return found

    def notice(self, error: Exception) -> None:
        """Look whether the server is gone when a session has lost its connection."""
        if isinstance(error, LostError):
            self._asked.set()

    def close(self) -> None:
        """Stop watching."""
        self._closing = True
        self._asked.set()
        self._thread.join(_LONG + _ANSWER)

    def _run(self) -> None:
        while not self._closing:
            was_asked = self._asked.wait(_TURN_IN_OUTAGE if self._outages.is_on else _TURN)
            self._asked.clear()
            late = [session for session in self._sessions if session.seconds > _LONG]
            if was_asked or late or self._outages.is_on:
                self._turn()
        self._disconnect()

    def _turn(self) -> None:
        with self._lock:
            looks, self._looks = self._looks, []
        problem = self._problem()
        if problem is None:
            self._outages.ended()
        else:
            self._outages.began(problem)
        for session in self._dead(has_server=problem is None):
            session.cut()
        for look in looks:
            try:
                look.set_result(problem is None)
            except InvalidStateError:  # whoever asked does not wait any more
                continue

    def _dead(self, *, has_server: bool) -> list[Watched]:
        """Return the sessions that wait for an answer which will not come."""
        late = [session for session in self._sessions if session.seconds > (_FORGOTTEN if has_server else _LONG)]
        if not has_server or not late or self._connection is None:
            return late
        idle = _answer(
            self._connection,
            b"SELECT pid FROM pg_stat_activity WHERE state = 'idle'"
            b" AND clock_timestamp() - state_change > interval '%d seconds'" % _FORGOTTEN,
        )
        return [session for session in late if str(session.process).encode() in (idle or ())]

    def _problem(self) -> str | None:
        """Return why the server does not answer, None when it does."""
        from psycopg import Error

        try:
            if self._connection is None:
                self._connection = self._connecting.plain(connect_timeout="2")
            if _answer(self._connection, b"SELECT 1"):
                return None
            self._disconnect()
        except (Error, OSError) as error:
            self._disconnect()
            found = meaning(error) if isinstance(error, Error) else error
            return found.said if isinstance(found, LostError) else str(found)
        return "it accepts connections and stays silent"

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _answer(connection: "psycopg.Connection[Any]", statement: bytes) -> list[bytes | None] | None:
    """Return the first column of what is answered in time, by libpq's calls that do not wait; else None."""
    ours = connection.pgconn
    ours.send_query(statement)
    deadline = time.monotonic() + _ANSWER
    readable = select.poll()
    readable.register(ours.socket, select.POLLIN)
    rows: list[bytes | None] | None = None
    while True:
        while not ours.is_busy():
            result = ours.get_result()
            if result is None:
                return rows
            rows = [result.get_value(row, 0) for row in range(result.ntuples)] if result.nfields else None
            result.clear()
        left = deadline - time.monotonic()
        if left <= 0 or not readable.poll(left * 1000):
            return None
        ours.consume_input()
