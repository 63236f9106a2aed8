"""The events of a task, read out of its row: they cost the run nothing, and outlive the row."""

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backstage_py.model import json, platform_event
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.platform_event import PlatformEvent, PlatformEventType
from backstage_py.model.task import TaskStatus
from backstage_py.reporting.deliveries.reading import at, objects, text
from backstage_py.storage.reporting import tasks
from backstage_py.storage.reporting.tasks import TaskRow


@dataclass(frozen=True, slots=True)
class Proxies:
    """By what a task counts as a change of infrastructure, and as one with a ticket; see ``platformMetrics``."""

    infrastructure: Sequence[str]
    ticket_actions: Sequence[str]
    ticket_parameters: Sequence[str]

    def traits(self, spec: JsonObject) -> Mapping[str, Json]:
        """Return what a task's specification says of it."""
        steps = objects(spec, "steps")
        actions = [action for step in steps if (action := text(step, "action"))]
        parameters = at(spec, "parameters")
        named = isinstance(parameters, dict) and any(parameters.get(name) for name in self.ticket_parameters)
        return {
            "infrastructure": _any(actions, self.infrastructure) or any(map(_orders, steps)),
            "ticket": bool(named) or _any(actions, self.ticket_actions),
        }


def events(row: TaskRow, proxies: Proxies) -> Iterator[PlatformEvent]:
    """Yield the creation of a task, and its end if it has ended."""
    spec: JsonObject = json.parse(row.spec_text)
    parameters = at(spec, "parameters")
    template_ref = text(spec, "templateInfo", "entityRef")
    created = PlatformEvent(
        key=tasks.key(row.id, tasks.CREATED),
        type=PlatformEventType.TASK_CREATED,
        at=row.created_at,
        template_ref=template_ref.lower() if template_ref else None,
        owner_ref=platform_event.owner_in(parameters) if isinstance(parameters, dict) else None,
        subject=row.id,
        traits=proxies.traits(spec),
    )
    yield created
    if row.ended_at is not None:
        yield PlatformEvent(
            key=tasks.key(row.id, tasks.ENDED),
            type=_end(row),
            at=row.ended_at,
            template_ref=created.template_ref,
            owner_ref=created.owner_ref,
            subject=row.id,
        )


def _end(row: TaskRow) -> PlatformEventType:
    if row.status == TaskStatus.COMPLETED.value:
        return PlatformEventType.TASK_COMPLETED
    return PlatformEventType.TASK_CANCELLED if row.cancel_requested else PlatformEventType.TASK_FAILED


def _orders(step: JsonObject) -> bool:
    """Say whether a step asks the platform itself for a resource, or has one deleted, by its HTTP API."""
    path = (text(step, "input", "path") or "").removeprefix("/").removeprefix("api/")
    is_change = (text(step, "input", "method") or "").upper() in {"POST", "DELETE"}
    return text(step, "action") == "http:backstage:request" and is_change and path.startswith("crossplane/")


def _any(names: Sequence[str], globs: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, glob) for name in names for glob in globs)
