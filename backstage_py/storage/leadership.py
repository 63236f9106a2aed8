"""One process at a time does a job on a database; when it dies, in whatever way, another one takes over at once."""

import asyncio
import contextlib
import fcntl
import os
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from backstage_py import threads
from backstage_py.storage.database import Database

T = TypeVar("T")
_SECONDS = 1.0


class Leadership:
    """The right to do a job: a lock of the operating system beside an SQLite file, or a session lock of PostgreSQL.

    Args:
        database: what the job works on.
        job: its name.
    """

    def __init__(self, database: Database, job: str) -> None:
        self._database = database
        self._job = job

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Wait for the right, and keep it inside the block."""
        if self._database.path is not None:
            async with self._file_lock(self._database.path.with_name(f"{self._database.path.name}-{self._job}.lock")):
                yield
        else:
            async with self._session_lock():
                yield

    @contextlib.asynccontextmanager
    async def _file_lock(self, path: Path) -> AsyncIterator[None]:
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            while not _try_lock(handle):  # noqa: ASYNC110  # nothing signals that a lock is free
                await asyncio.sleep(_SECONDS)
            yield
        finally:
            os.close(handle)  # which gives the lock back

    @contextlib.asynccontextmanager
    async def _session_lock(self) -> AsyncIterator[None]:
        query = sa.select(sa.func.pg_try_advisory_lock(zlib.crc32(f"backstage-py {self._job}".encode())))
        with contextlib.ExitStack() as held:

            def connect() -> sa.Connection:
                connection = self._database.engine.connect()
                held.callback(connection.close)  # as it is detached, that ends the session, and the lock with it
                connection.detach()
                return connection

            connection = await _uninterrupted(connect)
            while not await _uninterrupted(lambda: connection.execute(query).scalar()):  # noqa: ASYNC110  # as above
                await asyncio.sleep(_SECONDS)
            yield


async def _uninterrupted(work: Callable[[], T]) -> T:
    """Run in a thread and wait for its end even when cancelled: what it uses must stay open."""
    working = asyncio.ensure_future(threads.remote_call("database", work))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait({working})
        raise


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
