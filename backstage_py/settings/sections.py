"""What the service is configured with, one frozen class per section. Durations are seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backstage_py.model.json import Json
from backstage_py.model.scm import ScmIntegration


@dataclass(frozen=True, slots=True)
class CorsSettings:
    """``backend.cors``; without it no CORS headers are sent."""

    origins: tuple[str, ...] = ()
    methods: tuple[str, ...] = ("GET", "HEAD", "PATCH", "POST", "PUT", "DELETE")
    credentials: bool = True


@dataclass(frozen=True, slots=True)
class ReadingRule:
    """An entry of ``backend.reading.allow``: a host (``*.`` matches subdomains) and, if given, path prefixes."""

    host: str
    paths: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """``backend``."""

    base_url: str
    host: str = "127.0.0.1"
    port: int = 7007
    database_url: str = "sqlite:///backstage-py.sqlite"
    working_directory: Path = Path()
    cors: CorsSettings | None = None
    reading: tuple[ReadingRule, ...] = ()


@dataclass(frozen=True, slots=True)
class ExternalToken:
    """A static token of ``backend.auth.externalAccess`` and the subject it stands for."""

    token: str
    subject: str


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """``auth`` and ``backend.auth``.

    ``jwks_urls`` are key sets of other issuers that are trusted for user tokens, with their issuer.
    """

    guest: bool = False
    guest_outside_development: bool = False
    guest_entity_ref: str = "user:development/guest"
    guest_ownership: tuple[str, ...] | None = None
    issuers: Mapping[str, str] = field(default_factory=dict)
    external_tokens: tuple[ExternalToken, ...] = ()
    disable_default_policy: bool = False


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
    actions_folder: Path | None = None
    options: Mapping[str, Json] = field(default_factory=dict)
    """The whole section as configured, for values that only one room knows."""


@dataclass(frozen=True, slots=True)
class CatalogRule:
    """An entry of ``catalog.rules`` or of a location's ``rules``."""

    kinds: tuple[str, ...]
    location_types: tuple[str, ...] | None = None
    patterns: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class CatalogLocation:
    """An entry of ``catalog.locations``; a file target is an absolute path."""

    type: str
    target: str
    rules: tuple[CatalogRule, ...] = ()


@dataclass(frozen=True, slots=True)
class CatalogSettings:
    """``catalog``."""

    locations: tuple[CatalogLocation, ...] = ()
    rules: tuple[CatalogRule, ...] | None = None
    read_only: bool = False
    processing_interval: float | None = 100.0
    orphan_strategy: str = "delete"
    stale_timeout: float = 60.0
    base_url: str | None = None
    """The catalog of another Backstage to use instead of our own; then ``/api/catalog`` is not served."""
    options: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DiscoverySettings:
    """``discovery.endpoints``: where other plugins are, by plugin id; others are below ``backend.baseUrl``."""

    targets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """``sandbox`` (ours): the loopback git host for development; off when None in Settings."""

    root: Path
    port: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything. ``raw`` is the merged configuration, for plugins."""

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
    raw: Mapping[str, Json]
