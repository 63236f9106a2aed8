"""A connection that the event loop reads with: what finds some rows by their key needs no thread in between.

To hand a statement to a thread, and its rows back, takes longer than the server does for it: the interpreter changes
hands four times. Here statements are sent one behind the other (libpq's pipeline), and the loop is told when answers
are there. Whatever is not as it should be (no connection yet, many under way, a pooler) is left to the threads.
"""

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import structlog

from backstage_py import threads
from backstage_py.metrics.process import CONNECTIONS
from backstage_py.storage.faults import LostError, meaning
from backstage_py.storage.postgres import direct
from backstage_py.storage.postgres.connecting import Connecting
from backstage_py.storage.postgres.direct import Direct

_log = structlog.get_logger(__name__)
_MOST = 16  # statements under way; threads take what comes then
_SYNC = 10  # libpq's ``PGRES_PIPELINE_SYNC``, which ends what came of one statement
_PAUSE = 1.0  # seconds before a connection that could not be opened is tried again

Rows = list[tuple[Any, ...]]


@dataclass(slots=True, eq=False)
class _Query:
    """A statement under way.

    Attributes:
        name: under which the server knows it.
        is_new: it was sent to be prepared, and the server has not said that it is.
        result: the last one that came of preparing and running it, or its first fault.
        may_be_forgotten: the server has not yet said that it does not know the statement any more.
    """

    statement: Direct
    given: tuple[list[bytes | None], list[int]]
    done: "asyncio.Future[Rows]"
    name: bytes = b""
    is_new: bool = False
    may_be_forgotten: bool = True
    result: Any = None


class LoopConnection:
    """One connection, for the loop that asks first. ``cut`` may be called from any thread, the rest on the loop.

    Args:
        connecting: opens it.
        lost: told of the fault that it broke with while something was asked.

    Attributes:
        process: the server's process behind it.
    """

    def __init__(self, connecting: Connecting, lost: Callable[[Exception], None]) -> None:
        self.process = 0
        self._connecting = connecting
        self._lost = lost
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Future[None] | None = None
        self._lock = threading.Lock()  # of what a thread opens and may have to close
        self._connection: sa.Connection | None = None
        self._is_closed = False
        self._ours: Any = None  # libpq's connection, once the loop listens to it
        self._descriptor = -1
        self._names: dict[bytes, bytes] = {}
        self._prepared = 0
        self._is_behind_result = False
        self._asked: deque[_Query] = deque()
        self._busy_since: float | None = None
        self._next_try = 0.0

    @property
    def seconds(self) -> float:
        """For how long it has been working on something."""
        began = self._busy_since
        return time.monotonic() - began if began is not None else 0.0

    def find(self, statement: Direct, values: Mapping[str, Any]) -> "asyncio.Future[Rows] | None":
        """Return the rows of a statement as a future of the running loop; None when a thread must do it.

        Raises:
            psycopg.DataError: a text holds a NUL character.
        """
        loop = asyncio.get_running_loop()
        if self._ours is None or self._loop is not loop or len(self._asked) >= _MOST:
            self._open(loop)
            return None
        query = _Query(statement, statement.given(values), loop.create_future())
        try:
            self._send(query)
        except Exception as error:  # noqa: BLE001  # of the connection
            self._lose(error)
        return query.done

    def cut(self) -> None:
        """End the wait for an answer that will not come: the loop finds the connection broken."""
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._descriptor)) as ours:
            ours.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it for good; what waits is told that the server is lost."""
        self._is_closed = True
        self._lose(LostError("the database is closed", may_be_done=False))

    def _open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open the connection beside the caller, if that makes sense."""
        if self._loop is not None and self._loop is not loop and self._loop.is_closed():
            self._lose(LostError("its event loop has ended", may_be_done=False))
            self._opening = None
        if self._is_closed or self._ours or self._opening or time.monotonic() < self._next_try:
            return
        if self._connecting.has_pooler:  # it may have given the next statement to another server's process
            return
        self._loop = loop
        self._opening = threads.remote_call("database", self._connect)
        self._opening.add_done_callback(self._opened)

    def _connect(self) -> None:
        connection = self._connecting.session()
        can_be_used = not self._connecting.has_pooler and self._has_pipeline(connection)
        with self._lock:
            if can_be_used and not self._is_closed:
                self._connection = connection
                CONNECTIONS.inc("open")
                return
        _close(connection)

    def _has_pipeline(self, connection: sa.Connection) -> bool:
        from psycopg import NotSupportedError

        driver: Any = connection.connection.driver_connection
        try:
            driver.pgconn.enter_pipeline_mode()
        except NotSupportedError:  # of a libpq before version 14, which does not change while we run
            self._is_closed = True
            return False
        return True

    def _opened(self, opening: "asyncio.Future[None]") -> None:
        self._opening = None
        if opening.cancelled():
            return
        if error := opening.exception():
            self._next_try = time.monotonic() + _PAUSE
            _log.debug("connection_not_opened", problem=str(error))
        if self._connection is None or self._loop is None:
            return
        driver: Any = self._connection.connection.driver_connection
        self._ours, self._descriptor, self.process = driver.pgconn, driver.fileno(), driver.info.backend_pid
        self._loop.add_reader(self._descriptor, self._read)

    def _send(self, query: _Query) -> None:
        text = query.statement.text
        query.is_new, query.result = text not in self._names, None
        self._asked.append(query)
        self._set_busy()
        if query.is_new:
            self._prepared += 1
            self._names[text] = b"loop_%d" % self._prepared
            self._ours.send_prepare(self._names[text], text)
        query.name = self._names[text]
        parameters, formats = query.given
        self._ours.send_query_prepared(query.name, parameters, formats, direct.BINARY)
        self._ours.pipeline_sync()

    def _read(self) -> None:
        """Take what the server sent."""
        try:
            self._ours.consume_input()
            has_more = True
            while has_more and self._asked and not self._ours.is_busy():
                result = self._ours.get_result()  # none behind each result, and one more when there are no more
                has_more = result is not None or self._is_behind_result
                self._is_behind_result = result is not None and result.status != _SYNC
                if result is not None:
                    self._take(result)
        except Exception as error:  # noqa: BLE001  # of the connection
            self._lose(error)

    def _take(self, result: Any) -> None:
        query = self._asked[0]
        if result.status == _SYNC:
            self._asked.popleft()
            self._set_busy()
            self._end(query)
        elif query.result is None or query.result.status in direct.FINE:  # what follows a fault is not carried out
            query.result = result
            query.is_new = query.is_new and result.status not in direct.FINE

    def _end(self, query: _Query) -> None:
        """Tell whoever waits what came of a statement."""
        try:
            direct.check(self._ours, query.result)
        except Exception as error:  # it belongs to the caller who waits
            is_unknown = direct.is_unknown(query.result)
            if (query.is_new or is_unknown) and self._names.get(query.statement.text) == query.name:
                del self._names[query.statement.text]
            if is_unknown and query.may_be_forgotten:
                query.may_be_forgotten = False
                self._send(query)
                return
            found = meaning(error)
            if isinstance(found, LostError):
                self._asked.appendleft(query)
                raise found from error
            found.__cause__ = error if found is not error else None
            if not query.done.done():
                query.done.set_exception(found)
        else:
            if not query.done.done():  # else nobody waits for it any more
                query.done.set_result(direct.rows(query.result))

    def _set_busy(self) -> None:
        """Begin to count the time of the statement that is the first now."""
        was_busy, self._busy_since = self._busy_since is not None, time.monotonic() if self._asked else None
        if was_busy != bool(self._asked):
            CONNECTIONS.inc("busy", amount=-1 if was_busy else 1)

    def _lose(self, error: Exception) -> None:
        """Throw the connection away; what was asked of it may be asked again elsewhere."""
        with self._lock:
            connection, self._connection = self._connection, None
        if self._loop and not self._loop.is_closed() and self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
        asked = [query.done for query in self._asked if not query.done.done()]
        self._asked.clear()
        self._set_busy()
        self._names.clear()
        self._is_behind_result = False
        self._ours, self._descriptor, self.process = None, -1, 0
        if connection is not None:
            CONNECTIONS.inc("open", amount=-1)
            _close(connection)
        found = meaning(error)
        lost = LostError(found.said if isinstance(found, LostError) else str(error), may_be_done=False)
        lost.__cause__ = error
        for done in asked:
            done.set_exception(lost)
        if asked:
            self._lost(lost)


def _close(connection: sa.Connection) -> None:
    connection.invalidate()
    connection.close()
