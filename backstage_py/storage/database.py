"""A database as two verbs: ``read`` and ``write``, each a function that runs on a thread with a connection.

SQLAlchemy's synchronous Core is used on purpose: one hop to a thread per transaction costs less than one hop per
statement, and the functions stay plain. SQLite has one writer thread that commits what is waiting together, so that
many small transactions share one flush to the disk; when one of them fails, all are undone and each runs by itself.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url

from backstage_py import threads
from backstage_py.errors import SettingsError
from backstage_py.storage.faults import BusyError, DatabaseError, meaning
from backstage_py.storage.wakes.hub import WakeHub
from backstage_py.storage.wakes.postgres import PostgresCarrier
from backstage_py.storage.wakes.sockets import SocketCarrier

T = TypeVar("T")

_READERS = 4
_WRITERS = 4  # of PostgreSQL; SQLite has one
_BATCH = 256
_BUSY_SECONDS = 30.0


@dataclass(slots=True)
class Transaction:
    """What a write function gets: the connection, and the topics to wake once it is committed."""

    connection: sa.Connection
    topics: set[str] = field(default_factory=set)
    elsewhere: set[str] = field(default_factory=set)
    committed: list[Callable[[], None]] = field(default_factory=list)

    def wake(self, topic: str) -> None:
        """Wake whoever waits for ``topic``, in any process, after the commit."""
        self.topics.add(topic)

    def wake_elsewhere(self, topic: str) -> None:
        """Wake whoever waits for ``topic`` in other processes only, after the commit."""
        self.elsewhere.add(topic)

    def after_commit(self, function: Callable[[], None]) -> None:
        """Call ``function`` on the writer's thread once the commit is done; it must not raise or wait."""
        self.committed.append(function)


WriteFunction = Callable[[Transaction], T]
ReadFunction = Callable[[sa.Connection], T]


@dataclass(slots=True)
class _Job:
    function: WriteFunction[Any]
    done: "Future[Any]"


class Database:
    """An open database. ``wiring`` opens and closes it; stores receive it.

    Args:
        url: ``sqlite:///path`` or ``postgresql+psycopg://…``; ``sqlite://`` alone is refused, since its readers would
            see an empty database of their own.
    """

    def __init__(self, url: str | URL) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite and not self.url.database:
            raise SettingsError("backend.database.connection", "expected the path of an SQLite file")
        if self.is_sqlite:
            self.path: Path | None = Path(str(self.url.database)).absolute()
            _make_folder(self.path.parent)
        else:
            self.path = None
        self.engine = _engine(self.url, is_sqlite=self.is_sqlite)
        self.wakes = WakeHub(SocketCarrier(self.path) if self.path else PostgresCarrier(self._own_connection))
        self._brief: sa.Connection | None = None
        self._brief_lock = threading.Lock()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="db-read")
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writers = [
            threading.Thread(target=self._write_loop, name=f"db-write-{n}", daemon=True)
            for n in range(1 if self.is_sqlite else _WRITERS)
        ]
        for writer in self._writers:
            writer.start()

    async def read(self, function: ReadFunction[T]) -> T:
        """Run ``function`` with a connection that sees committed data only."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, function)

    async def read_briefly(self, function: ReadFunction[T]) -> T:
        """Do as ``read`` for a statement that finds a few rows by their key.

        SQLite answers it on the spot, without a transaction: with its own pages in memory that takes less time than
        a thread would need to wake up.
        """
        if not self.is_sqlite:
            return await self.read(function)
        try:
            return self._read_here(function)
        except BusyError:  # rare: some other program locks out readers, too
            return await self.read(function)

    async def write(self, function: WriteFunction[T]) -> T:
        """Run ``function`` in a transaction of its own; it is on disk when this returns.

        A function that raises changes nothing, and its error is raised here. It may run a second time when the
        database asks for that (a deadlock or a serialisation failure), so it must have no effect outside.
        """
        done: Future[T] = Future()
        self._jobs.put(_Job(function, done))
        return await asyncio.wrap_future(done)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Close it when the block is left."""
        try:
            yield self
        finally:
            await self.close()

    async def close(self) -> None:
        """Finish what is queued and close all connections. Closing twice is fine."""
        writers, self._writers = self._writers, []
        for _ in writers:
            self._jobs.put(None)
        for writer in writers:
            await threads.remote_call("database", writer.join)
        self._readers.shutdown(wait=True)
        with self._brief_lock:
            if self._brief:
                self._brief.close()
                self._brief = None
        self.wakes.close()
        self.engine.dispose()

    def _own_connection(self) -> Any:
        """Return a connection of the driver that no pool knows."""
        arguments, options = self.engine.dialect.create_connect_args(self.url)
        return self.engine.dialect.connect(*arguments, **options)

    def _read_here(self, function: ReadFunction[T]) -> T:
        with self._brief_lock:
            try:
                if self._brief is None:
                    self._brief = self.engine.connect()
                    self._brief.exec_driver_sql("PRAGMA busy_timeout = 20")  # milliseconds
                return function(self._brief)
            except Exception as error:  # noqa: BLE001  # it is raised as what it means
                _raise(error)
            finally:
                if self._brief and self._brief.in_transaction():
                    self._brief.rollback()

    def _read(self, function: ReadFunction[T]) -> T:
        try:
            with self.engine.connect() as connection:
                return function(connection)
        except Exception as error:  # noqa: BLE001  # it is raised as what it means
            _raise(error)

    def _write_loop(self) -> None:
        for batch in self._batches():
            if self.is_sqlite and len(batch) > 1:
                self._commit_together(batch)
            else:
                for job in batch:
                    self._commit_alone(job)

    def _batches(self) -> Iterator[list[_Job]]:
        most = _BATCH if self.is_sqlite else 1
        while (first := self._jobs.get()) is not None:
            batch = [first]
            while len(batch) < most:
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    yield batch
                    return
                batch.append(job)
            yield batch

    def _commit_together(self, batch: list[_Job]) -> None:
        """Commit all of a batch at once; when one of its functions raises, undo them and let each try by itself."""
        outcomes: list[tuple[_Job, Any]] = []
        transactions: list[Transaction] = []
        try:
            with self.engine.begin() as connection:
                for job in batch:
                    transactions.append(Transaction(connection))
                    outcomes.append((job, job.function(transactions[-1])))
        except Exception as error:  # noqa: BLE001  # the commit or a function failed: which shows when each runs alone
            found = meaning(error)
            for job in batch:
                if isinstance(found, BusyError):  # each would wait as long again
                    _fail(job, found)
                else:
                    self._commit_alone(job)
            return
        self._finish(outcomes, transactions)

    def _commit_alone(self, job: _Job) -> None:
        try:
            with self.engine.begin() as connection:
                transaction = Transaction(connection)
                result = job.function(transaction)
        except Exception as error:  # noqa: BLE001  # it belongs to the caller who waits for the job
            _fail(job, meaning(error))
            return
        self._finish([(job, result)], [transaction])

    def _finish(self, outcomes: list[tuple[_Job, Any]], transactions: list[Transaction]) -> None:
        for transaction in transactions:
            for function in transaction.committed:
                function()
        self.wakes.wake(
            {topic for transaction in transactions for topic in transaction.topics},
            elsewhere={topic for transaction in transactions for topic in transaction.elsewhere},
        )
        for job, result in outcomes:
            with contextlib.suppress(InvalidStateError):  # the waiter was cancelled; the data is written
                job.done.set_result(result)


def _raise(error: Exception) -> NoReturn:
    """Raise an error as what it means."""
    found = meaning(error)
    if found is error:
        raise error
    raise found from error


def _fail(job: _Job, error: BaseException) -> None:
    with contextlib.suppress(InvalidStateError):  # the waiter was cancelled
        job.done.set_exception(error)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(
            f"The folder of the database cannot be made ({error}); check backend.database.connection"
        ) from error


def _engine(url: URL, *, is_sqlite: bool) -> sa.Engine:
    if not is_sqlite:
        return sa.create_engine(
            url, hide_parameters=True, pool_size=_READERS + _WRITERS, max_overflow=0, pool_pre_ping=True
        )
    engine = sa.create_engine(
        url,
        hide_parameters=True,  # errors that quote them would put what users store into the log
        pool_size=_READERS + 4,
        poolclass=sa.QueuePool,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False, "cached_statements": 512},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_sqlite, not guessed by the driver
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "cache_size=-8000",  # KiB of each connection; what the file system has cached is not far away
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    """Take the write lock at once on a writer thread: a read that turns into a write could not wait for it."""
    writing = threading.current_thread().name.startswith("db-write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
