"""Tasks as they count: when each began, how it ended, whether it changed infrastructure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backstage_py.model.platform_event import PlatformEvent, PlatformEventType

_ENDS = {
    PlatformEventType.TASK_COMPLETED: "completed",
    PlatformEventType.TASK_FAILED: "failed",
    PlatformEventType.TASK_CANCELLED: "cancelled",
}


@dataclass(frozen=True, slots=True)
class TaskRun:
    """A task; ``outcome`` and ``ended_at`` are None while it runs."""

    template_ref: str | None
    team: str | None
    created_at: int
    ended_at: int | None
    outcome: str | None
    is_infrastructure: bool
    has_ticket: bool


@dataclass(frozen=True, slots=True)
class Order:
    """A change of infrastructure that no task made."""

    team: str | None
    at: int


def orders(events: Iterable[PlatformEvent]) -> Sequence[Order]:
    """Return what was ordered without a task."""
    return [Order(one.owner_ref, one.at) for one in events if one.type is PlatformEventType.INFRASTRUCTURE_CHANGED]


def runs(events: Iterable[PlatformEvent]) -> Sequence[TaskRun]:
    """Return the tasks of which the creation is known."""
    created: dict[str, PlatformEvent] = {}
    ended: dict[str, PlatformEvent] = {}
    for one in events:
        if one.type is PlatformEventType.TASK_CREATED and one.subject:
            created[one.subject] = one
        elif one.type in _ENDS and one.subject:
            ended[one.subject] = one
    return [_run(one, ended.get(id_)) for id_, one in created.items()]


def _run(created: PlatformEvent, ended: PlatformEvent | None) -> TaskRun:
    return TaskRun(
        template_ref=created.template_ref,
        team=created.owner_ref,
        created_at=created.at,
        ended_at=ended.at if ended else None,
        outcome=_ENDS[ended.type] if ended else None,
        is_infrastructure=created.traits.get("infrastructure") is True,
        has_ticket=created.traits.get("ticket") is True,
    )
