"""Statements of hot paths: compiled once per dialect, then run without SQLAlchemy in between.

Such a statement has plain bind parameters of types that the driver knows (text, integers, booleans, bytes), and its
rows come as the driver gives them: a boolean of SQLite is an integer. On PostgreSQL it goes past the driver's cursor,
too (``Direct``).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from backstage_py.storage.postgres.direct import Direct


class Prepared:
    """A statement.

    Args:
        statement: select, insert, update or delete with ``bindparam`` for each value; a value that is written into it
            would have no name to be given by, so running it would raise a KeyError.
        columns: for an insert, the columns that are given.
    """

    def __init__(self, statement: Any, columns: Sequence[str] | None = None) -> None:
        self._statement = statement
        self._columns = list(columns) if columns else None
        self._of_sqlite: tuple[str, tuple[str, ...]] | None = None
        self._of_postgresql: Direct | None = None

    def all(self, connection: sa.Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run and return the rows."""
        if connection.dialect.name != "sqlite":
            return self.direct(connection.dialect).all(connection.connection.driver_connection, values)
        cursor = self._execute(connection, values)
        try:
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        finally:
            cursor.close()
        return rows

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> int:
        """Run and return the number of rows that it changed."""
        if connection.dialect.name != "sqlite":
            return self.direct(connection.dialect).run(connection.connection.driver_connection, values)
        cursor = self._execute(connection, values)
        count: int = cursor.rowcount
        cursor.close()
        return count

    def run_many(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run once for each row."""
        if connection.dialect.name != "sqlite":
            for row in rows:
                self.run(connection, row)
            return
        text, names = self._text(connection)
        cursor = connection.connection.cursor()
        cursor.executemany(text, [[row[name] for name in names] for row in rows])
        cursor.close()

    def _execute(self, connection: sa.Connection, values: Mapping[str, Any]) -> Any:
        text, names = self._text(connection)
        cursor = connection.connection.cursor()
        cursor.execute(text, [values[name] for name in names])
        return cursor

    def _text(self, connection: sa.Connection) -> tuple[str, tuple[str, ...]]:
        if self._of_sqlite is None:
            compiled = self._statement.compile(dialect=connection.dialect, column_keys=self._columns)
            self._of_sqlite = str(compiled), tuple(compiled.positiontup or ())
        return self._of_sqlite

    def direct(self, dialect: sa.Dialect) -> Direct:
        """Return it as it is sent to PostgreSQL."""
        if self._of_postgresql is None:
            compiled = self._statement.compile(dialect=dialect, column_keys=self._columns)
            self._of_postgresql = Direct(str(compiled))
        return self._of_postgresql
