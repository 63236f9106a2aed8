"""SQLite behind ``Database``: threads that read, and one that writes.

The writer commits what is waiting together, so that many small transactions share one flush to the disk; when one of
them fails, all are undone and each runs by itself.
"""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL

from backstage_py.errors import SettingsError
from backstage_py.metrics.process import CONNECTIONS
from backstage_py.storage.faults import BusyError, DatabaseError, meaning, raise_meaning
from backstage_py.storage.transaction import ReadFunction, T, Transaction, Write

_READERS = 4
_BATCH = 256
_BUSY_SECONDS = 30.0

Committed = Callable[[list[Transaction]], None]
"""Told on the writer's thread which transactions were just committed."""


class SqliteThreads:
    """The connections to one file.

    Args:
        url: ``sqlite:///path``.
        committed: gets what was committed, before its callers get their results.
    """

    def __init__(self, url: URL, committed: Committed) -> None:
        if not url.database:
            raise SettingsError("backend.database.connection", "expected the path of an SQLite file")
        self.path = Path(str(url.database)).absolute()
        _make_folder(self.path.parent)
        self.engine = _engine(url)
        self._committed = committed
        self._brief: sa.Connection | None = None
        self._brief_lock = threading.Lock()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="db-read")
        self._jobs: queue.SimpleQueue[Write | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = threading.Thread(target=self._write_loop, name="db-write", daemon=True)
        self._writer.start()

    def read(self, function: ReadFunction[T]) -> "Future[T]":
        """Run ``function`` on a reader's thread."""
        return self._readers.submit(self._read, function)

    def read_here(self, function: ReadFunction[T]) -> T:
        """Run ``function`` on this thread, without a transaction.

        With the file's pages in memory, that takes less time than another thread would need to wake up.

        Raises:
            BusyError: some other program locks out readers.
        """
        with self._brief_lock:
            try:
                if self._brief is None:
                    self._brief = self.engine.connect()
                    self._brief.exec_driver_sql("PRAGMA busy_timeout = 20")  # milliseconds
                return function(self._brief)
            except Exception as error:  # noqa: BLE001  # it is raised as what it means
                raise_meaning(error)
            finally:
                if self._brief and self._brief.in_transaction():
                    self._brief.rollback()

    def write(self, job: Write) -> None:
        """Run a write with what else is waiting."""
        self._jobs.put(job)

    def close(self) -> None:
        """Finish what is queued and close all connections; blocks. Closing twice is fine."""
        if self._writer:
            self._jobs.put(None)
            self._writer.join()
            self._writer = None
        self._readers.shutdown(wait=True)
        with self._brief_lock:
            if self._brief:
                self._brief.close()
                self._brief = None
        self.engine.dispose()

    def _read(self, function: ReadFunction[T]) -> T:
        CONNECTIONS.inc("busy")
        try:
            with self.engine.connect() as connection:
                return function(connection)
        except Exception as error:  # noqa: BLE001  # it is raised as what it means
            raise_meaning(error)
        finally:
            CONNECTIONS.inc("busy", amount=-1)

    def _write_loop(self) -> None:
        for batch in self._batches():
            CONNECTIONS.inc("busy")
            if len(batch) > 1:
                self._commit_together(batch)
            else:
                self._commit_alone(batch[0])
            CONNECTIONS.inc("busy", amount=-1)

    def _batches(self) -> Iterator[list[Write]]:
        while (first := self._jobs.get()) is not None:
            batch = [first]
            while len(batch) < _BATCH:
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    yield batch
                    return
                batch.append(job)
            yield batch

    def _commit_together(self, batch: list[Write]) -> None:
        """Commit all of a batch at once; when one of its functions raises, undo them and let each try by itself."""
        outcomes: list[tuple[Write, Any]] = []
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

    def _commit_alone(self, job: Write) -> None:
        try:
            with self.engine.begin() as connection:
                transaction = Transaction(connection)
                result = job.function(transaction)
        except Exception as error:  # noqa: BLE001  # it belongs to the caller who waits for the job
            _fail(job, meaning(error))
            return
        self._finish([(job, result)], [transaction])

    def _finish(self, outcomes: list[tuple[Write, Any]], transactions: list[Transaction]) -> None:
        self._committed(transactions)
        for job, result in outcomes:
            with contextlib.suppress(InvalidStateError):  # the waiter was cancelled; the data is written
                job.done.set_result(result)


def _fail(job: Write, error: BaseException) -> None:
    with contextlib.suppress(InvalidStateError):  # the waiter was cancelled
        job.done.set_exception(error)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(
            f"The folder of the database cannot be made ({error}); check backend.database.connection"
        ) from error


def _engine(url: URL) -> sa.Engine:
    engine = sa.create_engine(
        url,
        hide_parameters=True,  # errors that quote them would put what users store into the log
        pool_size=_READERS + 4,
        poolclass=sa.QueuePool,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False, "cached_statements": 512},
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "close", lambda _connection, _record: CONNECTIONS.inc("open", amount=-1))
    return engine


def _prepare(connection: Any, _record: object) -> None:
    CONNECTIONS.inc("open")
    connection.isolation_level = None  # transactions are begun by _begin, not guessed by the driver
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "cache_size=-8000",  # KiB of each connection; what the file system has cached is not far away
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    """Take the write lock at once on a writer thread: a read that turns into a write could not wait for it."""
    writing = threading.current_thread().name.startswith("db-write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
