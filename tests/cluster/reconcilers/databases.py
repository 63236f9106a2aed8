"""The databases that a composite stands for: real ones, in a PostgreSQL server that pods reach."""

import secrets
from typing import Any

import psycopg
from psycopg import sql

from tests.storage.postgres import Postgres


class Databases:
    """Makes a database and its role for a composite, and drops them."""

    def __init__(self, server: Postgres) -> None:
        self.server = server

    def connection(self, value: Any) -> dict[str, str]:
        """Make both, and return what a connection secret holds."""
        name, password = self.name(value), secrets.token_urlsafe(18)
        with psycopg.connect(self.server.admin, autocommit=True) as admin:
            create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(password))
            admin.execute(create)
            admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(name)))
        host, port = self.server.host, str(self.server.port)
        return {
            "host": host,
            "endpoint": host,
            "port": port,
            "username": name,
            "password": password,
            "database": name,
        }

    def release(self, value: Any) -> None:
        """Drop both."""
        name = sql.Identifier(self.name(value))
        with psycopg.connect(self.server.admin, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(name))

    def names(self) -> set[str]:
        """Return the databases that there are."""
        with psycopg.connect(self.server.admin) as admin:
            found = admin.execute("SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'")
            return {str(one[0]) for one in found}

    @staticmethod
    def name(value: Any) -> str:
        """Return the name of both: that of the composite, as far as PostgreSQL takes it."""
        return str(value["metadata"]["name"]).replace("-", "_")[:60]
