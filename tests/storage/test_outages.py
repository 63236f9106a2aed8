"""What becomes of reads and writes when the way to PostgreSQL is cut, frozen or closed."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import pq

from backstage_py.errors import ServiceUnavailableError
from backstage_py.storage.database import Database, Transaction
from backstage_py.storage.faults import LostError, meaning
from backstage_py.storage.postgres import watch
from tests import patience
from tests.storage.postgres import Postgres, postgres
from tests.storage.wire import Wire, wire

pytestmark = pytest.mark.xdist_group(__name__)

NUMBERS = sa.Table("numbers", sa.MetaData(), sa.Column("n", sa.Integer))


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@contextlib.asynccontextmanager
async def behind_wire(server: Postgres, name: str, patience: float = 60.0) -> AsyncIterator[tuple[Database, Wire]]:
    url = server.new_database(name[-60:])
    async with wire(server.port) as line:
        url = url.replace(str(server.port), str(line.port))
        async with Database(url, patience=patience).running() as database:
            await database.write(lambda t: NUMBERS.create(t.connection))
            yield database, line


@pytest.fixture
async def parts(server: Postgres, request: pytest.FixtureRequest) -> AsyncIterator[tuple[Database, Wire]]:
    async with behind_wire(server, request.node.name) as opened:
        yield opened


def insert(number: int) -> Callable[[Transaction], None]:
    return lambda transaction: (transaction.connection.execute(NUMBERS.insert().values(n=number)), None)[1]


def numbers(connection: sa.Connection) -> list[int]:
    return list(connection.execute(sa.select(NUMBERS.c.n).order_by(NUMBERS.c.n)).scalars())


async def test_cut_connections_are_not_noticed_by_reads_and_writes(parts: tuple[Database, Wire]) -> None:
    database, line = parts
    for number in range(8):
        await database.write(insert(number), is_repeatable=True, is_patient=True)
        line.cut()
        assert await database.read(numbers, is_patient=True) == list(range(number + 1))
        line.cut()


async def test_what_may_have_been_committed_is_not_written_twice(parts: tuple[Database, Wire]) -> None:
    database, line = parts
    line.drops_after = b"COMMIT"
    with pytest.raises(LostError):
        await database.write(insert(1))
    assert await database.read(numbers) == [1]


async def test_a_statement_of_which_only_the_answer_was_lost_is_sent_again_when_it_may_be(
    parts: tuple[Database, Wire],
) -> None:
    database, line = parts
    line.drops_after = b"COMMIT"
    await database.write(insert(1), is_repeatable=True)
    assert await database.read(numbers) == [1, 1]


async def test_requests_end_soon_without_a_server_and_go_on_with_it(parts: tuple[Database, Wire]) -> None:
    database, line = parts
    line.refuses = True
    line.cut()
    with pytest.raises(ServiceUnavailableError, match="does not answer"):
        await database.read(numbers)
    assert not await database.answers()
    line.refuses = False
    await patience.until(lambda: not database.outages.is_on)
    assert await database.answers()
    assert await database.read(numbers) == []


async def test_a_patient_write_waits_for_the_server(parts: tuple[Database, Wire]) -> None:
    database, line = parts
    line.refuses = True
    line.cut()
    waiting = asyncio.ensure_future(database.write(insert(1), is_repeatable=True, is_patient=True))
    await patience.until(lambda: database.outages.is_on)
    with pytest.raises(ServiceUnavailableError):
        await database.read(numbers)
    assert not waiting.done()
    line.refuses = False
    await waiting
    assert await database.read(numbers) == [1]


async def test_patience_ends(server: Postgres) -> None:
    async with behind_wire(server, "patience", patience=3.0) as (database, line):
        line.refuses = True
        line.cut()
        with pytest.raises(ServiceUnavailableError):
            await database.write(insert(1), is_repeatable=True, is_patient=True)
        line.refuses = False


async def test_a_server_that_accepts_and_stays_silent_is_out_of_reach(parts: tuple[Database, Wire]) -> None:
    database, line = parts
    assert await database.answers()
    line.flows.clear()
    assert not await database.answers()
    with pytest.raises(ServiceUnavailableError):
        await database.read(numbers)
    patient = asyncio.ensure_future(database.write(insert(1), is_repeatable=True, is_patient=True))
    await patience.until(lambda: database.outages.is_on)
    line.flows.set()
    await patience.until(lambda: not database.outages.is_on)
    await patient
    assert await database.read(numbers) == [1]
    assert await database.answers()


async def test_a_slow_statement_is_no_outage(parts: tuple[Database, Wire]) -> None:
    database, _ = parts
    began = time.monotonic()
    await database.read(lambda connection: connection.exec_driver_sql("SELECT pg_sleep(3)").all())
    assert not database.outages.is_on
    assert database.outages.back_at < began


async def test_waiters_are_woken_after_an_outage(parts: tuple[Database, Wire]) -> None:
    database, line = parts
    with database.wakes.subscribe("topic") as wake:
        assert await wake.wait(patience.SECONDS), "once it listens"
        line.flows.clear()
        await database.answers()
        await patience.until(lambda: database.outages.is_on)
        line.flows.set()
        assert await wake.wait(patience.SECONDS)


async def test_a_server_that_is_not_there_yet_is_waited_for(server: Postgres) -> None:
    url = server.new_database("later")
    async with wire(server.port) as line, Database(url.replace(str(server.port), str(line.port))).running() as database:
        line.refuses = True
        waiting = asyncio.ensure_future(database.reached(patience.SECONDS))
        await patience.until(lambda: database.outages.is_on)
        assert not waiting.done()
        line.refuses = False
        await waiting


async def test_an_unknown_database_is_not_waited_for(server: Postgres) -> None:
    url = server.new_database("there").replace("there", "not-there")
    async with Database(url).running() as database:
        with pytest.raises(ServiceUnavailableError, match="not-there"):
            await database.reached(3_600)


async def test_an_answer_that_was_lost_on_one_connection_alone_is_not_waited_for(
    parts: tuple[Database, Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_FORGOTTEN", 2)
    database, line = parts
    line.swallows_after = b"SELECT 4711"
    found = await database.read(lambda connection: connection.exec_driver_sql("SELECT 4711").scalar())
    assert found == 4711
    assert line.has_dropped
    assert not database.outages.is_on


async def test_a_long_statement_beside_it_goes_on(
    parts: tuple[Database, Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_FORGOTTEN", 1)
    database, _ = parts
    tries: list[int] = []

    def sleep(connection: sa.Connection) -> None:
        tries.append(1)
        connection.exec_driver_sql("SELECT pg_sleep(4)")

    await database.read(sleep)
    assert tries == [1]


def test_what_the_driver_says_without_the_server_is_a_lost_connection(server: Postgres) -> None:
    """libpq may fail to send before it counts its connection as broken; then it is no OperationalError."""
    with server.connect("postgres") as connection:
        result = connection.pgconn.make_empty_result(pq.ExecStatus.FATAL_ERROR)
    assert isinstance(meaning(psycopg.errors.error_from_result(result)), LostError)
