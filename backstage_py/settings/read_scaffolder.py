"""``scaffolder``: what several keys say together, Backstage's experimental names beside their successors."""

from dataclasses import replace

from backstage_py.settings import kinds
from backstage_py.settings.description import read as described
from backstage_py.settings.reading import Reader
from backstage_py.settings.sections import LimitSettings, ScaffolderSettings, TaskRecoverySettings


def read(section: Reader) -> ScaffolderSettings:
    """Read the section."""
    limits = described(LimitSettings, section)
    found = described(ScaffolderSettings, section, recovery=_recovery(section), limits=limits, options=section.data)
    return replace(found, workspace_serialization=found.workspace_serialization or _old_provider(section))


def _recovery(section: Reader) -> TaskRecoverySettings:
    found = described(TaskRecoverySettings, section)
    enabled = found.enabled or bool(section.get("EXPERIMENTAL_recoverTasks", kinds.SWITCH))
    old = None
    if not section.has("taskRecovery.staleTimeout"):
        old = section.get("EXPERIMENTAL_recoverTasksTimeout", kinds.DURATION)
    return TaskRecoverySettings(enabled, found.stale_timeout if old is None else old)


def _old_provider(section: Reader) -> str | None:
    if not section.get("EXPERIMENTAL_workspaceSerialization", kinds.SWITCH):
        return None
    return section.get("EXPERIMENTAL_workspaceSerializationProvider", kinds.TEXT) or "database"
