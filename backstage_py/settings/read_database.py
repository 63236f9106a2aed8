"""``backend.database``: the URL for SQLAlchemy, and how a PostgreSQL server is used."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from backstage_py.settings import kinds
from backstage_py.settings.reading import Reader
from backstage_py.settings.sections import database as described
from backstage_py.settings.sections.database import DatabaseSettings

_SQLITE_FILE = "backstage-py.sqlite"
_SCHEMA = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_LONGEST_SCHEMA = 63
_VERIFIED = {"sslmode": "verify-full"}
_SSL_TEXTS = {"1": _VERIFIED, "true": _VERIFIED, "0": {"sslmode": "disable"}, "false": {"sslmode": "disable"}}
_NODE_MODES = {"no-verify": "require"}

Words = dict[str, str]
"""libpq's words for a connection, and ``cert.*`` for PEM texts."""


def read(database: Reader) -> tuple[str, DatabaseSettings]:
    """Read the section; the entry of this service in ``plugin`` stands over the rest."""
    base, own = database, database.section("plugin").section(described.OWN)
    of_base, of_own = base.get("client", described.CLIENT), own.get("client", described.CLIENT)
    if (of_own or of_base) != "pg":
        places = (own,) if of_own or own.has("connection") else (base,)
        return _sqlite(places[0]), DatabaseSettings()
    is_schema = base.get("pluginDivisionMode", described.DIVISION) == "schema"
    words = {**(_connection(base) if of_base == "pg" else {}), **_connection(own)}
    if "dbname" not in words and not is_schema:
        words["dbname"] = (base.get("prefix", kinds.TEXT) or "") + described.NAME
    certificates = {name.removeprefix("cert."): text for name, text in words.items() if name.startswith("cert.")}
    role = own.get("role", kinds.TEXT) or base.get("role", kinds.TEXT)
    schema = _schema(base) if is_schema else None
    url = _url({name: text for name, text in words.items() if not name.startswith("cert.")}, schema, role)
    return url, DatabaseSettings(
        create=_creates(base, own, is_schema=is_schema),
        migrate=not _switch(base, own, "skipMigrations", default=False),
        schema=schema,
        role=role,
        certificates=certificates,
        connections=_pool(own) or _pool(base),
    )


def _creates(base: Reader, own: Reader, *, is_schema: bool) -> bool:
    schema = is_schema and _switch(base, own, "ensureSchemaExists", default=False)
    return schema or _switch(base, own, "ensureExists", default=True)


def _switch(base: Reader, own: Reader, name: str, *, default: bool) -> bool:
    for section in (own, base):
        if (found := section.get(name, kinds.SWITCH)) is not None:
            return found
    return default


def _pool(section: Reader) -> int | None:
    return section.get("knexConfig.pool.max", described.CONNECTIONS)


def _schema(base: Reader) -> str:
    name = (base.get("schemaPrefix", kinds.TEXT) or "") + described.NAME
    if not _SCHEMA.fullmatch(name) or len(name) > _LONGEST_SCHEMA:
        base.fail("schemaPrefix", "expected letters, digits and underscores, no digit first, about 50 at most")
    return name


def _sqlite(database: Reader) -> str:
    connection = database.raw("connection")
    if isinstance(connection, dict):
        section = database.section("connection")
        folder, file = section.get("directory", kinds.TEXT), section.get("filename", kinds.TEXT)
        connection = str(Path(folder) / _SQLITE_FILE) if folder else file
    elif connection is not None:
        connection = database.get("connection", kinds.TEXT)
    if connection == ":memory:":
        return "sqlite://"
    return f"sqlite:///{Path(connection or _SQLITE_FILE).absolute()}"


def _connection(section: Reader) -> Words:
    connection = section.raw("connection")
    if isinstance(connection, str):
        return _of_text(section, "connection", connection)
    inner = section.section("connection")
    inner.get("type", described.CONNECTION_TYPE)
    text = inner.get("connectionString", kinds.TEXT)
    words = _of_text(inner, "connectionString", text) if text else {}
    named = {"user": "user", "password": "password", "host": "host", "database": "dbname"}
    for name, word in (*named.items(), ("application_name", "application_name")):
        if (value := inner.get(name, kinds.TEXT)) is not None:
            words[word] = value
    if (port := inner.get("port", described.PORT)) is not None:
        words["port"] = str(port)
    return words | _tls(inner)


def _of_text(section: Reader, key: str, text: str) -> Words:
    """Read a connection string as the driver of Backstage does, which knows a few words that libpq does not."""
    if text.startswith("/"):  # the folder of a socket, and perhaps a database
        folder, _, name = text.partition(" ")
        return {"host": folder, **({"dbname": name} if name else {})}
    expected = "expected 'postgresql://user:password@host:5432/database' or an object"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        section.fail(key, expected)
    query = dict(parse_qsl(parts.query))
    if parts.scheme == "socket":
        named = {"host": unquote(parts.path), "dbname": query.get("db", "")}
    elif parts.scheme in {"postgres", "postgresql"}:
        host = unquote(parts.netloc.rpartition("@")[2].rpartition(":")[0] if port else parts.netloc.rpartition("@")[2])
        named = {"host": host.strip("[]"), "port": str(port or ""), "dbname": unquote(parts.path[1:])}
    else:
        section.fail(key, expected)
    named |= {"user": unquote(parts.username or ""), "password": unquote(parts.password or "")}
    return {name: value for name, value in (named | _translated(query)).items() if value}


def _translated(query: Mapping[str, str]) -> Words:
    words = {name: value for name, value in query.items() if name not in {"ssl", "db", "encoding"}}
    if mode := _NODE_MODES.get(words.get("sslmode", "")):
        words["sslmode"] = mode
    if (ssl := query.get("ssl")) is not None:
        words |= _SSL_TEXTS.get(ssl.lower(), {})
    return words


def _tls(connection: Reader) -> Words:
    """Return libpq's words for the ``ssl`` of Backstage's driver, which checks certificates unless told otherwise."""
    ssl = connection.raw("ssl")
    if not isinstance(ssl, dict):
        return dict(_VERIFIED) if connection.get("ssl", kinds.SWITCH) else {}
    section = connection.section("ssl")
    is_checked = section.get("rejectUnauthorized", kinds.SWITCH) is not False
    words = dict(_VERIFIED) if is_checked else {"sslmode": "require"}
    for name, word in (("ca", "sslrootcert"), ("cert", "sslcert"), ("key", "sslkey")):
        text = section.get(name, kinds.TEXT)
        if text and (is_checked or name != "ca"):  # with an authority, libpq would check all the same
            words[f"cert.{word}"] = text
    return words


def _url(words: Words, schema: str | None, role: str | None) -> str:
    user = quote(words.pop("user", "postgres"), safe="")
    password = words.pop("password", None)
    login = f"{user}:{quote(password, safe='')}" if password else user
    host, port = words.pop("host", "localhost"), words.pop("port", None)
    name = quote(words.pop("dbname", ""), safe="")
    address = f"[{host}]" if ":" in host and not host.startswith("/") else quote(host, safe="")
    if host.startswith("/"):  # a socket's folder may have colons in its name, as Cloud SQL's has
        address, words["host"] = "", host
    started = [f'-csearch_path="{schema}"'] if schema else []
    started += [f"-crole={_escaped(role)}"] if role else []
    if started:
        words["options"] = " ".join([*filter(None, [words.get("options")]), *started])
    query = f"?{urlencode(words)}" if words else ""
    return f"postgresql+psycopg://{login}@{address}{f':{port}' if port else ''}/{name}{query}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(" ", "\\ ")
