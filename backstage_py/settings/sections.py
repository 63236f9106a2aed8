"""What the service is configured with, one frozen class per section. Durations are seconds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backstage_py.model.json import Json
from backstage_py.model.scm import ScmIntegration

_PLUGIN_ID = re.compile(r"\{\{\s*pluginId\s*\}\}")


CORS_METHODS = ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE")


@dataclass(frozen=True, slots=True)
class CorsSettings:
    """``backend.cors``; without it no CORS headers are sent.

    ``origins`` None allows every origin (as an entry without ``origin`` does); ``*`` in one stands for anything but a
    slash. ``allowed_headers`` None allows whatever is asked for. ``max_age`` is in seconds.
    """

    origins: tuple[str, ...] | None = None
    methods: tuple[str, ...] = CORS_METHODS
    credentials: bool = False
    allowed_headers: tuple[str, ...] | None = None
    exposed_headers: tuple[str, ...] = ()
    max_age: int | None = None


@dataclass(frozen=True, slots=True)
class ReadingRule:
    """An entry of ``backend.reading.allow``: a host (``*.`` matches subdomains) and, if given, path prefixes."""

    host: str
    paths: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """``backend.server`` and ``backend.trustProxy``: bounds on connections. Times in seconds, 0 for no bound.

    Attributes:
        headers_timeout: for the headers of a request to arrive.
        request_timeout: for a request to arrive whole, and for a client to take more of an answer.
        keep_alive_timeout: for the next request.
        most_connections: ``maxConnections`` (ours); None for as many as open files allow.
        most_unauthenticated: ``maxUnauthenticatedConnections`` (ours), of one address.
        trust_proxy: whose connections stand for many clients.
    """

    headers_timeout: float = 15.0
    request_timeout: float = 120.0
    keep_alive_timeout: float = 75.0
    most_connections: int | None = None
    most_unauthenticated: int = 100
    trust_proxy: bool | tuple[str, ...] = False


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """``backend``.

    Attributes:
        base_url: as clients see it, without a slash at its end.
        host: interface to listen on; empty for all.
        database_url: for SQLAlchemy; ``sqlite://`` alone is a database that ends with the process.
        csp: directives of ``backend.csp``; None removes a default one.
        health_headers: ``backend.health.headers``.
        shutdown_delay: ``backend.lifecycle.serverShutdownDelay``, seconds.
        action_sources: ``backend.actions.pluginSources``.
    """

    base_url: str
    host: str = "127.0.0.1"
    port: int = 7007
    database_url: str = "sqlite:///backstage-py.sqlite"
    working_directory: Path = Path()
    cors: CorsSettings | None = None
    reading: tuple[ReadingRule, ...] = ()
    csp: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    health_headers: Mapping[str, str] = field(default_factory=dict)
    shutdown_delay: float = 0.0
    log_level: str = "info"
    action_sources: tuple[str, ...] = ()
    server: ServerSettings = field(default_factory=ServerSettings)


@dataclass(frozen=True, slots=True)
class ExternalStatic:
    """A static token and the subject it stands for."""

    token: str = field(repr=False)
    subject: str


@dataclass(frozen=True, slots=True)
class ExternalLegacy:
    """A secret with which old backends sign their tokens, and the subject those stand for."""

    secret: bytes = field(repr=False)
    subject: str


@dataclass(frozen=True, slots=True)
class ExternalJwks:
    """Another issuer by its key set; empty tuples allow anything."""

    url: str
    issuers: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ()
    subject_prefix: str | None = None


@dataclass(frozen=True, slots=True)
class PluginRestriction:
    """An entry of ``accessRestrictions``; None means no bound of that kind."""

    plugin: str
    permissions: tuple[str, ...] | None = None
    actions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ExternalAccess:
    """An entry of ``backend.auth.externalAccess``; without restrictions it may call every plugin."""

    options: ExternalStatic | ExternalLegacy | ExternalJwks
    restrictions: tuple[PluginRestriction, ...] = ()


@dataclass(frozen=True, slots=True)
class Issuer:
    """An entry of ``auth.issuers`` (ours): another Backstage whose user tokens count here."""

    issuer: str
    jwks_url: str


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """``auth`` and ``backend.auth``.

    Attributes:
        guest: whether guests may sign in (from this machine, unless ``guest_outside_development``).
        guest_ownership: what the guest owns by when the catalog has no such user.
        issuers: other issuers of user tokens, besides the one that ``discovery.endpoints`` names for ``auth``.
        ownership_in_token: ``auth.omitIdentityTokenOwnershipClaim: false``.
        key_file: the key with which we sign (ours); beside the database when None.
    """

    guest: bool = False
    guest_outside_development: bool = False
    guest_entity_ref: str = "user:development/guest"
    guest_ownership: tuple[str, ...] | None = None
    issuers: tuple[Issuer, ...] = ()
    external: tuple[ExternalAccess, ...] = ()
    disable_default_policy: bool = False
    ownership_in_token: bool = False
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class TaskRecoverySettings:
    """``scaffolder.taskRecovery``."""

    enabled: bool = False
    stale_timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class ScaffolderSettings:
    """``scaffolder``."""

    concurrent_tasks_limit: int = 10
    default_environment: Mapping[str, Json] = field(default_factory=dict)
    default_author_name: str = "Scaffolder"
    default_author_email: str = "scaffolder@backstage.io"
    default_commit_message: str = "Initial commit"
    task_timeout: float = 24 * 3600.0
    task_timeout_janitor_frequency: float = 300.0
    recovery: TaskRecoverySettings = TaskRecoverySettings()
    secrets_key: str | None = None
    workspace_serialization: str | None = None
    retention: float | None = None
    log_limit_bytes: int | None = None
    """Of one task, so that a runaway action does not fill the database; None for no bound."""
    actions_folder: Path | None = None
    reload_actions: bool = False
    """Load files of ``actions_folder`` again when they change (ours: ``scaffolder.reloadActions``), for ``dev``."""
    actions_plugin: str = "backstage-py"
    """The plugin id under which other backends find our actions (ours: ``scaffolder.actionsPluginId``)."""
    shutdown_timeout: float = 30.0
    """Seconds that a stop waits for running tasks before they are handed back."""
    http_allowed_hosts: tuple[str, ...] = ()
    """Hosts that ``http:backstage:request`` may reach beside Backstage's own plugins."""
    options: Mapping[str, Json] = field(default_factory=dict)
    """The whole section as configured, for values that only one room knows."""


@dataclass(frozen=True, slots=True)
class AllowedKind:
    """An entry of a rule's ``allow``: a kind and, if given, the only ``spec.type`` that it may have."""

    kind: str
    spec_type: str | None = None


@dataclass(frozen=True, slots=True)
class RuleLocation:
    """An entry of a rule's ``locations``: a location type and, if given, an exact target or a glob for it."""

    type: str
    exact: str | None = None
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class CatalogRule:
    """An entry of ``catalog.rules`` or of a location's ``rules``.

    ``locations`` None matches every location, an empty tuple none.
    """

    allow: tuple[AllowedKind, ...]
    locations: tuple[RuleLocation, ...] | None = None


@dataclass(frozen=True, slots=True)
class CatalogLocation:
    """An entry of ``catalog.locations``; a file target is an absolute path.

    ``rules`` hold for this location besides the global ones.
    """

    type: str
    target: str
    rules: tuple[CatalogRule, ...] = ()


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
        locations: are always kept up to date.
        processing_interval: seconds between two readings of an entity's source; None for never.
        orphan_strategy: ``keep`` or ``delete``; so is ``orphan_provider_strategy``.
        conflict_strategy: ``refresh`` or ``reject``: what ``POST /locations`` does with a location that exists.
        processors: ``processorOptions`` and ``disableDefaultProcessors``.
        disabled_providers: names of the providers that ``providerOptions`` switches off.
        options: the whole section as configured, for values that only one room knows.
    """

    locations: tuple[CatalogLocation, ...] = ()
    rules: tuple[CatalogRule, ...] = DEFAULT_RULES
    read_only: bool = False
    processing_interval: float | None = 100.0
    orphan_strategy: str = "delete"
    orphan_provider_strategy: str = "delete"
    conflict_strategy: str = "reject"
    processors: ProcessorOptions = ProcessorOptions()
    disabled_providers: frozenset[str] = frozenset()
    base_url: str | None = None
    """The catalog of another Backstage to use instead of our own; then ``/api/catalog`` is not served."""
    options: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DiscoverySettings:
    """``discovery.endpoints``: where other plugins are, by plugin id or ``*``; others are below ``backend.baseUrl``.

    A target may hold ``{{pluginId}}``. ``targets`` are for requests between services, ``external_targets`` for
    browsers.
    """

    targets: Mapping[str, str] = field(default_factory=dict)
    external_targets: Mapping[str, str] = field(default_factory=dict)

    def target(self, plugin: str) -> str | None:
        """Return the base URL of a plugin for services, None when it is not configured."""
        pattern = self.targets.get(plugin) or self.targets.get("*")
        return None if pattern is None else _PLUGIN_ID.sub(plugin, pattern).rstrip("/")


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """``sandbox`` (ours): the loopback git host for development; off when None in Settings.

    Attributes:
        root: folder of the repositories.
        port: 0 for any free one.
        crossplane: answer ``POST /api/crossplane/postgres`` by committing the request to a repository.
    """

    root: Path
    port: int = 0
    crossplane: bool = True


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything.

    ``raw`` is the merged configuration, for plugins; ``warnings`` are what an operator should look at.
    """

    app_title: str
    app_base_url: str | None
    organization: str | None
    backend: BackendSettings
    auth: AuthSettings
    scaffolder: ScaffolderSettings
    catalog: CatalogSettings
    discovery: DiscoverySettings
    integrations: tuple[ScmIntegration, ...]
    permission_enabled: bool
    sandbox: SandboxSettings | None
    raw: Mapping[str, Json] = field(repr=False)
    warnings: tuple[str, ...] = ()
