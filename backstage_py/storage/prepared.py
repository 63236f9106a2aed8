"""Statements of hot paths: compiled once per dialect, then run on the driver's cursor without SQLAlchemy in between.

Such a statement has plain bind parameters of types that the driver knows (text, integers, booleans, bytes), and its
rows come as the driver gives them: a boolean of SQLite is an integer.
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
        self._compiled: dict[str, tuple[str, tuple[str, ...] | None]] = {}

    def all(self, connection: sa.Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run and return the rows."""
        cursor = self._execute(connection, values)
        try:
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        finally:
            cursor.close()
        return rows

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> int:
        """Run and return the number of rows that it changed."""
        cursor = self._execute(connection, values)
        count: int = cursor.rowcount
        cursor.close()
        return count

    def run_many(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run once for each row."""
        text, names = self._text(connection)
        cursor = connection.connection.cursor()
        cursor.executemany(text, [_arguments(names, row) for row in rows])
        cursor.close()

    def _execute(self, connection: sa.Connection, values: Mapping[str, Any]) -> Any:
        text, names = self._text(connection)
        cursor: Any = connection.connection.cursor()
        if connection.dialect.name == "sqlite":
            cursor.execute(text, _arguments(names, values))
        else:  # the driver would prepare it only when it has run some times
            cursor.execute(text, dict(values), prepare=True)
        return cursor

    def _text(self, connection: sa.Connection) -> tuple[str, tuple[str, ...] | None]:
        dialect = connection.dialect
        found = self._compiled.get(dialect.name)
        if found is None:
            compiled = self._statement.compile(dialect=dialect, column_keys=self._columns)
            names = tuple(compiled.positiontup) if compiled.positiontup else None
            found = self._compiled[dialect.name] = (str(compiled), names)
        return found


class Lookup(Prepared):
    """A select by key that requests wait for: on PostgreSQL it goes past the driver's cursor (``Direct``).

    Args:
        statement: see ``Prepared``.
        kinds: see ``Direct``.
    """

    def __init__(self, statement: Any, kinds: Sequence[type]) -> None:
        super().__init__(statement)
        self._kinds = kinds
        self._direct: Direct | None = None

    def all(self, connection: sa.Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run and return the rows."""
        if connection.dialect.name == "sqlite":
            return super().all(connection, values)
        if self._direct is None:
            self._direct = Direct(self._text(connection)[0], self._kinds)
        return self._direct.all(connection.connection.driver_connection, values)


def _arguments(names: tuple[str, ...] | None, values: Mapping[str, Any]) -> Any:
    return dict(values) if names is None else [values[name] for name in names]
