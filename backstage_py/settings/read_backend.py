"""``backend`` and ``discovery``."""

import re
from pathlib import Path
from urllib.parse import quote, urlencode

from backstage_py.model.trusted_proxies import TrustedProxies
from backstage_py.settings.reading import Reader, kind
from backstage_py.settings.sections import (
    CORS_METHODS,
    BackendSettings,
    CorsSettings,
    DiscoverySettings,
    ReadingRule,
    ServerSettings,
)

_LISTEN = re.compile(r"(?:(?P<host>\[[^\]]*\]|[^:]*):)?(?P<port>\d+)|(?P<only>[^:]+)")
_HIGHEST_PORT = 65_535
_DEFAULT_PORT = 7007
_LEVELS = ("debug", "info", "warn", "error")
_SQLITE_FILE = "backstage-py.sqlite"
_PG_DATABASE = "backstage_py"


def read(config: Reader) -> BackendSettings:
    """Read ``backend``."""
    backend = config.section("backend")
    host, port = _listen(backend)
    base_url = backend.url("baseUrl") or default_base_url(host, port)
    working = backend.text("workingDirectory")
    return BackendSettings(
        base_url=base_url,
        host=host,
        port=port,
        database_url=_database(backend.section("database")),
        working_directory=Path(working).absolute() if working else Path.cwd() / "backstage-py-work",
        cors=_cors(backend),
        reading=tuple(
            ReadingRule(rule.required_text("host", "*.example.com"), rule.texts("paths"))
            for rule in backend.section("reading").sections("allow")
        ),
        csp=_csp(backend.section("csp")),
        health_headers=_headers(backend.within("health").section("headers")),
        shutdown_delay=backend.section("lifecycle").duration("serverShutdownDelay") or 0.0,
        log_level=backend.section("logger").choice("level", _LEVELS, "info"),
        action_sources=backend.section("actions").texts("pluginSources") or (),
        server=_server(backend),
    )


def read_discovery(config: Reader) -> DiscoverySettings:
    """Read ``discovery.endpoints``; a later entry for the same plugin wins."""
    internal: dict[str, str] = {}
    external: dict[str, str] = {}
    for endpoint in config.section("discovery").sections("endpoints"):
        target = endpoint.raw("target")
        if isinstance(target, dict):
            both = endpoint.section("target")
            inner, outer = both.url("internal"), both.url("external")
        else:
            inner = outer = endpoint.url("target")
        plugins = endpoint.texts("plugins")
        if not (inner or outer) or not plugins:
            endpoint.fail(
                "", "expected 'target' (a URL, or {internal, external}) and 'plugins' (an array of plugin ids)"
            )
        internal |= dict.fromkeys(plugins, inner) if inner else {}
        external |= dict.fromkeys(plugins, outer) if outer else {}
    return DiscoverySettings(internal, external)


def _server(backend: Reader) -> ServerSettings:
    server, defaults = backend.section("server"), ServerSettings()

    def seconds(key: str, default: float) -> float:
        value = server.raw(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value / 1000  # Backstage takes a number here for milliseconds
        found = server.duration(key)
        return default if found is None else found

    unauthenticated = server.whole("maxUnauthenticatedConnections", least=1)
    return ServerSettings(
        headers_timeout=seconds("headersTimeout", defaults.headers_timeout),
        request_timeout=seconds("requestTimeout", defaults.request_timeout),
        keep_alive_timeout=seconds("keepAliveTimeout", defaults.keep_alive_timeout),
        most_connections=server.whole("maxConnections", least=1),
        most_unauthenticated=defaults.most_unauthenticated if unauthenticated is None else unauthenticated,
        trust_proxy=_trust_proxy(backend),
    )


def _trust_proxy(backend: Reader) -> bool | tuple[str, ...]:
    """Read who is trusted; a number of hops, as Express takes it, trusts every peer to be a proxy."""
    value = backend.raw("trustProxy")
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, int):
        return value > 0
    names = tuple(name.strip() for text in backend.texts("trustProxy") or () for name in text.split(","))
    try:
        TrustedProxies(names)
    except ValueError:
        backend.fail("trustProxy", "expected true, false, a number, addresses, networks, or loopback, uniquelocal")
    return names


def _listen(backend: Reader) -> tuple[str, int]:
    value = backend.raw("listen")
    if isinstance(value, dict):
        listen = backend.section("listen")
        host = listen.raw("host")
        if host is not None and not isinstance(host, str):
            listen.fail("host", f"expected text, found {kind(host)}")
        port = listen.whole("port", most=_HIGHEST_PORT)
        return _plain(host) if host is not None else "127.0.0.1", _DEFAULT_PORT if port is None else port
    if value is None:
        return "127.0.0.1", _DEFAULT_PORT
    found = _LISTEN.fullmatch(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
    if not found or int(found["port"] or 0) > _HIGHEST_PORT:
        backend.fail("listen", f"expected ':7007', '127.0.0.1:7007' or {{host, port}}, found {kind(value)}")
    return _plain(found["only"] or found["host"] or ""), int(found["port"] or _DEFAULT_PORT)


def _plain(host: str) -> str:
    """Return the interface; ``*`` and empty stand for all."""
    return host.strip("[]").replace("*", "")


def default_base_url(host: str, port: int) -> str:
    """Return the URL at which a service is reached on its own machine."""
    if host in {"", "0.0.0.0", "::"}:  # noqa: S104  # compared, not bound
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _database(database: Reader) -> str:
    client = database.choice("client", ("better-sqlite3", "sqlite", "sqlite3", "pg"), "better-sqlite3")
    if client == "pg":
        return _postgres(database)
    connection = database.raw("connection")
    if isinstance(connection, dict):
        section = database.section("connection")
        folder, file = section.text("directory"), section.text("filename")
        connection = str(Path(folder) / _SQLITE_FILE) if folder else file
    elif connection is not None:
        connection = database.text("connection")
    if connection == ":memory:":
        return "sqlite://"
    path = Path(connection or _SQLITE_FILE).absolute()
    return f"sqlite:///{path}"


def _postgres(database: Reader) -> str:
    connection = database.raw("connection")
    if isinstance(connection, str):
        scheme, separator, rest = connection.partition("://")
        if not separator or scheme not in {"postgres", "postgresql"}:
            database.fail("connection", "expected 'postgresql://user:password@host:5432/database' or an object")
        return f"postgresql+psycopg://{rest}"
    section = database.section("connection")
    user = quote(section.text("user") or "postgres", safe="")
    password = section.text("password")
    login = f"{user}:{quote(password, safe='')}" if password else user
    host = section.text("host") or "localhost"
    address = f"[{host}]" if ":" in host else quote(host, safe="")
    port = section.whole("port", least=1, most=_HIGHEST_PORT) or 5432
    name = quote(section.text("database") or _PG_DATABASE, safe="")
    query = urlencode(_tls(section))
    return f"postgresql+psycopg://{login}@{address}:{port}/{name}{'?' + query if query else ''}"


def _tls(connection: Reader) -> dict[str, str]:
    """Return libpq's words for knex's ``ssl``: true, or an object with certificates in files."""
    ssl = connection.raw("ssl")
    if ssl is None or ssl is False:
        return {}
    if not isinstance(ssl, dict):
        return {"sslmode": "require"} if connection.boolean("ssl") else {}
    section = connection.section("ssl")
    return {"sslmode": "verify-full" if section.boolean("rejectUnauthorized", default=True) else "require"}


def _cors(backend: Reader) -> CorsSettings | None:
    if not backend.has("cors"):
        return None
    cors = backend.section("cors")
    return CorsSettings(
        origins=cors.texts("origin"),
        methods=tuple(method.upper() for method in cors.words("methods") or ()) or CORS_METHODS,
        credentials=cors.boolean("credentials"),
        allowed_headers=cors.words("allowedHeaders"),
        exposed_headers=cors.words("exposedHeaders") or (),
        max_age=cors.whole("maxAge"),
    )


def _csp(csp: Reader) -> dict[str, tuple[str, ...] | None]:
    directives: dict[str, tuple[str, ...] | None] = {}
    for name, value in csp.data.items():
        key = re.sub(r"[A-Z]", lambda found: f"-{found[0].lower()}", name)
        directives[key] = None if value is False else csp.texts(name)
    return directives


def _headers(headers: Reader) -> dict[str, str]:
    return {name: headers.required_text(name, "text") for name in headers.data}
