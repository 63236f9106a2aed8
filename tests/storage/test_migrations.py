"""Upgrades and downgrades, of empty and of filled databases, on SQLite and PostgreSQL."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from backstage_py.model.task import TaskFilter
from backstage_py.storage import migrate
from backstage_py.storage.catalog import tables as entity_tables
from backstage_py.storage.database import Database, Transaction
from backstage_py.storage.keys import tables as key_tables
from backstage_py.storage.reporting import tables as platform_tables
from backstage_py.storage.scaffolder import tables as task_tables
from backstage_py.storage.scaffolder.checkpoints import CheckpointStore
from backstage_py.storage.scaffolder.claims import ClaimStore
from backstage_py.storage.scaffolder.events import EventStore
from backstage_py.storage.scaffolder.tasks import TaskStore
from backstage_py.storage.scaffolder.workspaces import WorkspaceTable
from backstage_py.storage.wakes import table as wake_table
from tests.catalog.harness import Web, catalog, component, documents, group, location
from tests.storage import boxes
from tests.storage.postgres import Postgres, postgres

pytestmark = pytest.mark.xdist_group(__name__)

RECORDED = Path(__file__).parents[1] / "golden/storage"
KEY = b"the key of the recorded database"
PAGES = {
    "/all.yaml": location("all", "./c.yaml", "./g.yaml", "./bad.yaml"),
    "/c.yaml": documents(component("one"), component("two", owner="team-b")),
    "/g.yaml": group("team-a"),
    "/bad.yaml": "kind: [\n",
}

TABLES = (
    task_tables.metadata,
    entity_tables.metadata,
    key_tables.metadata,
    wake_table.metadata,
    platform_tables.metadata,
)

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'test.sqlite'}"
    else:
        server: Postgres = request.getfixturevalue("server")
        url = server.new_database(request.node.name[-60:])
    opened = Database(url)
    yield opened
    await opened.close()


def recorded(revision: str) -> Rows:
    """Return the rows of a database that the version with this revision wrote."""
    content = json.loads((RECORDED / f"{revision}.json").read_text(encoding="utf-8"))
    return {
        table: [{name: _value(value) for name, value in row.items()} for row in rows]
        for table, rows in content["tables"].items()
    }


def _value(value: Any) -> Any:
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value


async def fill(database: Database, rows: Rows) -> None:
    """Insert rows as they are, and let generated numbers go on behind them."""

    def run(transaction: Transaction) -> None:
        found = sa.MetaData()
        found.reflect(transaction.connection)
        for name, listed in rows.items():
            table = found.tables[name]
            transaction.connection.execute(sa.delete(table))
            if listed:
                transaction.connection.execute(sa.insert(table), listed)
            if not database.is_sqlite and name in {"task_events", "search_keys"}:
                numbers = f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))"
                transaction.connection.exec_driver_sql(numbers)

    await database.write(run)


async def content(database: Database, like: Rows) -> Rows:
    """Return the rows of the same tables, with the same columns."""

    def run(connection: sa.Connection) -> Rows:
        found = sa.MetaData()
        found.reflect(connection)
        return {
            name: [
                {column: row[column] for column in rows[0]}
                for row in connection.execute(sa.select(found.tables[name])).mappings()
            ]
            for name, rows in like.items()
            if rows
        }

    return await database.read(run)


def in_order(rows: Rows) -> dict[str, list[str]]:
    return {name: sorted(repr(list(row.values())) for row in listed) for name, listed in rows.items() if listed}


async def tables(database: Database) -> set[str]:
    return await database.read(lambda connection: set(sa.inspect(connection).get_table_names()))


async def columns(database: Database) -> set[tuple[str, str, str, bool]]:
    """Return table, column, kind and whether it may be null, of all tables but Alembic's."""

    def run(connection: sa.Connection) -> set[tuple[str, str, str, bool]]:
        looking = sa.inspect(connection)
        return {
            (table, column["name"], column["type"].python_type.__name__, column["nullable"])
            for table in looking.get_table_names()
            if table != "alembic_version"
            for column in looking.get_columns(table)
        }

    return await database.read(run)


def described() -> set[tuple[str, str, str, bool]]:
    return {
        (table.name, column.name, column.type.python_type.__name__, bool(column.nullable))
        for metadata in TABLES
        for table in metadata.tables.values()
        for column in table.columns
    }


async def test_an_upgrade_from_nothing_makes_the_tables_that_the_stores_describe(database: Database) -> None:
    await migrate.upgrade(database)
    assert await columns(database) == described()


@pytest.mark.thorough(sample=1)
async def test_each_revision_goes_down_and_up_again(database: Database) -> None:
    await migrate.upgrade(database)
    complete = await columns(database)

    for revision in reversed(migrate.revisions()):
        await migrate.downgrade(database, f"{revision}-1" if revision != migrate.revisions()[0] else "base")
        await migrate.upgrade(database)
        assert await columns(database) == complete
    await migrate.downgrade(database, "base")
    assert await tables(database) == {"alembic_version"}
    await migrate.upgrade(database)

    assert await columns(database) == complete


async def test_two_processes_upgrade_once(database: Database) -> None:
    other = Database(database.url.render_as_string(hide_password=False))
    try:
        await asyncio.gather(migrate.upgrade(database), migrate.upgrade(other))
    finally:
        await other.close()
    assert await columns(database) == described()


@pytest.mark.thorough(sample=1)
@pytest.mark.parametrize("revision", ["0001", "0002"])
async def test_a_filled_database_keeps_every_row(database: Database, revision: str) -> None:
    rows = recorded(revision)
    await migrate.upgrade(database, revision)
    await fill(database, rows)

    await migrate.upgrade(database)

    assert in_order(await content(database, rows)) == in_order(rows)


async def test_tasks_of_the_first_revision_go_on(database: Database) -> None:
    await migrate.upgrade(database, "0001")
    await fill(database, recorded("0001"))

    await migrate.upgrade(database)

    box = boxes.box(KEY)
    store, claims = TaskStore(database, box), ClaimStore(database, box)
    found, total = await store.list(TaskFilter(order=(("created_at", False),)))
    completed, failed, running, opened = found
    assert (total, [one.status for one in found]) == (4, ["completed", "failed", "processing", "open"])
    assert [one.created_by for one in found] == ["user:default/guest"] * 3 + [None]
    assert len(await EventStore(database).after(completed.id, None)) == 3
    assert (await claims.finished_steps(failed.id))[2].result == {"name": "Error", "message": "no"}
    assert await CheckpointStore(database, box).load(running.id) == {"one/key": {"made": "running"}}
    assert await WorkspaceTable(database, box).load(running.id, 1) == b"archive of running"
    [claim] = await claims.claim("worker-2", 5, keep_secrets=True)
    assert (claim.id, claim.secrets) == (opened.id, {"token": "secret of open"})
    await store.cancel(running.id)
    assert [one.id for one in await EventStore(database).after(running.id, None)] == [7, 8, 9]


async def test_the_catalog_of_an_earlier_revision_goes_on(database: Database, tmp_path: Path) -> None:
    await migrate.upgrade(database, "0002")
    await fill(database, recorded("0002"))
    address = database.url.render_as_string(hide_password=False)

    async with catalog(tmp_path, Web(dict(PAGES)), database_url=address) as world:
        known = {"location:default/all", "component:default/one", "component:default/two", "group:default/team-a"}
        assert await world.refs() == known
        assert len((await world.entity("group:default/team-a"))["relations"]) == 1
        world.web.pages |= {"/c.yaml": component("one"), "/bad.yaml": component("three")}
        await world.refresh("location:default/all")
        assert await world.refs() == known - {"component:default/two"} | {"component:default/three"}
        [registered] = await world.service.locations()
        await world.service.delete_location(registered.id)
        await world.rest()
        assert await world.refs() == set()


async def test_tasks_outlive_the_removal_of_the_catalog(database: Database) -> None:
    rows = recorded("0001")
    await migrate.upgrade(database)
    await fill(database, {**rows, **recorded("0002")})

    await migrate.downgrade(database, "0001")

    assert in_order(await content(database, rows)) == in_order(rows)
    assert "final_entities" not in await tables(database)


async def test_an_older_version_works_on_a_newer_database(database: Database) -> None:
    await migrate.upgrade(database)
    await database.write(
        lambda t: t.connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'of-a-later-version'")
    )

    await migrate.upgrade(database)

    assert (await TaskStore(database, boxes.box(KEY)).list(TaskFilter()))[1] == 0


async def test_a_database_without_an_encoding_gets_its_tables_and_keeps_texts(server: Postgres) -> None:
    with server.connect("postgres") as connection:
        connection.execute(
            "CREATE DATABASE unencoded TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
        )
    database = Database(f"postgresql+psycopg://test@127.0.0.1:{server.port}/unencoded")
    try:
        await migrate.upgrade(database)
        assert await migrate.current(database) == migrate.revisions()[-1]
        said = await database.read(lambda connection: connection.exec_driver_sql("SELECT 'Zoë 🚀'").scalar())
    finally:
        await database.close()
    assert said == "Zoë 🚀"
