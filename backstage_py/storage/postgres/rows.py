"""Many rows in one statement of PostgreSQL: each column is one parameter, or all of them are copied.

A statement for each row costs both sides several times as much, also when they are pipelined.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import dialect

Row = Sequence[Any]

_MANY = 100
_DIALECT = dialect()  # type: ignore[no-untyped-call,unused-ignore]  # SQLAlchemy's factory has no types


def insert(connection: sa.Connection, table: sa.Table, names: Sequence[str], rows: Sequence[Row], end: str) -> None:
    """Insert rows with values for some columns; ``end`` says what becomes of a conflict, or is empty."""
    columns = ", ".join(names)
    if len(rows) >= _MANY and not end:
        _copy(connection, f"COPY {table.name} ({columns}) FROM STDIN", rows)
        return
    _run(connection, f"INSERT INTO {table.name} ({columns}) SELECT * FROM {_rows(table, tuple(names))}{end}", rows)  # noqa: S608  # names of our own tables


def update(connection: sa.Connection, table: sa.Table, columns: Sequence[str], key: str, rows: Sequence[Row]) -> None:
    """Set columns of rows: each tuple has the values of ``columns``, then that of ``key``."""
    changes = ", ".join(f"{column} = given.{column}" for column in columns)
    given = _rows(table, (*columns, key))
    _run(connection, f"UPDATE {table.name} SET {changes} FROM {given} WHERE {table.name}.{key} = given.{key}", rows)  # noqa: S608


def delete(connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Delete the rows whose ``columns`` have these values."""
    same = " AND ".join(f"{table.name}.{column} = given.{column}" for column in columns)
    _run(connection, f"DELETE FROM {table.name} USING {_rows(table, tuple(columns))} WHERE {same}", rows)  # noqa: S608


def _run(connection: sa.Connection, statement: str, rows: Sequence[Row]) -> None:
    connection.exec_driver_sql(statement, tuple(map(list, zip(*rows, strict=True))))


def _copy(connection: sa.Connection, statement: str, rows: Sequence[Row]) -> None:
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


@cache
def _rows(table: sa.Table, names: tuple[str, ...]) -> str:
    """Return rows whose columns are parameters, as the relation ``given``."""
    kinds = [table.columns[name].type.compile(_DIALECT).partition(" COLLATE")[0] for name in names]
    parameters = ", ".join(f"%s::{kind}[]" for kind in kinds)
    return f"unnest({parameters}) AS given({', '.join(names)})"
