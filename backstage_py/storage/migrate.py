"""Bringing a database to the current tables, with Alembic, which is imported only when there is something to do."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
import structlog

from backstage_py import extras
from backstage_py.storage.database import Database, Transaction
from backstage_py.storage.faults import DatabaseError, meaning
from backstage_py.storage.table_locks import TableLocks

if TYPE_CHECKING:
    from alembic.config import Config

_NOT_OURS = (
    "The database holds other tables than this service's; name an empty one in backend.database.connection, "
    "or restore a backup"
)
_NOT_ALLOWED = "42501"
_log = structlog.get_logger(__name__)

_SCRIPTS = Path(__file__).parent / "migrations"
_REVISION = re.compile(r'^(down_)?revision(?:: [^=]+)? = (?:"(\w+)"|None)$', re.MULTILINE)


def configuration(database: Database) -> "Config":
    """Return Alembic's configuration for a database, for the commands ``upgrade`` and ``downgrade``."""
    with extras.without("mako.ext.pygmentplugin"):  # five megabytes, for pages of errors in HTML that nobody asks for
        from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["database"] = database
    return config


async def upgrade(database: Database, revision: str = "head") -> None:
    """Create or change the tables up to ``revision``. Two processes that start together do it once.

    Where replicas of the version before run, each revision is a transaction of its own, whose locks they wait for a
    moment only. A database of a later version stays as it is: migrations only add, so this version works on it while
    replicas of both run.
    """
    if revision == "head" and await is_newest(database):
        return
    known = revisions()
    before = await current(database)
    if before is not None and before not in known:
        if not await database.read(lambda connection: sa.inspect(connection).has_table("tasks")):
            raise DatabaseError(_NOT_OURS)
        _log.warning("database_is_of_a_later_version", revision=before, newest_known=known[-1])
        return
    if database.is_sqlite or before is None:
        await _run(database, "upgrade", revision)
        return
    last = known[-1] if revision == "head" else revision
    for one in known[known.index(before) + 1 : known.index(last) + 1]:
        await _add_beside_others(database, one)


async def is_newest(database: Database) -> bool:
    """Return whether the tables are those of this version."""
    return await current(database) == revisions()[-1]


async def current(database: Database) -> str | None:
    """Return the revision of the tables, None where there are none yet."""
    return await database.read(_current)


async def check(database: Database) -> None:
    """Make sure that the tables are those of this version or of a later one; changes nothing.

    Raises:
        DatabaseError: they are not.
    """
    found = await current(database)
    known = revisions()
    if found is None or (found in known and found != known[-1]):
        raise DatabaseError(
            f"The tables are {'missing' if found is None else f'those of revision {found}'}, this version needs "
            f"revision {known[-1]}, and skipMigrations is set; start once without it"
        )


async def downgrade(database: Database, revision: str) -> None:
    """Take back all that was added after ``revision``, with the rows in it; ``base`` takes all."""
    await _run(database, "downgrade", revision)


def revisions() -> list[str]:
    """Return the revisions in their order, read from the scripts without running them."""
    scripts = [script.read_text(encoding="utf-8") for script in (_SCRIPTS / "versions").glob("[0-9]*.py")]
    following = {}
    for script in scripts:
        named = {bool(down): name for down, name in _REVISION.findall(script)}
        following[named[True]] = named[False]
    found: list[str] = []
    while (one := following.get(found[-1] if found else "")) is not None:
        found.append(one)
    return found


async def _run(database: Database, name: str, revision: str) -> None:
    def run(transaction: Transaction) -> None:
        if not database.is_sqlite:
            _wait_for_other_processes(transaction.connection)
        _command(database, transaction.connection, name, revision)

    await database.write(run, is_repeatable=True)  # what is done already is left out


async def _add_beside_others(database: Database, revision: str) -> None:
    """Add one revision on PostgreSQL while replicas of the version before work with the tables."""
    locks = TableLocks(_altered(database, revision))

    def run(transaction: Transaction) -> None:
        connection = transaction.connection
        _wait_for_other_processes(connection)
        known = revisions()
        if _current(connection) not in known[: known.index(revision)]:  # another process was faster
            return
        locks.take(connection)
        _command(database, connection, "upgrade", revision)

    await database.write(run, is_repeatable=True, is_patient=True)


def _altered(database: Database, revision: str) -> Sequence[str]:
    """Return what a migration says that it alters of what is there."""
    config = configuration(database)
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(config).get_revision(revision)
    altered: Sequence[str] = getattr(script.module, "altered", ())
    return altered


def _wait_for_other_processes(connection: sa.Connection) -> None:
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # an index may take long
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7263548192)")


def _command(database: Database, connection: sa.Connection, name: str, revision: str) -> None:
    config = configuration(database)
    from alembic import command

    config.attributes["connection"] = connection
    try:
        getattr(command, name)(config, revision)
    except (sa.exc.ProgrammingError, sa.exc.OperationalError) as error:
        if meaning(error) is not error:
            raise
        if getattr(error.orig, "sqlstate", None) == _NOT_ALLOWED:
            raise DatabaseError(_grant(database.url, error)) from error
        raise DatabaseError(f"{_NOT_OURS} ({' '.join(str(error.orig).split())})") from error


def _grant(url: sa.URL, error: sa.exc.DBAPIError) -> str:
    """Return what to run so that tables may be made; since PostgreSQL 15 a database's owner alone may do so."""
    user = f'"{url.username}"'
    return (
        f"The database '{url.database}' lets us make no tables ({' '.join(str(error.orig).split())}); as an "
        f"administrator run in it: GRANT CREATE ON SCHEMA public TO {user}; or make it ours with ALTER DATABASE "
        f'"{url.database}" OWNER TO {user};'
    )


def _current(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return found
