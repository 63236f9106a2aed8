"""Bringing a database to the current tables, with Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from backstage_py.storage.database import Database, Transaction

_SCRIPTS = Path(__file__).parent / "migrations"


def configuration(database: Database) -> Config:
    """Return Alembic's configuration for a database, for the commands ``upgrade`` and ``downgrade``."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["database"] = database
    return config


async def upgrade(database: Database, revision: str = "head") -> None:
    """Create or change the tables up to ``revision``. Two processes that start together do it once."""

    def run(transaction: Transaction) -> None:
        config = configuration(database)
        config.attributes["connection"] = transaction.connection
        if not database.is_sqlite:
            transaction.connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7263548192)")
        command.upgrade(config, revision)

    await database.write(run)
