"""The first start: a database and a schema that do not exist are made, or the SQL is said that an operator runs."""

from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.engine import URL

from backstage_py.storage.faults import DatabaseError
from backstage_py.storage.postgres.connecting import plain

if TYPE_CHECKING:
    import psycopg

_log = structlog.get_logger(__name__)
_ADMIN = "postgres"
_EXISTS = frozenset({"42P04", "23505", "42P06"})
"""Another replica was faster."""


def prepare(url: URL, *, create: bool, schema: str | None = None, role: str | None = None) -> None:
    """Make sure that the database and the schema exist; blocks.

    A server that does not answer is none of its business: whoever connects next waits for it.

    Args:
        url: of the database.
        create: make what is missing.
        schema: that holds the tables; None is one that every database has.
        role: that owns a schema that is made.

    Raises:
        DatabaseError: something is missing and may not be made; says the SQL to run.
    """
    from psycopg import Error

    first = _without_start(url)
    try:
        connection = plain(first)
    except Error:
        if url.database is None or not _is_missing(first):
            return
        _create_database(first, create=create)
        connection = plain(first)
    with connection:
        if schema:
            _ensure_schema(connection, schema, role, create=create)


def _without_start(url: URL) -> URL:
    """Return the URL without what names a schema or a role, which may not exist yet or may not create databases."""
    return url.difference_update_query(["options"])


def _is_missing(url: URL) -> bool:
    from psycopg import Error

    try:
        with plain(url.set(database=_ADMIN)) as admin:
            row = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (url.database,)).fetchone()
    except Error:  # the server is away, or lets nobody into that database
        return False
    return row is None


def _create_database(url: URL, *, create: bool) -> None:
    from psycopg import Error

    statement = f"CREATE DATABASE {_quoted(url.database)}"
    advice = f"{statement} OWNER {_quoted(url.username)};"
    if not create:
        raise DatabaseError(f"The database '{url.database}' does not exist, and ensureExists is false; run: {advice}")
    with plain(url.set(database=_ADMIN)) as admin:
        try:
            admin.execute(statement.encode())
        except Error as error:
            if error.sqlstate not in _EXISTS:
                raise DatabaseError(
                    f"The database '{url.database}' does not exist and cannot be created ({_said(error)}); as an "
                    f"administrator of the server run: {advice}"
                ) from error
            return
    _log.info("database_created", name=url.database)


def _ensure_schema(connection: "psycopg.Connection[Any]", schema: str, role: str | None, *, create: bool) -> None:
    from psycopg import Error

    if connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone():
        return
    owner = role or connection.info.user
    advice = f"CREATE SCHEMA {_quoted(schema)} AUTHORIZATION {_quoted(owner)};"
    if not create:
        raise DatabaseError(f"The schema '{schema}' does not exist, and ensureSchemaExists is not set; run: {advice}")
    authorization = f" AUTHORIZATION {_quoted(role)}" if role else ""
    try:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(schema)}{authorization}".encode())
    except Error as error:
        if error.sqlstate not in _EXISTS:
            raise DatabaseError(
                f"The schema '{schema}' does not exist and cannot be created ({_said(error)}); as the owner of the "
                f"database '{connection.info.dbname}' run: {advice}"
            ) from error
        return
    _log.info("schema_created", name=schema)


def _quoted(name: str | None) -> str:
    return '"' + (name or "").replace('"', '""') + '"'


def _said(error: Exception) -> str:
    return " ".join(str(error).split())
