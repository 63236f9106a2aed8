"""Bringing a database to the current tables, with Alembic, which is imported only when there is something to do."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from backstage_py.storage.database import Database, Transaction

if TYPE_CHECKING:
    from alembic.config import Config

_SCRIPTS = Path(__file__).parent / "migrations"
_REVISION = re.compile(r'^(down_)?revision(?:: [^=]+)? = (?:"(\w+)"|None)$', re.MULTILINE)


def configuration(database: Database) -> "Config":
    """Return Alembic's configuration for a database, for the commands ``upgrade`` and ``downgrade``."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["database"] = database
    return config


async def upgrade(database: Database, revision: str = "head") -> None:
    """Create or change the tables up to ``revision``. Two processes that start together do it once."""
    if revision == "head" and await database.read(_current) == newest():
        return

    def run(transaction: Transaction) -> None:
        from alembic import command

        config = configuration(database)
        config.attributes["connection"] = transaction.connection
        if not database.is_sqlite:
            transaction.connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7263548192)")
        command.upgrade(config, revision)

    await database.write(run)


def newest() -> str | None:
    """Return the revision that no other follows, read from the scripts without running them."""
    scripts = [script.read_text(encoding="utf-8") for script in (_SCRIPTS / "versions").glob("[0-9]*.py")]
    found = [match for script in scripts for match in _REVISION.findall(script)]
    revisions = {name for down, name in found if not down}
    heads = revisions - {name for down, name in found if down}
    return next(iter(heads)) if len(heads) == 1 else None


def _current(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    current: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return current
