"""``scaffolder``, with Backstage's experimental names beside the ones that replaced them."""

from pathlib import Path

from backstage_py.settings.reading import Reader
from backstage_py.settings.sections import ScaffolderSettings, TaskRecoverySettings

_DAY = 24 * 3600.0


def read(config: Reader) -> ScaffolderSettings:
    """Read ``scaffolder``."""
    section = config.section("scaffolder")
    author = section.section("defaultAuthor")
    defaults = ScaffolderSettings()
    limit = section.whole("concurrentTasksLimit")
    folder = section.text("actionsFolder")
    return ScaffolderSettings(
        concurrent_tasks_limit=defaults.concurrent_tasks_limit if limit is None else limit,
        default_environment=section.mapping("defaultEnvironment"),
        default_author_name=author.text("name") or defaults.default_author_name,
        default_author_email=author.text("email") or defaults.default_author_email,
        default_commit_message=section.text("defaultCommitMessage") or defaults.default_commit_message,
        task_timeout=_either(section.duration("taskTimeout"), _DAY),
        task_timeout_janitor_frequency=_either(section.duration("taskTimeoutJanitorFrequency"), 300.0),
        recovery=_recovery(section),
        secrets_key=section.text("secretsKey"),
        workspace_serialization=_workspaces(section),
        retention=section.duration("taskRetention"),
        log_limit_bytes=section.whole("logLimitBytes", least=1),
        actions_folder=Path(folder).absolute() if folder else None,
        reload_actions=bool(section.boolean("reloadActions")),
        actions_plugin=section.text("actionsPluginId") or defaults.actions_plugin,
        shutdown_timeout=_either(section.duration("shutdownTimeout"), defaults.shutdown_timeout),
        http_allowed_hosts=section.section("http").texts("allowedHosts") or (),
        options=section.data,
    )


def _recovery(section: Reader) -> TaskRecoverySettings:
    recovery = section.section("taskRecovery")
    enabled = recovery.boolean("enabled") or section.boolean("EXPERIMENTAL_recoverTasks")
    stale = recovery.duration("staleTimeout")
    if stale is None:
        stale = section.duration("EXPERIMENTAL_recoverTasksTimeout")
    return TaskRecoverySettings(enabled, _either(stale, TaskRecoverySettings().stale_timeout))


def _workspaces(section: Reader) -> str | None:
    provider = section.section("taskRecovery").text("workspaceProvider")
    if provider is None and section.boolean("EXPERIMENTAL_workspaceSerialization"):
        provider = section.text("EXPERIMENTAL_workspaceSerializationProvider") or "database"
    return provider


def _either(value: float | None, default: float) -> float:
    return default if value is None else value
