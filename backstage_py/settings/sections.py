"""What the service is configured with: one frozen class per section, which says how each key is read.

This is the one description: ``description.read`` converts by it, ``schema`` publishes it, and what is in neither is
not known. Durations are seconds. A field without a key is put together of several by ``read_*``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from backstage_py.model.json import Json
from backstage_py.model.scm import ScmIntegration
from backstage_py.settings import elsewhere, kinds
from backstage_py.settings.description import Each, Key, Section, below, key, keys_of
from backstage_py.settings.kinds import Kind, shown
from backstage_py.settings.reading import Reader

_MIB = 1024 * 1024
_PLUGIN_ID = re.compile(r"\{\{\s*pluginId\s*\}\}")


DATABASE_CLIENT = kinds.choice("better-sqlite3", "sqlite", "sqlite3", "pg")
POSTGRES_PORT = kinds.whole(least=1, most=65_535)
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
    working_directory: Path = key("workingDirectory", kinds.PATH, "Folder of task workspaces.", Path())
    cors: CorsSettings | None = key(
        "cors", Section(CorsSettings, is_optional=True), "Without it no CORS headers are sent.", None
    )
    reading: tuple[ReadingRule, ...] = key(
        "reading.allow", Each(ReadingRule), "Hosts that may be read besides those of integrations.", ()
    )
    csp: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    health_headers: Mapping[str, str] = field(default_factory=dict)
    shutdown_delay: float = key(
        "lifecycle.serverShutdownDelay", kinds.DURATION, "How long to answer after a stop was asked for.", 0.0
    )
    log_level: str = key(
        "logger.level", kinds.choice("debug", "info", "warn", "error"), "Least level that is logged.", "info"
    )
    server: ServerSettings = key("server", Section(ServerSettings), "Bounds on connections.", ServerSettings)

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
        Key("database.client", DATABASE_CLIENT, "The database."),
        Key(
            "database.connection",
            kinds.either(kinds.TEXT_SCHEMA, kinds.OBJECT_SCHEMA),
            "':memory:', a file, or a PostgreSQL URL; or an object.",
        ),
        Key("database.connection.directory", kinds.TEXT, "Folder of the SQLite file."),
        Key("database.connection.filename", kinds.TEXT, "The SQLite file."),
        Key("database.connection.host", kinds.TEXT, "Host of PostgreSQL."),
        Key("database.connection.port", POSTGRES_PORT, "Its port."),
        Key("database.connection.user", kinds.TEXT, "User."),
        Key("database.connection.password", kinds.TEXT, "Password."),
        Key("database.connection.database", kinds.TEXT, "Database; backstage_py by default."),
        Key("database.connection.ssl", kinds.ANY, "true, or an object with rejectUnauthorized."),
        *elsewhere.ACTION_FILTERS,
    )


@dataclass(frozen=True, slots=True)
class ExternalStatic:
    """A static token and the subject it stands for."""

    token: str = key(
        "token", kinds.TOKEN, "The static token, at least 8 characters.", example="${CI_TOKEN}", is_shown=False
    )
    subject: str = key("subject", kinds.UNSPACED, "Whom the token stands for.", example="external:ci")


@dataclass(frozen=True, slots=True)
class ExternalLegacy:
    """A secret with which old backends sign their tokens, and the subject those stand for."""

    secret: bytes = key(
        "secret", kinds.SECRET, "The shared secret in Base64.", example="${BACKEND_SECRET}", is_shown=False
    )
    subject: str = key("subject", kinds.UNSPACED, "Whom the token stands for.", example="external:old-backend")


@dataclass(frozen=True, slots=True)
class ExternalJwks:
    """Another issuer by its key set; empty tuples allow anything."""

    url: str = key("url", kinds.URL, "The key set's URL.", missing="is missing; expected the URL of a JSON Web Key Set")
    issuers: tuple[str, ...] = key("issuer", kinds.WORDS, "Accepted issuers.", ())
    audiences: tuple[str, ...] = key("audience", kinds.WORDS, "Accepted audiences.", ())
    algorithms: tuple[str, ...] = key("algorithm", kinds.WORDS, "Accepted algorithms.", ())
    subject_prefix: str | None = key("subjectPrefix", kinds.TEXT, "Put before the subject.", None)


@dataclass(frozen=True, slots=True)
class PluginRestriction:
    """An entry of ``accessRestrictions``; None means no bound of that kind."""

    plugin: str = key("plugin", kinds.TEXT, "Id of the plugin that may be called.", example="catalog")
    permissions: tuple[str, ...] | None = key("permission", kinds.SOME_WORDS, "Names of permissions.", None)
    actions: tuple[str, ...] | None = key(
        "permissionAttribute.action",
        kinds.some_of("create", "read", "update", "delete"),
        "create, read, update or delete.",
        None,
    )

    also: ClassVar = (Key("permissionAttribute", kinds.CLOSED),)


@dataclass(frozen=True, slots=True)
class ExternalAccess:
    """An entry of ``backend.auth.externalAccess``; without restrictions it may call every plugin."""

    options: ExternalStatic | ExternalLegacy | ExternalJwks
    restrictions: tuple[PluginRestriction, ...] = key(
        "accessRestrictions", Each(PluginRestriction), "What the token may do; everything without it.", ()
    )

    also: ClassVar = (
        Key("type", kinds.choice("static", "legacy", "jwks"), "Kind of token.", missing="is missing"),
        Key("options", kinds.CLOSED, missing="is missing"),
        *(replace(one, missing=None) for one in below("options", keys_of(ExternalLegacy))),
        *(replace(one, missing=None) for one in below("options", keys_of(ExternalStatic))),
        *(replace(one, missing=None) for one in below("options", keys_of(ExternalJwks))),
    )


@dataclass(frozen=True, slots=True)
class Issuer:
    """An entry of ``auth.issuers`` (ours): another Backstage whose user tokens count here."""

    issuer: str = key(
        "issuer",
        kinds.URL,
        "The 'iss' of its tokens, <backend.baseUrl>/api/auth.",
        missing="is missing; expected the issuer of the tokens, e.g. https://backstage.example.com/api/auth",
    )
    jwks_url: str = key("jwksUrl", kinds.URL, "Its key set; <issuer>/.well-known/jwks.json by default.", "")

    def checked(self, _section: Reader) -> "Issuer":
        """Fill in where the key set is."""
        return self if self.jwks_url else replace(self, jwks_url=f"{self.issuer}/.well-known/jwks.json")


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """``auth`` and ``backend.auth``.

    Attributes:
        guest: whether guests may sign in (from this machine, unless ``guest_outside_development``).
        guest_ownership: what the guest owns by when the catalog has no such user.
        issuers: other issuers of user tokens, besides the one that ``discovery.endpoints`` names for ``auth``.
        ownership_in_token: ``auth.omitIdentityTokenOwnershipClaim: false``.
        key_file: the key with which we sign; beside the database when None.
    """

    guest: bool = False
    guest_outside_development: bool = key(
        "auth.providers.guest.dangerouslyAllowOutsideDevelopment",
        kinds.SWITCH,
        "Let callers of other machines sign in as the guest.",
        False,
    )
    guest_entity_ref: str = key(
        "auth.providers.guest.userEntityRef", kinds.TEXT, "The guest's entity.", "user:development/guest"
    )
    guest_ownership: tuple[str, ...] | None = key(
        "auth.providers.guest.ownershipEntityRefs", kinds.TEXTS, "What the guest owns by.", None
    )
    issuers: tuple[Issuer, ...] = key(
        "auth.issuers", Each(Issuer), "(ours) Other Backstage instances whose users may call.", ()
    )
    external: tuple[ExternalAccess, ...] = ()
    disable_default_policy: bool = key(
        "backend.auth.dangerouslyDisableDefaultAuthPolicy", kinds.SWITCH, "Answer calls without credentials.", False
    )
    ownership_in_token: bool = False
    key_file: Path | None = key(
        "auth.keyFile",
        kinds.PATH,
        "(ours) File of the signing key; made at the first start, beside the database by default.",
        None,
    )

    also: ClassVar = (
        Key("auth.environment", kinds.TEXT, "Name of the environment; frontends use it."),
        Key(
            "auth.omitIdentityTokenOwnershipClaim", kinds.SWITCH, "Leave ownership out of user tokens; true by default."
        ),
        Key("backend.auth.externalAccess", Each(ExternalAccess), "Callers outside Backstage."),
        Key("backend.auth.keys", kinds.ARRAY, "The form before externalAccess."),
        Key("backend.auth.keys[].secret", kinds.TEXT, "The shared secret in Base64."),
    )


@dataclass(frozen=True, slots=True)
class TaskRecoverySettings:
    """``scaffolder.taskRecovery``."""

    enabled: bool = key("taskRecovery.enabled", kinds.SWITCH, "Continue crashed tasks.", False)
    stale_timeout: float = key(
        "taskRecovery.staleTimeout",
        kinds.DURATION,
        "Without heartbeat for this long a task has crashed; 30 seconds.",
        30.0,
    )


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """``scaffolder.limits`` (ours): what one dry run, task or check of a form may use up.

    Attributes:
        evaluation_steps: an operation, a round of a loop, a quarter of a character that is compiled.
        output_bytes: each character counts as one.
        seconds: of rendering and checking; actions have their own timeouts.
    """

    evaluation_steps: int = key(
        "limits.evaluationSteps",
        kinds.whole(least=1),
        "(ours) Most steps that templates of a run may take; 20,000,000 by default.",
        20_000_000,
    )
    regex_steps: int = key(
        "limits.regexSteps",
        kinds.whole(least=1),
        "(ours) Most steps that regular expressions of a run or form may take; 10,000,000 by default.",
        10_000_000,
    )
    output_bytes: int = key(
        "limits.outputBytes",
        kinds.whole(least=1),
        "(ours) Most bytes that templates of a run make, or a dry run answers with; 64 MiB by default.",
        64 * 2**20,
    )
    seconds: float = key(
        "limits.seconds",
        kinds.DURATION,
        "(ours) How long the templates and forms of a run may take in all; 30 seconds by default.",
        30.0,
    )
    steps: int = key(
        "limits.steps",
        kinds.whole(least=1),
        "(ours) Most steps of a run, each round of 'each' counted; 5,000 by default.",
        5_000,
    )


@dataclass(frozen=True, slots=True)
class ChildrenSettings:
    """``scaffolder.children`` (ours): the bounds of each process that works on a template's own programs."""

    memory_bytes: int = key(
        "memoryBytes", kinds.whole(least=64 * _MIB), "(ours) Memory of a child; 1 GiB.", 1024 * _MIB
    )
    cpu_seconds: int = key("cpuSeconds", kinds.whole(least=1), "(ours) Seconds of CPU time of a child; 60.", 60)
    file_size_bytes: int = key(
        "fileSizeBytes", kinds.whole(least=1), "(ours) Size of a file that a child writes; 256 MiB.", 256 * _MIB
    )
    open_files: int = key("openFiles", kinds.whole(least=32), "(ours) Files that a child has open at once; 256.", 256)


@dataclass(frozen=True, slots=True)
class QuotaSettings:
    """``scaffolder`` (ours): what a task may leave on disks and in the database."""

    workspace_bytes: int = key(
        "workspaceLimitBytes", kinds.whole(least=1), "(ours) What a task's folder may hold; 4 GiB.", 4096 * _MIB
    )
    workspace_files: int = key(
        "workspaceLimitFiles", kinds.whole(least=1), "(ours) Files and folders of a task; 500,000.", 500_000
    )
    snapshot_bytes: int = key(
        "snapshotLimitBytes", kinds.whole(least=1), "(ours) Size of a snapshot for recovery; 256 MiB.", 256 * _MIB
    )
    free_disk_bytes: int = key(
        "freeDiskBytes", kinds.whole(), "(ours) What tasks leave free on each disk; 128 MiB.", 128 * _MIB
    )


@dataclass(frozen=True, slots=True)
class ScaffolderSettings:
    """``scaffolder``, with Backstage's experimental names beside the ones that replaced them.

    Attributes:
        retention: None for ever.
        log_limit_bytes: so that a runaway action does not fill the database.
        shutdown_timeout: seconds that a stop waits for running tasks before they are handed back.
        options: the whole section as configured, for values that only one room knows.
    """

    concurrent_tasks_limit: int = key(
        "concurrentTasksLimit",
        kinds.whole(),
        "Tasks that run at the same time in a process; 10 by default, 0 for none.",
        10,
    )
    default_environment: Mapping[str, Json] = key("defaultEnvironment", kinds.OBJECT, default=dict)
    default_author_name: str = key("defaultAuthor.name", kinds.TEXT, "Author of commits.", "Scaffolder")
    default_author_email: str = key(
        "defaultAuthor.email", kinds.TEXT, "Address of the author.", "scaffolder@backstage.io"
    )
    default_commit_message: str = key("defaultCommitMessage", kinds.TEXT, "Message of first commits.", "Initial commit")
    task_timeout: float = key(
        "taskTimeout", kinds.DURATION, "Without heartbeat for this long a task is given up; 24 hours.", 24 * 3600.0
    )
    task_timeout_janitor_frequency: float = key(
        "taskTimeoutJanitorFrequency", kinds.DURATION, "How often to look for such tasks; 5 minutes.", 300.0
    )
    recovery: TaskRecoverySettings = TaskRecoverySettings()
    quotas: QuotaSettings = QuotaSettings()
    limits: LimitSettings = LimitSettings()
    secrets_key: str | None = key(
        "secretsKey", kinds.TEXT, "(ours) Key that encrypts secrets of tasks; a key file is made without it.", None
    )
    workspace_serialization: str | None = key(
        "taskRecovery.workspaceProvider", kinds.TEXT, "Where workspaces are kept for recovery.", None
    )
    retention: float | None = key(
        "taskRetention", kinds.DURATION, "(ours) Ended tasks are removed after this long; never without it.", None
    )
    log_limit_bytes: int = key(
        "logLimitBytes",
        kinds.whole(least=1),
        "(ours) Most bytes of log that a task may write; 16 MiB by default.",
        16 * _MIB,
    )
    actions_folder: Path | None = key("actionsFolder", kinds.PATH, "(ours) Folder with actions of your own.", None)
    reload_actions: bool = key(
        "reloadActions",
        kinds.SWITCH,
        "(ours) Load files of actionsFolder again when they change; backstage-py dev does.",
        False,
    )
    actions_plugin: str = key(
        "actionsPluginId",
        kinds.TEXT,
        "(ours) Plugin id under which other backends find our actions; backstage-py by default.",
        "backstage-py",
    )
    shutdown_timeout: float = key(
        "shutdownTimeout", kinds.DURATION, "(ours) How long a stop waits for running tasks; 30 seconds.", 30.0
    )
    http_allowed_hosts: tuple[str, ...] = key(
        "http.allowedHosts",
        kinds.TEXTS,
        "Hosts that http:backstage:request may reach; when given, discovered plugins too must be on one of them.",
        (),
    )
    children: ChildrenSettings = key(
        "children", Section(ChildrenSettings), "(ours) Bounds of processes that render or evaluate.", ChildrenSettings
    )
    options: Mapping[str, Json] = field(default_factory=dict)

    also: ClassVar = (
        *keys_of(TaskRecoverySettings),
        *keys_of(QuotaSettings),
        *keys_of(LimitSettings),
        *elsewhere.SCAFFOLDER,
    )


@dataclass(frozen=True, slots=True)
class AllowedKind:
    """An entry of a rule's ``allow``: a kind and, if given, the only ``spec.type`` that it may have."""

    kind: str
    spec_type: str | None = None


@dataclass(frozen=True, slots=True)
class RuleLocation:
    """An entry of a rule's ``locations``: a location type and, if given, an exact target or a glob for it."""

    type: str = key("type", kinds.TEXT, "Location type, e.g. url.", example="url")
    exact: str | None = key("exact", kinds.TEXT, "The exact target.", None)
    pattern: str | None = key("pattern", kinds.TEXT, "A glob for the target.", None)

    def checked(self, section: Reader) -> "RuleLocation":
        """Refuse two targets; make a file's absolute."""
        if self.exact and self.pattern:
            section.fail("", "expected 'exact' or 'pattern', not both")
        is_file = self.exact and self.type == "file"
        return replace(self, exact=str(Path(self.exact).absolute())) if self.exact and is_file else self


def _allowed(value: Json) -> tuple[AllowedKind, ...]:
    if not isinstance(value, list):
        raise ValueError(f"expected an array of kinds, found {shown(value)}")  # noqa: TRY004  # as in kinds
    return tuple(_allowed_kind(one) for one in value)


def _allowed_kind(one: Json) -> AllowedKind:
    if isinstance(one, str):
        return AllowedKind(one)
    if isinstance(one, dict) and isinstance(one.get("kind"), str):
        return AllowedKind(one["kind"], one.get("spec.type"))
    raise ValueError(f"expected kinds such as Component, or {{kind, spec.type}}; found {shown(one)}")


_ALLOWED_KIND: dict[str, Json] = {
    "type": "object",
    "properties": {
        "kind": {"type": "string", "description": "The kind."},
        "spec.type": {"type": "string", "description": "The only type the entity may have."},
    },
    "required": ["kind"],
}
_ALLOWED = Kind(_allowed, {"type": "array", "items": {"anyOf": [{"type": "string"}, _ALLOWED_KIND]}})


@dataclass(frozen=True, slots=True)
class CatalogRule:
    """An entry of ``catalog.rules`` or of a location's ``rules``.

    ``locations`` None matches every location, an empty tuple none.
    """

    allow: tuple[AllowedKind, ...] = key(
        "allow", _ALLOWED, "Kinds that may be read.", missing="expected an array of kinds, found nothing"
    )
    locations: tuple[RuleLocation, ...] | None = key(
        "locations", Each(RuleLocation), "Where the rule holds; everywhere without it, nowhere when empty.", None
    )


@dataclass(frozen=True, slots=True)
class CatalogLocation:
    """An entry of ``catalog.locations``; a file target is an absolute path.

    ``rules`` hold for this location besides the global ones.
    """

    type: str = key("type", kinds.TEXT, "url or file.", example="url")
    target: str = key(
        "target", kinds.TEXT, "A URL, or a path seen from the working directory.", example="./catalog-info.yaml"
    )
    rules: tuple[CatalogRule, ...] = key("rules", Each(CatalogRule), "What this location may hold besides.", ())

    def checked(self, _section: Reader) -> "CatalogLocation":
        """Make a file's target absolute."""
        return replace(self, target=str(Path(self.target).absolute())) if self.type == "file" else self


DEFAULT_RULES = (CatalogRule(tuple(AllowedKind(kind) for kind in ("Component", "API", "Location"))),)
"""Without ``catalog.rules`` nobody can register users, groups or templates."""


@dataclass(frozen=True, slots=True)
class ProcessorOptions:
    """``catalog.processorOptions``, by the names of processors; a priority of the configuration wins over its own."""

    disabled: frozenset[str] = frozenset()
    priorities: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CatalogSettings:
    """``catalog``.

    Attributes:
        processing_interval: seconds between two readings of an entity's source; None for never.
        conflict_strategy: what ``POST /locations`` does with a location that exists.
        processors: ``processorOptions`` and ``disableDefaultProcessors``.
        disabled_providers: names of the providers that ``providerOptions`` switches off.
        options: the whole section as configured, for values that only one room knows.
    """

    locations: tuple[CatalogLocation, ...] = key(
        "locations", Each(CatalogLocation, is_closed=False), "Always kept up to date.", ()
    )
    rules: tuple[CatalogRule, ...] = key(
        "rules", Each(CatalogRule), "What may be read; Component, API and Location without it.", DEFAULT_RULES
    )
    read_only: bool = key("readonly", kinds.SWITCH, "Refuse changes by the API.", False)
    processing_interval: float | None = key(
        "processingInterval", kinds.INTERVAL, "How often each entity's source is read again; false for never.", 100.0
    )
    orphan_strategy: str = key(
        "orphanStrategy", kinds.choice("keep", "delete"), "What happens to entities that nothing refers to.", "delete"
    )
    orphan_provider_strategy: str = key(
        "orphanProviderStrategy",
        kinds.choice("keep", "delete"),
        "What happens to entities whose provider is gone.",
        "delete",
    )
    conflict_strategy: str = key(
        "defaultLocationConflictStrategy",
        kinds.choice("refresh", "reject"),
        "What happens when a known location is registered.",
        "reject",
    )
    processors: ProcessorOptions = ProcessorOptions()
    disabled_providers: frozenset[str] = frozenset()
    base_url: str | None = key(
        "baseUrl", kinds.URL, "(ours) The catalog of another Backstage to use; /api/catalog is not served then.", None
    )
    options: Mapping[str, Json] = field(default_factory=dict)

    also: ClassVar = elsewhere.CATALOG


@dataclass(frozen=True, slots=True)
class DiscoverySettings:
    """``discovery.endpoints``: where other plugins are, by plugin id or ``*``; others are below ``backend.baseUrl``.

    A target may hold ``{{pluginId}}``. Those for browsers (``target.external``) are no matter of this service.
    """

    targets: Mapping[str, str] = field(default_factory=dict)

    def target(self, plugin: str) -> str | None:
        """Return the base URL of a plugin for services, None when it is not configured."""
        pattern = self.targets.get(plugin) or self.targets.get("*")
        return None if pattern is None else _PLUGIN_ID.sub(plugin, pattern).rstrip("/")


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """``sandbox`` (ours): the loopback git host for development; off when None in Settings."""

    root: Path = key("root", kinds.PATH, "Folder of its repositories.", lambda: Path("backstage-py-sandbox").absolute())
    port: int = key("port", kinds.PORT, "Its port; any free one by default.", 0)
    crossplane: bool = key("crossplane", kinds.SWITCH, "Answer POST /api/crossplane/postgres; true by default.", True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything.

    ``raw`` is the merged configuration, for plugins; ``warnings`` are what an operator should look at.
    """

    app_title: str = key("app.title", kinds.TEXT, "Name of the app.", "Backstage")
    app_base_url: str | None = key("app.baseUrl", kinds.URL, "Where browsers find the app.", None)
    organization: str | None = key("organization.name", kinds.TEXT, "Name of the organization.", None)
    backend: BackendSettings = key("backend", Section(BackendSettings))
    auth: AuthSettings = field()
    scaffolder: ScaffolderSettings = key("scaffolder", Section(ScaffolderSettings))
    catalog: CatalogSettings = key("catalog", Section(CatalogSettings))
    discovery: DiscoverySettings = field()
    integrations: tuple[ScmIntegration, ...] = field()
    permission_enabled: bool = key("permission.enabled", kinds.SWITCH, "Ask the permission backend.", False)
    sandbox: SandboxSettings | None = key(
        "sandbox",
        Section(SandboxSettings, is_optional=True, is_closed=True),
        "(ours) A git host on this machine in place of github.com, for development.",
        None,
    )
    raw: Mapping[str, Json] = field(repr=False, default_factory=dict)
    warnings: tuple[str, ...] = ()

    also: ClassVar = (*elsewhere.SHARED, *keys_of(AuthSettings), *elsewhere.INTEGRATIONS, *elsewhere.ACTIONS)
