"""The rows of keys. Each function is one transaction; two processes that add the same row agree on one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from backstage_py.storage import clock
from backstage_py.storage.database import Database, Transaction
from backstage_py.storage.keys.tables import keys

CHANGED = "keys:changed"
"""The topic that wakes whoever knows keys."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row, in the order of the table's columns behind ``purpose``."""

    id: str
    generation: int | None
    is_bare: bool
    public: str | None
    content: bytes | None
    wrapped_by: str | None
    used_from: int
    seen_at: int | None


class KeyStore:
    """The keys of one purpose."""

    def __init__(self, database: Database, purpose: str) -> None:
        self._database = database
        self._purpose = purpose
        self._insert = (sqlite if database.is_sqlite else postgresql).insert

    async def load(self) -> tuple[int, Sequence[Row]]:
        """Return the database's time in milliseconds, and all rows."""
        query = sa.select(*keys.c).where(keys.c.purpose == self._purpose)

        def run(connection: sa.Connection) -> tuple[int, Sequence[Row]]:
            now = connection.execute(sa.select(clock.now())).scalar_one()
            return now, [Row(*row[1:]) for row in connection.execute(query)]

        return await self._database.read(run)

    async def add(self, row: Row) -> None:
        """Add a row, unless there is one with its id or its generation."""
        await self._database.write(lambda transaction: self._add(transaction, row), is_repeatable=True)

    async def see(self, row: Row) -> None:
        """Note that a key is in a file now; add its row if there is none."""

        def run(transaction: Transaction) -> None:
            self._add(transaction, row)
            transaction.connection.execute(sa.update(keys).where(self._is(row.id)).values(seen_at=clock.now()))

        await self._database.write(run, is_repeatable=True)

    def _add(self, transaction: Transaction, row: Row) -> None:
        values = {name: getattr(row, name) for name in Row.__slots__}
        statement = self._insert(keys).values(purpose=self._purpose, **values).on_conflict_do_nothing()
        if transaction.connection.execute(statement).rowcount:
            transaction.wake_elsewhere(CHANGED)

    async def rewrap(self, row: Row, content: bytes, wrapped_by: str | None) -> None:
        """Store a key under another wrapping key, unless somebody did meanwhile."""
        same = keys.c.wrapped_by.is_(None) if row.wrapped_by is None else keys.c.wrapped_by == row.wrapped_by
        change = sa.update(keys).where(self._is(row.id), same).values(content=content, wrapped_by=wrapped_by)

        def run(transaction: Transaction) -> None:
            transaction.connection.execute(change)

        await self._database.write(run, is_repeatable=True)

    async def drop(self, id_: str, is_used: Callable[[sa.Connection], bool]) -> bool:
        """Forget a key that is not used, and say whether that was so."""

        def run(transaction: Transaction) -> bool:
            if is_used(transaction.connection):
                return False
            transaction.connection.execute(sa.delete(keys).where(self._is(id_)))
            return True

        return await self._database.write(run, is_repeatable=True)

    def _is(self, id_: str) -> sa.ColumnElement[bool]:
        return sa.and_(keys.c.purpose == self._purpose, keys.c.id == id_)
