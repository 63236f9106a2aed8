"""Statements that go to PostgreSQL past its driver: values as they were given, faults as the driver tells them."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from backstage_py.errors import InputError
from backstage_py.storage.database import Database, Transaction
from backstage_py.storage.prepared import Prepared
from tests.storage.postgres import Postgres, postgres

pytestmark = pytest.mark.xdist_group(__name__)

TEXTS = ["", "a", 'with "quotes" and \\ and {braces}, commas', "NULL", "ä 𝄞\n\t", "%s %% :x"]
KINDS = Prepared(
    sa.text(
        "SELECT CAST(:text AS text), CAST(:number AS bigint), CAST(:small AS int), CAST(:yes AS boolean),"
        " CAST(:raw AS bytea), CAST(:nothing AS text), unnest(CAST(:texts AS text[])),"
        " (SELECT array_agg(n) FROM unnest(CAST(:numbers AS bigint[])) AS n), CAST(:none AS text[]) IS NULL"
    )
)
RAWS = Prepared(sa.text("SELECT unnest(CAST(:raws AS bytea[]))"))
KEEP = Prepared(sa.text("INSERT INTO kept (n) VALUES (:n) ON CONFLICT DO NOTHING"))
KNOWN = Prepared(sa.text("SELECT name FROM pg_prepared_statements"))


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture
async def database(server: Postgres, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    async with Database(server.new_database(request.node.name), connections=2).running() as found:
        await found.write(lambda t: t.connection.exec_driver_sql("CREATE TABLE kept (n int PRIMARY KEY)"))
        yield found


async def test_values_come_back_as_they_were_given(database: Database) -> None:
    values: dict[str, Any] = {
        "text": TEXTS[2],
        "number": -(2**63),
        "small": 7,
        "yes": True,
        "raw": bytes(range(256)),
        "nothing": None,
        "texts": TEXTS,
        "numbers": [1, -1, 2**63 - 1],
        "none": None,
    }
    rows = await database.read(lambda connection: KINDS.all(connection, values))
    assert [row[6] for row in rows] == TEXTS
    expected = (TEXTS[2], -(2**63), 7, True, bytes(range(256)), None)
    assert all(row[:6] == expected and row[7:] == ([1, -1, 2**63 - 1], True) for row in rows)
    raws = [b"", b'\0\\"{}', bytes(range(256))]
    assert await database.read(lambda connection: RAWS.all(connection, {"raws": raws})) == [(raw,) for raw in raws]


async def test_it_says_how_many_rows_it_changed(database: Database) -> None:
    def run(transaction: Transaction) -> list[int]:
        return [KEEP.run(transaction.connection, {"n": n}) for n in (1, 1, 2)]

    assert await database.write(run) == [1, 0, 1]


async def test_a_nul_in_a_text_is_refused_in_words(database: Database) -> None:
    values = {"raws": None}
    with pytest.raises(InputError, match="NUL"):
        await database.read(lambda connection: RAWS.all(connection, {**values, "raws": ["a\0"]}))


async def test_a_transaction_that_fails_keeps_what_is_prepared(database: Database) -> None:
    def fail(transaction: Transaction) -> None:
        KEEP.run(transaction.connection, {"n": 1})
        KEEP.run(transaction.connection, {"n": 2**40})

    def names(transaction: Transaction) -> set[str]:
        return {name for (name,) in KNOWN.all(transaction.connection, {})}

    before = await database.write(names)
    with pytest.raises(psycopg.errors.NumericValueOutOfRange):
        await database.write(fail)
    after = await database.write(names)
    assert before < after
    assert await database.write(lambda t: KEEP.run(t.connection, {"n": 1})) == 1  # nothing was left of the other
    assert await database.write(names) == after


async def test_what_somebody_made_the_server_forget_is_prepared_again(database: Database) -> None:
    await database.write(lambda t: KEEP.run(t.connection, {"n": 1}), is_statement=True)
    await database.write(lambda t: t.connection.exec_driver_sql("DEALLOCATE ALL"), is_statement=True)
    assert await database.write(lambda t: KEEP.run(t.connection, {"n": 2}), is_statement=True) == 1
