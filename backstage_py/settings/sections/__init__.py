"""What the service is configured with: one frozen class per section, which says how each key is read.

This is the one description: ``description.read`` converts by it, ``schema`` publishes it, and what is in neither is
not known. Durations are seconds. A field without a key is put together of several by ``read_*``.

The larger sections have a module each; the names of all are here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from backstage_py.model.json import Json
from backstage_py.model.scm import ScmIntegration
from backstage_py.settings import elsewhere, kinds, unread
from backstage_py.settings.description import Section, key, keys_of
from backstage_py.settings.sections.auth import (
    AuthSettings,
    ExternalAccess,
    ExternalJwks,
    ExternalLegacy,
    ExternalStatic,
    PluginRestriction,
)
from backstage_py.settings.sections.backend import (
    BackendSettings,
    CorsSettings,
    HttpsSettings,
    MetricsSettings,
    ReadingRule,
    ServerSettings,
)
from backstage_py.settings.sections.catalog import (
    AllowedKind,
    CatalogLocation,
    CatalogRule,
    CatalogSettings,
    ProcessorOptions,
    RuleLocation,
)
from backstage_py.settings.sections.database import DatabaseSettings
from backstage_py.settings.sections.events import EventsSettings
from backstage_py.settings.sections.platform_metrics import PlatformMetricsSettings
from backstage_py.settings.sections.scaffolder import (
    ChildrenSettings,
    ExecutorMatch,
    ExecutorRule,
    ExecutorSettings,
    LimitSettings,
    ProcessSettings,
    QuotaSettings,
    ScaffolderSettings,
    TaskRecoverySettings,
)

__all__ = [
    "AllowedKind",
    "AuthSettings",
    "BackendSettings",
    "CatalogLocation",
    "CatalogRule",
    "CatalogSettings",
    "ChildrenSettings",
    "CorsSettings",
    "DatabaseSettings",
    "DiscoverySettings",
    "EventsSettings",
    "ExecutorMatch",
    "ExecutorRule",
    "ExecutorSettings",
    "ExternalAccess",
    "ExternalJwks",
    "ExternalLegacy",
    "ExternalStatic",
    "HttpsSettings",
    "LimitSettings",
    "MetricsSettings",
    "PlatformMetricsSettings",
    "PluginRestriction",
    "ProcessSettings",
    "ProcessorOptions",
    "QuotaSettings",
    "ReadingRule",
    "RuleLocation",
    "SandboxSettings",
    "ScaffolderSettings",
    "ServerSettings",
    "Settings",
    "TaskRecoverySettings",
]

_PLUGIN_ID = re.compile(r"\{\{\s*pluginId\s*\}\}")


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

    ``files`` are what it was read from, those that values refer to included. ``raw`` is the merged configuration,
    for plugins; ``warnings`` are what an operator should look at.
    """

    app_title: str = key("app.title", kinds.TEXT, "Name of the app.", "Backstage")
    app_base_url: str | None = key("app.baseUrl", kinds.URL, "Where browsers find the app.", None)
    organization: str | None = key("organization.name", kinds.TEXT, "Name of the organization.", None)
    backend: BackendSettings = key("backend", Section(BackendSettings))
    auth: AuthSettings = field()
    scaffolder: ScaffolderSettings = key("scaffolder", Section(ScaffolderSettings))
    catalog: CatalogSettings = key("catalog", Section(CatalogSettings))
    events: EventsSettings = key("events", Section(EventsSettings))
    platform_metrics: PlatformMetricsSettings = key("platformMetrics", Section(PlatformMetricsSettings, is_closed=True))
    discovery: DiscoverySettings = field()
    integrations: tuple[ScmIntegration, ...] = field()
    permission_enabled: bool = key("permission.enabled", kinds.SWITCH, "Ask the permission backend.", False)
    sandbox: SandboxSettings | None = key(
        "sandbox",
        Section(SandboxSettings, is_optional=True, is_closed=True),
        "(ours) A git host on this machine in place of github.com, for development.",
        None,
    )
    files: tuple[Path, ...] = ()
    raw: Mapping[str, Json] = field(repr=False, default_factory=dict)
    warnings: tuple[str, ...] = ()

    also: ClassVar = (
        *elsewhere.SHARED,
        *keys_of(AuthSettings),
        *elsewhere.INTEGRATIONS,
        *elsewhere.ACTIONS,
        *unread.UNREAD,
    )
