import asyncio
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from backstage_py.errors import SettingsError
from backstage_py.storage.database import Database, Transaction
from tests import patience

NUMBERS = sa.Table("numbers", sa.MetaData(), sa.Column("n", sa.Integer, primary_key=True))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite'}")
    await database.write(lambda t: NUMBERS.create(t.connection))
    yield database
    await database.close()


def insert(number: int, topic: str | None = None) -> Callable[[Transaction], int]:
    def run(transaction: Transaction) -> int:
        transaction.connection.execute(NUMBERS.insert().values(n=number))
        if topic:
            transaction.wake(topic)
        return number

    return run


def count(connection: sa.Connection) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(NUMBERS)).scalar_one()


async def test_a_write_is_seen_by_the_next_read(database: Database) -> None:
    assert await database.write(insert(1)) == 1
    assert await database.read(count) == 1


async def test_writes_that_wait_together_fail_alone(database: Database) -> None:
    results = await asyncio.gather(*(database.write(insert(n % 50)) for n in range(100)), return_exceptions=True)
    assert sum(isinstance(result, sa.exc.IntegrityError) for result in results) == 50
    assert await database.read(count) == 50


async def test_a_write_that_raises_leaves_nothing(database: Database) -> None:
    def half(transaction: Transaction) -> None:
        transaction.connection.execute(NUMBERS.insert().values(n=1))
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await database.write(half)
    assert await database.read(count) == 0


async def test_a_waiter_is_woken_after_the_commit(database: Database) -> None:
    with database.wakes.subscribe("numbers") as wake:
        await database.write(insert(1, "others"))
        assert not await wake.wait(0.05)
        await database.write(insert(2, "numbers"))
        assert await wake.wait(patience.SECONDS)
        assert await database.read(count) == 2


async def test_a_wake_that_nobody_waited_for_yet_is_remembered(database: Database) -> None:
    with database.wakes.subscribe("numbers") as wake:
        await database.write(insert(1, "numbers"))
        await asyncio.sleep(0)
        assert await wake.wait(patience.SECONDS)


async def test_a_failed_write_wakes_nobody(database: Database) -> None:
    def fail(transaction: Transaction) -> None:
        transaction.wake("numbers")
        raise ValueError("no")

    with database.wakes.subscribe("numbers") as wake:
        with pytest.raises(ValueError, match="no"):
            await database.write(fail)
        assert not await wake.wait(0.05)


OTHER_PROCESS = """
import asyncio, sys
from backstage_py.storage.database import Database
from sqlalchemy import text

async def main():
    database = Database(sys.argv[1])
    def run(transaction):
        transaction.connection.execute(text("insert into numbers values (7)"))
        transaction.wake("numbers")
    await database.write(run)
    await database.close()

asyncio.run(main())
"""


async def test_a_commit_of_another_process_wakes_too(database: Database) -> None:
    with database.wakes.subscribe("numbers") as wake:
        command = [sys.executable, "-c", OTHER_PROCESS, str(database.url)]
        await asyncio.to_thread(subprocess.run, command, check=True)
        assert await wake.wait(patience.SECONDS)
    assert await database.read(count) == 1


async def test_wakes_need_no_short_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("long-" * 20)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    url = f"sqlite:///{long / 'test.sqlite'}"
    database, other = Database(url), Database(url)
    await database.write(lambda t: NUMBERS.create(t.connection))
    with database.wakes.subscribe("numbers") as wake:
        await other.write(insert(1, "numbers"))
        assert await wake.wait(patience.SECONDS)
    await other.close()
    await database.close()


async def test_another_process_that_was_killed_does_not_stop_wakes() -> None:
    with tempfile.TemporaryDirectory() as folder:  # a short path, so that the sockets lie beside the database
        database = Database(f"sqlite:///{folder}/test.sqlite")
        await database.write(lambda t: NUMBERS.create(t.connection))
        with database.wakes.subscribe("numbers") as wake:
            killed = Path(folder, "test.sqlite-wake", "12345-dead")
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
                dead.bind(str(killed))
            await database.write(insert(1, "numbers"))
            assert await wake.wait(patience.SECONDS)
        assert not killed.exists()
        await database.close()
        assert not killed.parent.exists()


async def test_closing_finishes_what_is_queued(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite'}")
    await database.write(lambda t: NUMBERS.create(t.connection))
    writes = [asyncio.ensure_future(database.write(insert(n))) for n in range(300)]
    await asyncio.sleep(0)
    await database.close()
    assert sorted(await asyncio.gather(*writes)) == list(range(300))
    await database.close()


async def test_commits_are_flushed_to_the_disk(database: Database) -> None:
    assert await database.read(lambda c: c.exec_driver_sql("PRAGMA synchronous").scalar_one()) == 2
    assert await database.read(lambda c: c.exec_driver_sql("PRAGMA journal_mode").scalar_one()) == "wal"


def test_a_database_in_memory_is_refused() -> None:
    with pytest.raises(SettingsError, match="path of an SQLite file"):
        Database("sqlite://")


async def test_a_second_writer_waits_for_its_turn(database: Database, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "test.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.ensure_future(database.write(insert(1)))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    other.execute("COMMIT")
    other.close()
    assert await waiting == 1
