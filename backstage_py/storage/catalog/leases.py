"""The store of leases: given for some seconds, renewed, handed back, and ended when their holder is silent."""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from backstage_py.storage import bulk, clock
from backstage_py.storage.catalog import holder, marks, queues
from backstage_py.storage.catalog.lease import Lease, is_valid
from backstage_py.storage.catalog.tables import leases
from backstage_py.storage.database import Database, Transaction


class LeaseStore:
    """The leases of one database.

    Args:
        database: an open database with the catalog's tables.
        seconds: how long a lease is held without being renewed.
    """

    def __init__(self, database: Database, seconds: float) -> None:
        self._database = database
        self._holder = holder.own()
        self.seconds = seconds

    async def take(self, name: str) -> Lease | None:
        """Take a lease that is not held here; None while somebody else has it."""

        def run(transaction: Transaction) -> Lease | None:
            connection = transaction.connection
            earlier = sa.select(leases.c.token).where(leases.c.name == name, leases.c.holder == self._holder)
            _end(transaction, [*_dead(connection), *connection.execute(earlier).scalars()])  # its answer was lost
            if connection.execute(sa.select(leases.c.token).where(leases.c.name == name)).first():
                return None
            lease = Lease(name, marks.take_token(connection))
            values = {"name": name, "token": lease.token, "holder": self._holder, "leased_until": self._end_of_new()}
            connection.execute(sa.insert(leases).values(values))
            return lease

        return await marks.exclusively(self._database, run, is_repeatable=True)

    async def renew(self, held: Iterable[Lease]) -> set[int]:
        """Hold leases from now on for as long again, and return the tokens of those that had not ended."""
        tokens = [lease.token for lease in held]
        renewed = sa.update(leases).where(bulk.is_in(leases.c.token, tokens), is_valid())
        query = renewed.values(leased_until=self._end_of_new()).returning(leases.c.token)
        return await self._database.write(
            lambda transaction: set(transaction.connection.execute(query).scalars()),
            is_statement=True,
            is_repeatable=True,
        )

    async def give_back(self, lease: Lease) -> None:
        """End a lease, so that others go on at once with what it stood for."""
        await marks.exclusively(
            self._database, lambda transaction: _end(transaction, [lease.token]), is_repeatable=True
        )

    async def end_dead(self) -> None:
        """End the leases of holders that are silent or gone, and free what they were at."""
        if await self._database.read(lambda connection: bool(_dead(connection)) or queues.has_lost(connection)):
            await marks.exclusively(
                self._database,
                lambda transaction: _end(transaction, _dead(transaction.connection)),
                is_repeatable=True,
            )

    def _end_of_new(self) -> sa.ColumnElement[int]:
        return clock.now() + int(self.seconds * 1000)


def _dead(connection: sa.Connection) -> list[int]:
    """Return the tokens of leases that have ended, by the clock or with their process."""
    rows = connection.execute(sa.select(leases.c.token, leases.c.holder, is_valid()))
    return [token for token, by, valid in rows if not valid or holder.is_gone(by)]


def _end(transaction: Transaction, tokens: Sequence[int]) -> None:
    bulk.delete(transaction.connection, leases, ("token",), [(token,) for token in tokens])
    if tokens:
        transaction.wake(marks.LEASES)
    queues.free_lost(transaction)
