"""Migrations in a process of their own, which ends with them: what they import would stay in a service for good.

It is forked from what is imported already, while nothing runs beside it, so it costs a few milliseconds where there is
nothing to do. What it fails at, this process tries itself, and says why.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NoReturn

from backstage_py import logging
from backstage_py.scaffolder.run.redaction import Redactor
from backstage_py.settings.secret_values import secret_values
from backstage_py.settings.sections import Settings
from backstage_py.storage import migrate, outages
from backstage_py.storage.database import Database
from backstage_py.wiring import database

_LONGEST_URL = 65_536


class Migrator:
    """A process that waits to be told the URL of a database.

    Args:
        pid: of the process.
        order: where it reads.
        ended: what it holds open until it ends.
    """

    def __init__(self, pid: int, order: int, ended: int) -> None:
        self._pid: int | None = pid
        self._order = order
        self._ended = ended

    async def upgrade(self, store: Database) -> None:
        """Bring the tables up to date; raises as ``migrate.upgrade`` does."""
        if not await migrate.is_newest(store):
            os.write(self._order, store.url.render_as_string(hide_password=False).encode())
            await _readable(self._ended)
        self.end()
        await migrate.upgrade(store)

    def end(self) -> None:
        """Let the process be no more; what it has begun is undone by the database."""
        if self._pid is None:
            return
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._pid = None
        os.close(self._order)
        os.close(self._ended)


@contextmanager
def forked(settings: Settings) -> Iterator[Migrator]:
    """Have such a process until the block is left; to be called while this one has a single thread."""
    (reads, order), (ended, holds) = os.pipe(), os.pipe()
    pid = os.fork()  # noqa: TID251  # from here on, Alembic is imported there only
    if pid == 0:
        os.close(order)
        _obey(settings, reads)
    os.close(reads)
    os.close(holds)
    migrator = Migrator(pid, order, ended)
    try:
        yield migrator
    finally:
        migrator.end()


def _obey(settings: Settings, order: int) -> NoReturn:
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: this process's parent decides
        if url := os.read(order, _LONGEST_URL).decode():  # nothing, where the parent was killed
            with logging.hiding(Redactor(secret_values(settings.raw)).text):
                asyncio.run(_upgrade(replace(settings, backend=replace(settings.backend, database_url=url))))
    finally:
        os._exit(0)  # an error has no place to go; the parent looks what is missing


async def _upgrade(settings: Settings) -> None:
    async with database.of(settings).running() as store:
        with outages.patience():
            await migrate.upgrade(store)


async def _readable(descriptor: int) -> None:
    """Wait until a pipe has something to read, or its end."""
    loop = asyncio.get_running_loop()
    seen = asyncio.Event()
    loop.add_reader(descriptor, seen.set)
    try:
        await seen.wait()
    finally:
        loop.remove_reader(descriptor)
