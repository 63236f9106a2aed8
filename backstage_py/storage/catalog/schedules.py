"""When a provider's work is due, by the database's clock and for all processes."""

import sqlalchemy as sa

from backstage_py.storage import clock
from backstage_py.storage.catalog import marks
from backstage_py.storage.catalog.lease import Lease
from backstage_py.storage.catalog.tables import schedules
from backstage_py.storage.database import Database, Transaction


class ScheduleStore:
    """The schedules of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def seconds_until(self, name: str) -> float | None:
        """Return after how many seconds something is due, at most 0 when it is now; None when it was never done."""
        query = sa.select(schedules.c.due_at - clock.now()).where(schedules.c.name == name)
        wait = await self._database.read(lambda connection: connection.execute(query).scalar())
        return None if wait is None else wait / 1000

    async def done(self, lease: Lease, name: str, seconds: float) -> None:
        """Have something be due after so many seconds.

        Raises:
            LeaseLostError: it is another process's by now.
        """

        def run(transaction: Transaction) -> None:
            values = {"name": name, "due_at": clock.now() + int(seconds * 1000)}
            transaction.connection.execute(sa.delete(schedules).where(schedules.c.name == name))
            transaction.connection.execute(sa.insert(schedules).values(values))

        await marks.exclusively(self._database, run, lease=lease)
