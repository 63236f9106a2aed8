"""A database as two verbs: ``read`` and ``write``, each a function that runs on a thread with a connection.

SQLAlchemy's synchronous Core is used on purpose: one hop to a thread per transaction costs less than one hop per
statement, and the functions stay plain. ``sqlite`` and ``postgres`` own the threads; what is lost on the way to a
server is tried again here (``outages``).
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Self

from sqlalchemy.engine import URL, make_url

from backstage_py import threads
from backstage_py.errors import ServiceUnavailableError
from backstage_py.metrics.process import DATABASE_ERRORS, DATABASE_SECONDS
from backstage_py.storage.faults import OUTAGES, BusyError, InterferenceError, LostError, SlowError
from backstage_py.storage.outages import Outages, is_patient
from backstage_py.storage.postgres.on_loop import Rows
from backstage_py.storage.postgres.threads import PostgresThreads
from backstage_py.storage.prepared import Prepared
from backstage_py.storage.sqlite import SqliteThreads
from backstage_py.storage.transaction import ReadFunction, T, Transaction, Write, WriteFunction
from backstage_py.storage.wakes.hub import WakeHub
from backstage_py.storage.wakes.sockets import SocketCarrier

__all__ = ["Database", "ReadFunction", "Transaction", "WriteFunction"]

_PATIENCE = 600.0
_FAULTS = ((LostError, "lost"), (InterferenceError, "interference"), (BusyError, "busy"), (SlowError, "slow"))


class Database:
    """An open database. ``wiring`` opens and closes it; stores receive it.

    Args:
        url: ``sqlite:///path`` or ``postgresql+psycopg://…``; ``sqlite://`` alone is refused, since its readers would
            see an empty database of their own.
        patience: seconds that a write waits which must not be given up (``write``).
        pooler: whether PostgreSQL is behind a pooler of transactions, such as pgbouncer; None finds out.
        connections: to PostgreSQL that read and write; None is the usual number.
    """

    def __init__(
        self, url: str | URL, *, patience: float = _PATIENCE, pooler: bool | None = None, connections: int | None = None
    ) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.path: Path | None = None
        self.outages = Outages()
        self._patience = patience
        self._threads: SqliteThreads | PostgresThreads
        if self.is_sqlite:
            self._threads = SqliteThreads(self.url, self._committed)
            self.path = self._threads.path
            self.wakes = WakeHub(SocketCarrier(self.path))
        else:
            self._threads = PostgresThreads(
                self.url, self._committed, self.outages, pooler=pooler, connections=connections
            )
            self.wakes = WakeHub(self._threads.carrier)
        self.engine = self._threads.engine

    async def read(self, function: ReadFunction[T], *, is_patient: bool | None = None) -> T:
        """Run ``function`` with a connection that sees committed data only.

        Args:
            function: what to do; it may run again when the server was lost.
            is_patient: see ``write``.

        Raises:
            LostError: the server did not answer, also when it was asked again for a little while.
        """
        return await self._survive(partial(self._read, function), is_patient)

    async def read_briefly(self, function: ReadFunction[T]) -> T:
        """Do as ``read`` for a statement that finds a few rows by their key; SQLite answers it on the spot."""
        if isinstance(self._threads, SqliteThreads):
            try:
                return self._threads.read_here(function)
            except BusyError:  # rare: some other program locks out readers, too
                return await self.read(function)
        return await self.read(function)

    async def find(self, statement: Prepared, values: Mapping[str, Any]) -> Rows:
        """Return the rows of a statement that finds a few by their key; no thread stands in between where that can be.

        Raises:
            LostError: as ``read``.
        """
        if self.is_sqlite:
            return await self.read_briefly(lambda connection: statement.all(connection, values))
        return await self._survive(partial(self._find, statement, values), None)

    async def write(
        self,
        function: WriteFunction[T],
        *,
        is_statement: bool = False,
        is_repeatable: bool = False,
        is_patient: bool | None = None,
    ) -> T:
        """Run ``function`` in a transaction of its own; it is on disk when this returns.

        A function that raises changes nothing, and its error is raised here. It may run again when the database asks
        for that (a deadlock or a serialisation failure) and when the server was lost, so it must have no effect
        outside.

        Args:
            function: what to do.
            is_statement: it runs one statement, which needs no ``BEGIN`` and ``COMMIT`` around it.
            is_repeatable: it does no harm when it runs again although the server had committed it already: all it
                writes is found again by a key that the caller chose, or depends on what it changes itself. Others are
                not tried again once their commit was sent.
            is_patient: wait for as long as the database's patience, instead of a little while; None does so on behalf
                of a task (``outages.patience``). Who asks for it waits for what takes long, too.

        Raises:
            LostError: the server did not answer.
        """
        return await self._survive(partial(self._write, function, is_statement), is_patient, is_repeatable)

    async def survive(self, work: Callable[[], Awaitable[T]], *, is_repeatable: bool) -> T:
        """Do what consists of several reads and writes, none of which waits; on behalf of a task, wait all the same."""
        return await self._survive(work, None, is_repeatable) if is_patient() else await work()

    async def answers(self) -> bool:
        """Return whether the database answers at this moment, within a second and a half."""
        if isinstance(self._threads, PostgresThreads):
            return await self._threads.answers()
        try:
            return await self.read_briefly(lambda connection: connection.exec_driver_sql("SELECT 1").scalar() == 1)
        except ServiceUnavailableError:
            return False

    async def prepare(self, *, create: bool, schema: str | None = None, role: str | None = None) -> None:
        """Make sure that the database and the schema exist; see ``postgres.creating``.

        Raises:
            DatabaseError: something is missing and may not be made; says the SQL to run.
        """
        if not self.is_sqlite:
            from backstage_py.storage.postgres import creating

            await threads.remote_call(
                "database", partial(creating.prepare, self.url, create=create, schema=schema, role=role)
            )

    async def reached(self, within: float) -> None:
        """Wait until the server answers for the first time.

        Args:
            within: seconds; a line in the log says every ten of them what is waited for.

        Raises:
            BackstageError: it does not, or it refuses us.
        """
        if isinstance(self._threads, PostgresThreads):
            await self._threads.reached(within)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Close it when the block is left."""
        try:
            yield self
        finally:
            await self.close()

    async def close(self) -> None:
        """Finish what is queued and close all connections. Closing twice is fine."""
        if isinstance(self._threads, PostgresThreads) and self._threads.on_loop:
            self._threads.on_loop.close()
        await threads.remote_call("database", self._threads.close)
        self.wakes.close()

    async def _survive(
        self,
        attempt: Callable[[], Awaitable[T]],
        wanted: bool | None,  # noqa: FBT001  # as ``write`` got it
        is_repeatable: bool = True,  # noqa: FBT001, FBT002  # as above
    ) -> T:
        waits = is_patient() if wanted is None else wanted
        if self.is_sqlite and not waits:
            return await attempt()
        return await self.outages.survive(
            attempt,
            is_repeatable=is_repeatable,
            patience=self._patience if waits else None,
            waits_if=(*OUTAGES, SlowError) if wanted else OUTAGES,
        )

    async def _read(self, function: ReadFunction[T]) -> T:
        with _observed("read"):
            if isinstance(self._threads, PostgresThreads):
                return await self._threads.read(function)
            return await asyncio.wrap_future(self._threads.read(function))

    async def _find(self, statement: Prepared, values: Mapping[str, Any]) -> Rows:
        with _observed("read"):
            if isinstance(self._threads, PostgresThreads):
                return await self._threads.find(statement.direct(self.engine.dialect), values)
            raise AssertionError("SQLite answers on the spot")

    async def _write(self, function: WriteFunction[T], is_statement: bool) -> T:  # noqa: FBT001  # for partial
        with _observed("write"):
            if isinstance(self._threads, PostgresThreads):
                return await self._threads.write(function, is_statement=is_statement)
            job = Write(function)
            self._threads.write(job)
            result: T = await asyncio.wrap_future(job.done)
            return result

    def _committed(self, transactions: list[Transaction]) -> None:
        for transaction in transactions:
            for function in transaction.committed:
                function()
        self.wakes.wake(
            {topic for transaction in transactions for topic in transaction.topics},
            elsewhere={topic for transaction in transactions for topic in transaction.elsewhere},
        )


@contextlib.contextmanager
def _observed(operation: str) -> Iterator[None]:
    """Time a read or write and count its fault; what a caller's own function raises is none of the database."""
    began = time.monotonic()
    try:
        yield
    except ServiceUnavailableError as error:
        DATABASE_ERRORS.inc(next((name for kind, name in _FAULTS if isinstance(error, kind)), "other"))
        raise
    finally:
        DATABASE_SECONDS.observe(time.monotonic() - began, operation)
