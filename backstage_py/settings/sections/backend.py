"""``backend``: addresses, bounds on connections, CORS, headers, the database, what may be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from backstage_py.settings import elsewhere, kinds
from backstage_py.settings.description import Each, Key, Section, below, key
from backstage_py.settings.kinds import Kind
from backstage_py.settings.sections.database import KEYS as DATABASE_KEYS
from backstage_py.settings.sections.database import DatabaseSettings
from backstage_py.settings.sections.rate_limit import KEYS as RATE_LIMIT_KEYS
from backstage_py.settings.sections.rate_limit import RateLimitSettings

CORS_METHODS = ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE")


@dataclass(frozen=True, slots=True)
class CorsSettings:
    """``backend.cors``; without it no CORS headers are sent.

    ``origins`` None allows every origin (as an entry without ``origin`` does); ``*`` in one stands for anything but a
    slash. ``allowed_headers`` None allows whatever is asked for. ``max_age`` is in seconds.
    """

    origins: tuple[str, ...] | None = key(
        "origin", kinds.TEXTS, "Allowed origins; * stands for anything but a slash. Every origin without it.", None
    )
    methods: tuple[str, ...] = key(
        "methods",
        Kind(lambda value: tuple(one.upper() for one in kinds.WORDS.parse(value)) or None, kinds.WORDS.schema),
        "Allowed methods.",
        CORS_METHODS,
    )
    credentials: bool = key("credentials", kinds.SWITCH, "Whether credentials may be sent.", False)
    allowed_headers: tuple[str, ...] | None = key(
        "allowedHeaders", kinds.WORDS, "Allowed request headers; all without it.", None
    )
    exposed_headers: tuple[str, ...] = key("exposedHeaders", kinds.WORDS, "Headers that scripts may read.", ())
    max_age: int | None = key(
        "maxAge", kinds.whole(), "Seconds that a browser may keep the answer to a preflight.", None
    )


@dataclass(frozen=True, slots=True)
class ReadingRule:
    """An entry of ``backend.reading.allow``: a host (``*.`` matches subdomains) and, if given, path prefixes."""

    host: str = key("host", kinds.TEXT, "A host, or *.example.com for subdomains.", example="*.example.com")
    paths: tuple[str, ...] | None = key("paths", kinds.TEXTS, "Paths; deeper ones are included.", None)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """``backend.server``, and ``backend.trustProxy``: bounds on connections. 0 seconds are no bound."""

    headers_timeout: float = key(
        "headersTimeout", kinds.MILLISECONDS, "How long the headers of a request may take to arrive.", 15.0
    )
    request_timeout: float = key(
        "requestTimeout",
        kinds.MILLISECONDS,
        "How long a request may take to arrive whole, and a client to take more of an answer.",
        120.0,
    )
    keep_alive_timeout: float = key(
        "keepAliveTimeout", kinds.MILLISECONDS, "How long to wait for the next request.", 75.0
    )
    most_connections: int | None = key(
        "maxConnections", kinds.whole(least=1), "(ours) Most connections; as many as open files allow without it.", None
    )
    most_unauthenticated: int = key(
        "maxUnauthenticatedConnections",
        kinds.whole(least=1),
        "(ours) Most connections of one address without a token.",
        100,
    )
    trust_proxy: bool | tuple[str, ...] = False
    """Whose connections stand for many clients."""
    trusted_hops: int | None = None
    """How many proxies stand before us, when ``trustProxy`` says so by a number."""


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """``backend.metrics``: who may read ``/metrics``, and where; Backstage has no such key."""

    is_enabled: bool = key(
        "enabled", kinds.SWITCH, "(ours) Whether anything is counted and GET /metrics answers.", True
    )
    is_open: bool = key(
        "open",
        kinds.SWITCH,
        "(ours) Whether /metrics at the service's own address needs no token; else a service's token is asked for.",
        False,
    )
    host: str | None = key(
        "listen.host", kinds.ANY, "(ours) Interface of that port; backend.listen's without it.", None
    )
    port: int | None = key(
        "listen.port",
        kinds.PORT,
        "(ours) A port of its own that answers GET /metrics without a token, such as 9464; then no other does.",
        None,
    )


_LEVEL = kinds.choice("debug", "info", "warn", "error")


@dataclass(frozen=True, slots=True)
class AuditorSettings:
    """``backend.auditor``: levels of the log by severity, and a sink of its own."""

    low: str = key("severityLogLevelMappings.low", _LEVEL, "Level of reads.", "debug")
    medium: str = key("severityLogLevelMappings.medium", _LEVEL, "Level of changes.", "info")
    high: str = key("severityLogLevelMappings.high", _LEVEL, "Level of what is rare and grave.", "info")
    critical: str = key("severityLogLevelMappings.critical", _LEVEL, "Level of what is graver.", "info")
    sink: str | None = key(
        "sink",
        kinds.TEXT,
        "(ours) Where events are written besides the log, one JSON object a line: stdout, stderr, or a file.",
        None,
    )

    @property
    def levels(self) -> Mapping[str, str]:
        """By severity."""
        return {"low": self.low, "medium": self.medium, "high": self.high, "critical": self.critical}


@dataclass(frozen=True, slots=True)
class HttpsSettings:
    """``backend.https``: PEM texts; without them the service signs its own."""

    certificate: str | None = None
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """``backend``.

    Attributes:
        base_url: as clients see it, without a slash at its end.
        host: interface to listen on; empty for all.
        database_url: for SQLAlchemy; ``sqlite://`` alone is a database that ends with the process.
        csp: directives of ``backend.csp``; None removes a default one.
        health_headers: ``backend.health.headers``.
    """

    base_url: str = key("baseUrl", kinds.URL, "Full URL of this service as clients see it.")
    host: str = "127.0.0.1"
    port: int = 7007
    database_url: str = "sqlite:///backstage-py.sqlite"
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    database_patience: float = key(
        "database.patience",
        kinds.DURATION,
        "(ours) How long a start and what tasks write wait for a database that is away; 10 minutes.",
        600.0,
    )
    database_pooler: bool | None = key(
        "database.pooler",
        kinds.SWITCH,
        "(ours) Whether PostgreSQL is behind a pooler of transactions, such as pgbouncer; found out by default.",
        None,
    )
    working_directory: Path = key("workingDirectory", kinds.PATH, "Folder of task workspaces.", Path())
    cors: CorsSettings | None = key(
        "cors", Section(CorsSettings, is_optional=True), "Without it no CORS headers are sent.", None
    )
    reading: tuple[ReadingRule, ...] = key(
        "reading.allow", Each(ReadingRule), "Hosts that may be read besides those of integrations.", ()
    )
    file_roots: tuple[str, ...] = key(
        "reading.fileRoots",
        kinds.TEXTS,
        "(ours) Folders within which files that were read from this machine may name others by relative paths; "
        "without them only what is beside or below them.",
        (),
    )
    https: HttpsSettings | None = None
    rate_limit: RateLimitSettings | None = None
    csp: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    health_headers: Mapping[str, str] = field(default_factory=dict)
    shutdown_delay: float = key(
        "lifecycle.serverShutdownDelay", kinds.DURATION, "How long to answer after a stop was asked for.", 0.0
    )
    log_level: str = key(
        "logger.level", kinds.choice("debug", "info", "warn", "error"), "Least level that is logged.", "info"
    )
    auditor: AuditorSettings = key("auditor", Section(AuditorSettings), "The audit log.", AuditorSettings)
    server: ServerSettings = key("server", Section(ServerSettings), "Bounds on connections.", ServerSettings)
    metrics: MetricsSettings = key(
        "metrics", Section(MetricsSettings), "(ours) What is counted, and who may read it.", MetricsSettings
    )

    also: ClassVar = (
        Key(
            "listen",
            kinds.either({"type": ["string", "integer"]}, kinds.CLOSED_SCHEMA),
            "Where to listen; 127.0.0.1:7007 by default.",
        ),
        Key("listen.host", kinds.ANY, "Interface; empty for all."),
        Key("listen.port", kinds.PORT, "Port; 0 for any free one."),
        Key("actions.pluginSources", kinds.TEXTS, "Ids of plugins whose actions are used."),
        Key("trustProxy", kinds.ANY, "Proxies: true, a number, addresses, networks, or loopback, uniquelocal."),
        Key("logger.redactAllowlist", kinds.TEXTS, "Values of secret keys that the log may show."),
        Key("csp", kinds.OBJECT, "Directives of the content security policy; false removes one."),
        Key("health.headers", kinds.OBJECT, "Headers of the health answers."),
        *below("database", DATABASE_KEYS),
        Key(
            "https",
            kinds.either({"type": ["boolean", "string"]}, kinds.OBJECT_SCHEMA),
            "Answer by TLS; true signs a certificate for development, kept in the working directory.",
        ),
        Key(
            "https.certificate.cert", kinds.TEXT, "The chain in PEM; files behind $file are taken anew as they change."
        ),
        Key("https.certificate.key", kinds.TEXT, "Its key in PEM."),
        *RATE_LIMIT_KEYS,
        *elsewhere.ACTION_FILTERS,
    )
