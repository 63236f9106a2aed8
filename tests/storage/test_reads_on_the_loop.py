"""Reads of PostgreSQL on the event loop: rows as elsewhere, and a connection that is lost is noticed by nobody."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
import sqlalchemy as sa

from backstage_py.errors import InputError
from backstage_py.storage.database import Database
from backstage_py.storage.prepared import Prepared
from tests import patience
from tests.storage.postgres import Postgres, postgres
from tests.storage.wire import Wire, wire

pytestmark = pytest.mark.xdist_group(__name__)

NUMBER = Prepared(sa.text("SELECT CAST(:n AS bigint)"))
TEXT = Prepared(sa.text("SELECT CAST(:text AS text), CAST(:raw AS bytea), CAST(:nothing AS text)"))
ON_LOOP = Prepared(sa.text("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'loop%'"))
FORGET = Prepared(sa.text("DEALLOCATE ALL"))
DIVIDED = Prepared(sa.text("SELECT 10 / CAST(:n AS int)"))
NOWHERE = Prepared(sa.text("SELECT n FROM nowhere WHERE n = :n"))
SLOW = Prepared(sa.text("SELECT CAST(pg_sleep(CAST(:seconds AS float)) AS text)"))


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture
async def parts(server: Postgres, request: pytest.FixtureRequest) -> AsyncIterator[tuple[Database, Wire]]:
    async with wire(server.port) as line:
        url = server.new_database(request.node.name[-60:]).replace(str(server.port), str(line.port))
        async with Database(url, connections=4).running() as database:
            await until_on_loop(database)
            yield database, line


async def until_on_loop(database: Database) -> None:
    async def is_on_loop() -> bool:
        return bool((await database.find(ON_LOOP, {}))[0][0])

    await patience.until_answered(is_on_loop, "reads are made on the loop")


async def number(database: Database, n: int) -> int:
    ((found,),) = await database.find(NUMBER, {"n": n})
    return int(found)


async def test_many_at_once_get_each_the_rows_of_their_own_question(parts: tuple[Database, Wire]) -> None:
    database, _ = parts
    values = {"text": 'with "quotes" \\ ä', "raw": bytes(range(256)), "nothing": None}
    *numbers, rows = await asyncio.gather(*(number(database, n) for n in range(200)), database.find(TEXT, values))
    assert numbers == list(range(200))
    assert rows == [tuple(values.values())]


async def test_a_fault_is_that_of_its_own_question(parts: tuple[Database, Wire]) -> None:
    database, _ = parts
    for _ in range(2):
        found = await asyncio.gather(
            number(database, 1),
            database.find(DIVIDED, {"n": 0}),
            database.find(NOWHERE, {"n": 1}),
            database.find(NOWHERE, {"n": 2}),
            database.find(DIVIDED, {"n": 5}),
            number(database, 2),
            return_exceptions=True,
        )
        assert [found[0], found[4], found[5]] == [1, [(2,)], 2]
        assert isinstance(found[1], psycopg.errors.DivisionByZero)
        assert isinstance(found[2], psycopg.errors.UndefinedTable)
        assert isinstance(found[3], psycopg.errors.UndefinedTable)
    with pytest.raises(InputError, match="NUL"):
        await database.find(TEXT, {"text": "\0", "raw": b"", "nothing": None})
    assert await number(database, 3) == 3


async def test_what_somebody_had_the_server_forget_is_prepared_again(parts: tuple[Database, Wire]) -> None:
    database, _ = parts
    assert await number(database, 1) == 1
    await database.find(FORGET, {})
    assert await asyncio.gather(*(number(database, n) for n in range(5))) == list(range(5))
    assert (await database.find(ON_LOOP, {}))[0][0]


async def test_who_does_not_wait_any_more_disturbs_nobody(parts: tuple[Database, Wire]) -> None:
    database, _ = parts
    given_up = asyncio.ensure_future(database.find(SLOW, {"seconds": 0.05}))
    others = [asyncio.ensure_future(number(database, n)) for n in range(5)]
    await asyncio.sleep(0)
    given_up.cancel()
    assert await asyncio.gather(*others) == list(range(5))


async def test_a_connection_that_is_cut_is_noticed_by_no_reader(parts: tuple[Database, Wire]) -> None:
    database, line = parts
    for round_ in range(3):
        asked = [asyncio.ensure_future(number(database, n)) for n in range(8)]
        await asyncio.sleep(0)
        line.cut()
        assert await asyncio.gather(*asked) == list(range(8)), round_
        await until_on_loop(database)


@pytest.mark.thorough
async def test_a_frozen_connection_is_given_up_and_read_past(parts: tuple[Database, Wire]) -> None:
    database, line = parts
    line.flows.clear()
    asked = asyncio.ensure_future(number(database, 1))
    await patience.until(lambda: database.outages.is_on, "the outage is noticed")
    line.flows.set()
    async with patience.bounded():
        assert await _answered(asked, database) == 1


async def _answered(asked: "asyncio.Future[int]", database: Database) -> int:
    """Return the number; one who asked for too long is told so, and asks again."""
    try:
        return await asked
    except Exception:  # noqa: BLE001  # the outage may take longer than a reader waits
        await patience.until(lambda: not database.outages.is_on, "the outage is over")
        return await number(database, 1)
