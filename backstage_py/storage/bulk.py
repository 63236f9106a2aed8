"""Many rows in one statement, and the few pieces of SQL that SQLite and PostgreSQL write differently.

Rows are tuples that go to the driver as they are: for the catalog's tens of thousands of rows that is several times
faster than going through SQLAlchemy's parameters.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.visitors import InternalTraversal

from backstage_py.storage.postgres import rows as postgres

Row = Sequence[Any]


def insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Row], *, ignore: bool = False) -> None:
    """Insert rows that have a value for each column of ``table``, in its order.

    Args:
        connection: of a write.
        table: where to.
        rows: tuples in the order of the columns; the last ones may lack where they have defaults.
        ignore: leave out rows whose key is there already.
    """
    if not rows:
        return
    names = table.columns.keys()[: len(rows[0])]
    end = " ON CONFLICT DO NOTHING" if ignore else ""
    if not _is_sqlite(connection):
        postgres.insert(connection, table, names, rows, end)
        return
    columns, marks = ", ".join(names), ", ".join("?" * len(names))
    connection.exec_driver_sql(f"INSERT INTO {table.name} ({columns}) VALUES ({marks}){end}", _many(rows))  # noqa: S608  # names of our own tables


def update(connection: sa.Connection, table: sa.Table, columns: Sequence[str], key: str, rows: Sequence[Row]) -> None:
    """Set columns of rows, each once: a tuple has the values of ``columns``, then that of ``key``."""
    if not rows:
        return
    if not _is_sqlite(connection):
        postgres.update(connection, table, columns, key, rows)
        return
    changes = ", ".join(f"{column} = ?" for column in columns)
    connection.exec_driver_sql(f"UPDATE {table.name} SET {changes} WHERE {key} = ?", _many(rows))  # noqa: S608


def delete(connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Delete the rows whose ``columns`` have these values."""
    if not rows:
        return
    if not _is_sqlite(connection):
        postgres.delete(connection, table, columns, rows)
        return
    condition = " AND ".join(f"{column} = ?" for column in columns)
    connection.exec_driver_sql(f"DELETE FROM {table.name} WHERE {condition}", _many(rows))  # noqa: S608


def mark(connection: sa.Connection, queue: sa.Table, ids: Iterable[int]) -> None:
    """Put entities into a queue; one that is there gets a new ticket, so that work under way does not take it out."""
    rows = [(id_, 1) for id_ in sorted(set(ids))]
    if not rows:
        return
    again = f" ON CONFLICT (entity_id) DO UPDATE SET ticket = {queue.name}.ticket + 1"
    if _is_sqlite(connection):
        connection.exec_driver_sql(f"INSERT INTO {queue.name} (entity_id, ticket) VALUES (?, ?){again}", _many(rows))  # noqa: S608
    else:
        postgres.insert(connection, queue, ("entity_id", "ticket"), rows, again)


def is_in(column: sa.ColumnElement[Any], values: Collection[Any]) -> sa.ColumnElement[bool]:
    """Return the condition that a column has one of many values, with one parameter however many there are."""
    return _IsIn(column, sa.literal(list(values), _Values()))


def is_in_parameter(column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
    """Do as ``is_in`` for a statement that is built once; the values are its parameter ``name``."""
    return _IsIn(column, sa.bindparam(name, type_=_Values()))


def as_parameter(connection: sa.Connection | sa.Engine, values: Sequence[Any]) -> Any:
    """Return the value of an ``is_in_parameter`` for a statement that goes to the driver as it is."""
    return _for_driver(list(values), connection.dialect)


def checkpoint(engine: sa.Engine) -> None:
    """Move what SQLite has in its log into the database file, from which readers are faster; nothing elsewhere."""
    if engine.dialect.name == "sqlite":
        connection = engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            connection.close()


def analyze(connection: sa.Connection, tables: Collection[sa.Table]) -> None:
    """Have PostgreSQL count what is in its tables, so that it plans queries for what is there now."""
    connection.exec_driver_sql(f"ANALYZE {', '.join(table.name for table in tables)}")


class _IsIn(sa.ColumnElement[bool]):
    inherit_cache = True
    _traverse_internals = [  # noqa: RUF012  # SQLAlchemy's protocol for elements whose compiled form is cached
        ("column", InternalTraversal.dp_clauseelement),
        ("values", InternalTraversal.dp_clauseelement),
    ]

    def __init__(self, column: sa.ColumnElement[Any], values: sa.ColumnElement[Any]) -> None:
        self.column = column
        self.values = values
        self.type = sa.Boolean()

    def self_group(self, against: Any = None) -> "_IsIn":
        """Stand as it is among other conditions; SQLAlchemy would write ``… = 1``, which no index helps."""
        del against
        return self


class _Values(sa.types.TypeDecorator[Any]):
    """A list as one parameter: JSON text for SQLite, an array for PostgreSQL."""

    impl = sa.types.NullType
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        return _for_driver(value, dialect)


def _for_driver(values: list[Any], dialect: sa.Dialect) -> Any:
    return json.dumps(values) if dialect.name == "sqlite" else values


@compiles(_IsIn, "sqlite")  # type: ignore[no-untyped-call,misc,unused-ignore]  # SQLAlchemy's decorator has no types
def _in_sqlite(element: _IsIn, compiler: Any, **options: Any) -> str:
    column, values = compiler.process(element.column, **options), compiler.process(element.values, **options)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608  # compiled parts, no values


@compiles(_IsIn, "postgresql")  # type: ignore[no-untyped-call,misc,unused-ignore]  # as above
def _in_postgresql(element: _IsIn, compiler: Any, **options: Any) -> str:
    column, values = compiler.process(element.column, **options), compiler.process(element.values, **options)
    return f"{column} = ANY({values})"


def _is_sqlite(connection: sa.Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _many(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    return [row if isinstance(row, tuple) else tuple(row) for row in rows]
