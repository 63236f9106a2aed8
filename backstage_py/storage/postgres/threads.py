"""Threads that read and write, each with a connection that it keeps."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL

from backstage_py.storage.faults import raise_meaning
from backstage_py.storage.outages import Outages
from backstage_py.storage.postgres import direct
from backstage_py.storage.postgres.connecting import Connecting
from backstage_py.storage.postgres.direct import Direct
from backstage_py.storage.postgres.on_loop import LoopConnection, Rows
from backstage_py.storage.postgres.session import Session
from backstage_py.storage.postgres.watch import Watch, Watched
from backstage_py.storage.transaction import ReadFunction, T, Transaction, WriteFunction
from backstage_py.storage.wakes.postgres import PostgresCarrier

_CONNECTIONS = 8
_FEWEST_TO_SHARE = 4
"""Of connections: with fewer, none of those that read is the event loop's own."""
_CLOSING_SECONDS = 5.0
_ANSWER_SECONDS = 1.5

Committed = Callable[[list[Transaction]], None]
_Work = Callable[[Session], None]


class PostgresThreads:
    """The connections to one database.

    Args:
        url: of it.
        committed: gets what was committed, on the writer's thread, before the caller gets its result.
        outages: learns when the server is out of reach.
        pooler: see ``Connecting``.
        connections: that read and write, half of them each; None is the usual number.
    """

    def __init__(
        self,
        url: URL,
        committed: Committed,
        outages: Outages,
        *,
        pooler: bool | None = None,
        connections: int | None = None,
    ) -> None:
        self._committed = committed
        self._connecting = Connecting(url, pooler=pooler)
        self.engine = self._connecting.engine
        both = connections or _CONNECTIONS
        on_loop = 1 if both >= _FEWEST_TO_SHARE else 0
        self._readers = _Lane("db-read", max(1, both // 2 - on_loop), self._connecting)
        self._writers = _Lane("db-write", max(1, both - both // 2), self._connecting)
        self.carrier = PostgresCarrier(self._connecting)
        self.on_loop = LoopConnection(self._connecting, self._notice) if on_loop else None
        sessions: list[Watched] = [*self._readers.sessions, *self._writers.sessions, *self.carrier.sessions]
        sessions += [self.on_loop] if self.on_loop else []
        self._watch = Watch(self._connecting, sessions, outages)
        self._outages = outages
        outages.back.append(self.carrier.renew)

    def read(self, function: ReadFunction[T]) -> "asyncio.Future[T]":
        """Run ``function`` on a reader's thread, for the loop that runs here."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._readers.put(partial(self._read, function, done))
        return done

    def find(self, statement: Direct, values: Mapping[str, Any]) -> "asyncio.Future[Rows]":
        """Return the rows of a statement that finds some by their key: without a thread where that can be."""
        try:
            found = self.on_loop.find(statement, values) if self.on_loop else None
        except Exception as error:  # noqa: BLE001  # of the values; it is raised as what it means
            raise_meaning(error)
        if found is not None:
            return found
        return self.read(lambda connection: statement.all(connection.connection.driver_connection, values))

    def write(self, function: WriteFunction[T], *, is_statement: bool) -> "asyncio.Future[T]":
        """Run a write on a writer's thread, whatever becomes of its caller; see ``Database.write``."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._writers.put(partial(self._write, partial(_commit, function, is_statement), done))
        return done

    async def answers(self) -> bool:
        """Return whether the server answers at this moment, within a second and a half."""
        if self._outages.is_on:
            return False
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await asyncio.wrap_future(self._watch.look())
        except TimeoutError:
            return False

    async def reached(self, within: float) -> None:
        """Wait for the server's first answer; see ``Database.reached``."""
        await self._outages.survive(
            lambda: self.read(lambda connection: connection.exec_driver_sql("SELECT 1").scalar()),
            patience=within,
        )

    def close(self) -> None:
        """Finish what is queued and close all connections; blocks, and no longer than some seconds."""
        self._writers.close()
        self._readers.close()
        self._watch.close()
        self.engine.dispose()

    def _notice(self, error: Exception) -> None:
        self._watch.notice(error)

    def _read(self, function: ReadFunction[T], done: "asyncio.Future[T]", session: Session) -> None:
        if done.cancelled():  # nobody waits any more
            return
        try:
            result = session.run(partial(_read_only, function))
        except Exception as error:  # noqa: BLE001  # it belongs to the caller who waits
            self._watch.notice(error)
            _tell(done, done.set_exception, error)
        else:
            _tell(done, done.set_result, result)

    def _write(
        self,
        commit: Callable[[Session, sa.Connection], tuple[Transaction, T]],
        done: "asyncio.Future[T]",
        session: Session,
    ) -> None:
        try:
            transaction, result = session.run(partial(commit, session))
        except Exception as error:  # noqa: BLE001  # it belongs to the caller who waits
            self._watch.notice(error)
            _tell(done, done.set_exception, error)
            return
        self._committed([transaction])
        _tell(done, done.set_result, result)


def _tell(done: "asyncio.Future[Any]", how: Callable[[Any], None], outcome: object) -> None:
    """Give whoever waits on a loop the outcome, unless the caller was cancelled or the loop is closed by now."""

    def tell() -> None:
        if not done.done():
            how(outcome)

    with contextlib.suppress(RuntimeError):
        done.get_loop().call_soon_threadsafe(tell)


def _read_only(function: ReadFunction[T], connection: sa.Connection) -> T:
    result = function(connection)
    if connection.in_transaction():  # of SQLAlchemy alone: the server commits each statement by itself
        connection.commit()
    return result


def _commit(
    function: WriteFunction[T],
    is_statement: bool,  # noqa: FBT001  # for partial
    session: Session,
    connection: sa.Connection,
) -> tuple[Transaction, T]:
    transaction = Transaction(connection)
    if is_statement:
        session.may_be_done = True
        result = function(transaction)
    else:
        driver: Any = connection.connection.driver_connection
        direct.command(driver, b"BEGIN")
        result = function(transaction)
        session.may_be_done = True
        direct.command(driver, b"COMMIT")
    if connection.in_transaction():
        connection.commit()
    return transaction, result


class _Lane:
    """Some threads that take work from one queue."""

    def __init__(self, name: str, count: int, connecting: Connecting) -> None:
        self.sessions = [Session(connecting) for _ in range(count)]
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, args=(session,), name=f"{name}-{number}", daemon=True)
            for number, session in enumerate(self.sessions)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, work: _Work) -> None:
        self._work.put(work)

    def close(self) -> None:
        """Finish what is queued; what waits for a server that does not answer is cut off."""
        threads, self._threads = self._threads, []
        for _ in threads:
            self._work.put(None)
        for thread, session in zip(threads, self.sessions, strict=False):
            thread.join(_CLOSING_SECONDS)
            if thread.is_alive():
                session.cut()
                thread.join(_CLOSING_SECONDS)

    def _run(self, session: Session) -> None:
        while (work := self._work.get()) is not None:
            work(session)
        session.close()
