"""Migrations while replicas of the version before work: none of these gives way, whatever it has locked."""

import asyncio
import importlib
import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest

from backstage_py.storage import migrate
from backstage_py.storage.database import Database
from tests.storage.postgres import Postgres, postgres

pytestmark = pytest.mark.xdist_group(__name__)

VERSIONS = "backstage_py.storage.migrations.versions"
LEASES = importlib.import_module(f"{VERSIONS}.0006_catalog_leases").altered
IS_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation' AND pid <> pg_backend_pid()"
WATCH = """
    CREATE TABLE taken (revision text, relation text);
    CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO taken SELECT NEW.version_num, relname FROM pg_locks JOIN pg_class ON relation = pg_class.oid
            WHERE pid = pg_backend_pid() AND relkind = 'r' AND relnamespace = 'public'::regnamespace
            AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock');
        RETURN NULL;
    END $$;
    CREATE TRIGGER look AFTER UPDATE ON alembic_version FOR EACH ROW EXECUTE FUNCTION look();
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture
async def database(server: Postgres, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """Return one in which the server takes a replica for the victim of a deadlock, never a migration."""
    name = request.node.name[-60:]
    url = server.new_database(name)
    with server.connect("postgres") as connection:
        connection.execute(f"ALTER DATABASE \"{name}\" SET deadlock_timeout = '1h'".encode())
    async with Database(url).running() as opened:
        yield opened


def of_version_before(server: Postgres, database: Database) -> "psycopg.Connection[Any]":
    """Return a connection that notices a deadlock."""
    connection = server.connect(str(database.url.database))
    connection.autocommit = False
    connection.execute("SET deadlock_timeout = '1s'")
    connection.commit()
    return connection


async def until_waits_or_ended(connection: "psycopg.Connection[Any]", migration: "asyncio.Task[None]") -> None:
    while not migration.done() and connection.execute(IS_WAITING).fetchone() == (0,):  # noqa: ASYNC110  # the server's work
        await asyncio.sleep(0.02)


async def test_a_step_is_recorded_while_its_tables_change(server: Postgres, database: Database) -> None:
    await migrate.upgrade(database, "0002")
    with of_version_before(server, database) as replica:
        replica.execute("LOCK TABLE tasks IN ROW EXCLUSIVE MODE")  # as when a task is held to write a step of it
        migration = asyncio.create_task(migrate.upgrade(database))
        await until_waits_or_ended(replica, migration)

        await asyncio.to_thread(replica.execute, "LOCK TABLE task_steps IN ROW EXCLUSIVE MODE")

        replica.commit()
        await migration
    assert await migrate.current(database) == migrate.revisions()[-1]


@pytest.mark.parametrize(("then", "first"), list(itertools.pairwise(LEASES)))
async def test_work_on_two_tables_goes_on_while_both_change(
    server: Postgres, database: Database, first: str, then: str
) -> None:
    await migrate.upgrade(database, "0005")
    with of_version_before(server, database) as replica:
        replica.execute(f'LOCK TABLE "{first}" IN ROW EXCLUSIVE MODE'.encode())
        migration = asyncio.create_task(migrate.upgrade(database, "0006"))
        await until_waits_or_ended(replica, migration)

        await asyncio.to_thread(replica.execute, f'LOCK TABLE "{then}" IN ROW EXCLUSIVE MODE'.encode())

        replica.commit()
        await migration
    assert await migrate.current(database) == "0006"


async def test_a_migration_names_what_it_locks_if_that_is_more_than_one(server: Postgres, database: Database) -> None:
    first, *later = migrate.revisions()
    await migrate.upgrade(database, first)
    with server.connect(str(database.url.database)) as connection:
        connection.execute(WATCH)
        there = _tables(connection)

        for revision in later:
            await migrate.upgrade(database, revision)

            found = connection.execute("SELECT relation FROM taken WHERE revision = %s", [revision]).fetchall()
            locked = {row[0] for row in found} & there
            assert len(locked) < 2 or locked == set(_altered(revision)), revision
            there = _tables(connection)


def _tables(connection: "psycopg.Connection[Any]") -> set[str]:
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {row[0] for row in rows}


def _altered(revision: str) -> list[str]:
    [module] = (migrate._SCRIPTS / "versions").glob(f"{revision}_*.py")
    return list(getattr(importlib.import_module(f"{VERSIONS}.{module.stem}"), "altered", ()))
