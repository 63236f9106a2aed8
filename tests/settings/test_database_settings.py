"""``backend.database`` in the forms that Backstage takes."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.engine import URL, make_url

from backstage_py.errors import SettingsError
from backstage_py.settings import load_settings
from backstage_py.settings.sections import BackendSettings

Load = Callable[[str], BackendSettings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def run(database: str) -> BackendSettings:
        file = tmp_path / "app-config.yaml"
        file.write_text(f"backend:\n  database: {database}\n", encoding="utf-8")
        return load_settings([file], {}).backend

    return run


def url(backend: BackendSettings) -> URL:
    return make_url(backend.database_url)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("{client: pg, connection: {host: h}}", "backstage_py"),
        ("{client: pg, prefix: acme_, connection: {host: h}}", "acme_backstage_py"),
        ("{client: pg, prefix: acme_, connection: {host: h, database: d}}", "d"),
        ("{client: pg, connection: {host: h}, plugin: {backstage-py: {connection: {database: own}}}}", "own"),
        ("{client: pg, connection: {host: h}, plugin: {backstage-py: {connection: 'postgres://h2/own'}}}", "own"),
        ("{client: pg, connection: {host: h}, plugin: {catalog: {connection: {database: c}}}}", "backstage_py"),
    ],
)
def test_names_of_the_database(load: Load, written: str, name: str) -> None:
    assert url(load(written)).database == name


def test_the_entry_of_this_service_wins_over_the_rest(load: Load) -> None:
    found = load(
        "{client: better-sqlite3, connection: ':memory:', knexConfig: {pool: {max: 4}}, plugin: {backstage-py: "
        "{client: pg, connection: {host: own, user: u}, knexConfig: {pool: {max: 20}}, role: r, ensureExists: false}}}"
    )
    assert (url(found).host, url(found).username) == ("own", "u")
    assert (found.database.connections, found.database.role, found.database.create) == (20, "r", False)
    base = load("{client: pg, connection: {host: h}, plugin: {backstage-py: {client: better-sqlite3}}}")
    assert base.database_url.startswith("sqlite:///")


@pytest.mark.parametrize(
    ("connection", "host", "more"),
    [
        ("{host: /var/run/postgresql, user: me}", "/var/run/postgresql", {}),
        ("{host: '/cloudsql/p:r:i'}", "/cloudsql/p:r:i", {}),
        ("'/var/run/postgresql portal'", "/var/run/postgresql", {"database": "portal"}),
        ("'socket:/run/pg?db=portal'", "/run/pg", {"database": "portal"}),
        ("'postgres://me@%2Frun%2Fpg/portal'", "/run/pg", {"database": "portal", "username": "me"}),
        ("{connectionString: 'postgres://me:pw@h:5/portal', password: other}", "h", {"password": "other", "port": 5}),
        ("'postgresql://me@[::1]:5433/portal'", "::1", {"port": 5433}),
    ],
)
def test_sockets_and_connection_strings(load: Load, connection: str, host: str, more: dict[str, object]) -> None:
    found = url(load(f"{{client: pg, connection: {connection}}}"))
    assert (found.host or found.query["host"]) == host
    assert {name: getattr(found, name) for name in more} == more


@pytest.mark.parametrize(
    ("connection", "mode"),
    [
        ("{ssl: true}", "verify-full"),
        ("{ssl: {rejectUnauthorized: true}}", "verify-full"),
        ("{ssl: {rejectUnauthorized: false, ca: PEM}}", "require"),
        ("{ssl: false}", None),
        ("'postgres://h/d?ssl=true'", "verify-full"),
        ("'postgres://h/d?sslmode=no-verify'", "require"),
        ("'postgres://h/d?sslmode=verify-ca'", "verify-ca"),
    ],
)
def test_transport_security(load: Load, connection: str, mode: str | None) -> None:
    assert url(load(f"{{client: pg, connection: {connection}}}")).query.get("sslmode") == mode


def test_certificates_are_kept_apart_from_the_url(load: Load) -> None:
    found = load("{client: pg, connection: {ssl: {ca: CA, cert: CERT, key: KEY}}}")
    assert dict(found.database.certificates) == {"sslrootcert": "CA", "sslcert": "CERT", "sslkey": "KEY"}
    assert "KEY" not in found.database_url
    assert "KEY" not in repr(found)


def test_a_schema_in_the_given_database(load: Load) -> None:
    found = load("{client: pg, pluginDivisionMode: schema, schemaPrefix: acme_, connection: {host: h, database: d}}")
    assert found.database.schema == "acme_backstage_py"
    assert url(found).query["options"] == '-csearch_path="acme_backstage_py"'
    assert url(found).database == "d"


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("{client: mysql2, connection: {host: h}}", "backend.database.client"),
        ("{client: pg, connection: {type: rds, host: h}}", "backend.database.connection.type"),
        ("{client: pg, connection: 'mysql://h/d'}", "backend.database.connection"),
        ("{client: pg, pluginDivisionMode: tables, connection: {}}", "backend.database.pluginDivisionMode"),
        ("{client: pg, pluginDivisionMode: schema, schemaPrefix: 1-, connection: {}}", "backend.database.schemaPrefix"),
        ("{client: pg, knexConfig: {pool: {max: 0}}, connection: {}}", "backend.database.knexConfig.pool.max"),
    ],
)
def test_what_is_refused_names_its_key(load: Load, written: str, key: str) -> None:
    with pytest.raises(SettingsError) as found:
        load(written)
    assert found.value.key == key
