"""The executor of pods, where one is configured."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from backstage_py import extras
from backstage_py.errors import SettingsError
from backstage_py.folders.receiving import Bounds
from backstage_py.integrations.kubernetes import clusters
from backstage_py.integrations.kubernetes.connection import Connection
from backstage_py.model.task import AttemptKey
from backstage_py.plugin import Services
from backstage_py.scaffolder.executors.choice import KUBERNETES
from backstage_py.settings.sections import ScaffolderSettings

if TYPE_CHECKING:
    from backstage_py.scaffolder.executors.kubernetes.executor import KubernetesExecutor

_KEY = "scaffolder.executor.kubernetes"


def kubernetes(
    settings: ScaffolderSettings, services: Services, is_current: Callable[[AttemptKey], Awaitable[bool]]
) -> "KubernetesExecutor | None":
    """Return it; None where no cluster is configured.

    Raises:
        SettingsError: a rule needs it and it is not configured, or its client is not installed.
    """
    asked = settings.executor.kubernetes
    if asked is None:
        if KUBERNETES in {settings.executor.default, *(rule.use for rule in settings.executor.rules)}:
            raise SettingsError(_KEY, "is missing; the rules of scaffolder.executor send actions there")
        return None
    extras.require(f"The setting '{_KEY}'", "kubernetes")
    if asked.bucket:
        extras.require(f"The setting '{_KEY}.workspace.s3'", "s3")
    from backstage_py.scaffolder.executors.kubernetes.executor import KubernetesExecutor  # most services have none

    config = services.config or {}
    quotas = settings.quotas

    def connect() -> Connection:
        return Connection(clusters.find(config, asked.cluster))

    return KubernetesExecutor(
        asked,
        connect,
        is_current,
        Bounds(quotas.workspace_bytes, quotas.workspace_files),
        settings.recovery.enabled,
        catalog=services.catalog,
    )
