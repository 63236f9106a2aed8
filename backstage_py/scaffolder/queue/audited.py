"""What the audit log is told of tasks that nobody's request is about: their execution, and the end of stale ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from backstage_py import logging
from backstage_py.audit import Actor, Event, is_written
from backstage_py.model.json import Json
from backstage_py.model.task import Claim
from backstage_py.scaffolder.run.redaction import Redactor

_PLUGIN = "scaffolder"
_SELF = Actor(f"plugin:{_PLUGIN}")
_SEVERITY = "medium"
_CUT = "...<truncated>"


@dataclass(slots=True)
class Execution:
    """The event of a task that runs; without one of the two ends it goes on in another attempt."""

    event: Event | None = None

    def completed(self) -> None:
        """Tell that it ended well."""
        if self.event:
            self.event.succeeded()

    def failed(self, name: str, message: str) -> None:
        """Tell that it failed."""
        if self.event:
            self.event.failed(name, message)


@contextmanager
def execution(claim: Claim, longest: int) -> Iterator[Execution]:
    """Tell that a task is executed; what it holds secret is hidden within the block.

    Args:
        claim: of the task.
        longest: characters of a form value that are shown; -1 for all.
    """
    if not is_written(_SEVERITY):
        yield Execution()
        return
    with logging.own_context():
        logging.hide(Redactor(claim.secrets.values()).text)
        spec = claim.task.spec
        meta = {
            "actionType": "execution",
            "createdBy": claim.task.created_by,
            "taskId": claim.id,
            "taskParameters": _shortened(spec.get("parameters"), longest),
            "templateRef": (spec.get("templateInfo") or {}).get("entityRef"),
        }
        yield Execution(Event(_PLUGIN, "task", _SELF, _SEVERITY, meta=meta).initiated())


def ended_as_stale(task_id: str) -> None:
    """Tell that a task was ended since nobody had worked on it for too long."""
    if is_written(_SEVERITY):
        meta = {"actionType": "stale-cancel", "taskId": task_id}
        Event(_PLUGIN, "task", _SELF, _SEVERITY, meta=meta).initiated().succeeded()


def _shortened(value: Json, longest: int) -> Any:
    if isinstance(value, str):
        return value[:longest] + _CUT if 0 <= longest < len(value) else value
    if isinstance(value, list):
        return [_shortened(one, longest) for one in value]
    if isinstance(value, dict):
        return {name: _shortened(one, longest) for name, one in value.items()}
    return value
