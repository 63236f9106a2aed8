"""A first start on PostgreSQL: what is missing is made, or the operator is told the SQL to run."""

import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from backstage_py.errors import BackstageError
from backstage_py.settings import load_settings
from backstage_py.storage.database import Database
from backstage_py.wiring import database
from tests.certificates import Authority
from tests.storage.postgres import Postgres, postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as found:
        with found.connect("postgres") as admin:
            admin.execute("CREATE ROLE poor LOGIN")
            admin.execute("CREATE ROLE maker LOGIN CREATEDB")
            admin.execute("CREATE ROLE owner")
            admin.execute("GRANT owner TO maker")
        yield found


@asynccontextmanager
async def _started(folder: Path, text: str) -> AsyncIterator[Database]:
    file = folder / "app-config.yaml"
    file.write_text(f"backend:\n  database: {text}\n", encoding="utf-8")
    async with database.opened(load_settings([file], {})) as (settings, store):
        await database.migrated(store, settings.backend)
        yield store


async def _value(store: Database, statement: str) -> object:
    return await store.read(lambda connection: connection.exec_driver_sql(statement).scalar())


async def test_the_database_is_made_once(server: Postgres, tmp_path: Path) -> None:
    text = f"{{client: pg, prefix: first_, connection: {{host: 127.0.0.1, port: {server.port}, user: maker}}}}"
    for _ in range(2):
        async with _started(tmp_path, text) as store:
            assert await _value(store, "SELECT current_database()") == "first_backstage_py"
            assert await _value(store, "SELECT count(*) FROM tasks") == 0


async def test_who_may_not_make_it_is_told_the_sql(server: Postgres, tmp_path: Path) -> None:
    text = f"{{client: pg, connection: {{host: 127.0.0.1, port: {server.port}, user: poor, database: 'my \"d'}}}}"
    with pytest.raises(BackstageError) as found:
        async with _started(tmp_path, text):
            pass
    statement = 'CREATE DATABASE "my ""d" OWNER "poor";'
    assert statement in found.value.message

    with server.connect("postgres") as admin:
        admin.execute(statement.encode())
    async with _started(tmp_path, text) as store:
        assert await _value(store, "SELECT current_user") == "poor"


async def test_a_database_in_which_no_tables_may_be_made_is_told_with_its_sql(server: Postgres, tmp_path: Path) -> None:
    server.new_database("foreign")
    text = f"{{client: pg, connection: {{host: 127.0.0.1, port: {server.port}, user: poor, database: foreign}}}}"
    with pytest.raises(BackstageError, match='GRANT CREATE ON SCHEMA public TO "poor";'):
        async with _started(tmp_path, text):
            pass


async def test_nothing_is_made_where_ensure_exists_is_false(server: Postgres, tmp_path: Path) -> None:
    connection = f"{{host: 127.0.0.1, port: {server.port}, user: maker, database: never}}"
    with pytest.raises(BackstageError, match='CREATE DATABASE "never" OWNER "maker";'):
        async with _started(tmp_path, f"{{client: pg, ensureExists: false, connection: {connection}}}"):
            pass


async def test_migrations_are_left_out_when_told_so(server: Postgres, tmp_path: Path) -> None:
    connection = f"{{host: 127.0.0.1, port: {server.port}, user: maker, database: later}}"
    with pytest.raises(BackstageError, match="skipMigrations is set; start once without it"):
        async with _started(tmp_path, f"{{client: pg, skipMigrations: true, connection: {connection}}}"):
            pass
    async with _started(tmp_path, f"{{client: pg, connection: {connection}}}"):
        pass
    async with _started(tmp_path, f"{{client: pg, skipMigrations: true, connection: {connection}}}") as store:
        assert await _value(store, "SELECT count(*) FROM tasks") == 0


async def test_a_schema_of_its_own_beside_other_tables(server: Postgres, tmp_path: Path) -> None:
    server.new_database("shared")
    with server.connect("shared") as admin:
        admin.execute("CREATE TABLE tasks (theirs text)")
        admin.execute("GRANT CREATE ON DATABASE shared TO maker, owner")
    connection = f"{{host: 127.0.0.1, port: {server.port}, user: maker, database: shared}}"
    text = f"{{client: pg, pluginDivisionMode: schema, role: owner, connection: {connection}}}"
    async with _started(tmp_path, text) as store:
        assert await _value(store, "SELECT current_schema()") == "backstage_py"
        assert await _value(store, "SELECT count(*) FROM tasks") == 0
        assert await _value(store, "SELECT tableowner FROM pg_tables WHERE tablename = 'alembic_version'") == "owner"

    refused = f"{{client: pg, pluginDivisionMode: schema, schemaPrefix: other_, connection: {connection}}}"
    with pytest.raises(BackstageError, match='CREATE SCHEMA "other_backstage_py" AUTHORIZATION "poor";'):
        async with _started(tmp_path, refused.replace("user: maker", "user: poor")):
            pass


async def test_a_socket_and_the_size_of_the_pool(server: Postgres, tmp_path: Path) -> None:
    server.folder.chmod(0o755)
    connection = f"{{host: '{server.folder}', port: {server.port}, user: maker, database: by_socket}}"
    text = f"{{client: pg, knexConfig: {{pool: {{min: 0, max: 3}}}}, connection: {connection}}}"
    async with _started(tmp_path, text) as store:
        assert await _value(store, "SELECT inet_client_addr()") is None
        names = {thread.name for thread in threading.enumerate()}
    assert {name for name in names if name.startswith(("db-read-", "db-write-"))} == {  # SQLite's have other names
        "db-read-0",
        "db-write-0",
        "db-write-1",
    }


async def test_certificates_from_the_configuration_are_checked(server: Postgres, tmp_path: Path) -> None:
    authority, other = Authority("ours"), Authority("others")
    _serve_tls(server, authority)
    for name, one in (("ca", authority), ("other", other)):
        (tmp_path / f"{name}.pem").write_bytes(one.pem)
    where = f"host: localhost, port: {server.port}, user: maker, database: by_tls"

    async with _started(tmp_path, f"{{client: pg, connection: {{{where}, ssl: {{ca: {{$file: ca.pem}}}}}}}}") as store:
        assert await _value(store, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") is True
    patience = "patience: {milliseconds: 1}"
    with pytest.raises(BackstageError, match="certificate verify failed"):
        async with _started(
            tmp_path, f"{{client: pg, {patience}, connection: {{{where}, ssl: {{ca: {{$file: other.pem}}}}}}}}"
        ):
            pass
    unchecked = f"{{client: pg, connection: {{{where}, ssl: {{rejectUnauthorized: false}}}}}}"
    async with _started(tmp_path, unchecked) as store:
        assert await _value(store, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") is True


def _serve_tls(server: Postgres, authority: Authority) -> None:
    certificate, key = authority.server("localhost")
    data = server.folder / "data"
    for file, content in (("server.crt", certificate), ("server.key", key)):
        (data / file).write_bytes(content)
        (data / file).chmod(0o600)
        shutil.chown(data / file, data.owner(), data.group())
    with server.connect("postgres") as admin:
        admin.execute("ALTER SYSTEM SET ssl = on")
        admin.execute("SELECT pg_reload_conf()")
