"""Tasks of which the platform's metrics do not know yet: found by what lacks among the events, whoever ran them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from backstage_py.model.task import EventType
from backstage_py.storage.database import Database
from backstage_py.storage.reporting.tables import platform_events
from backstage_py.storage.scaffolder.tables import task_events, tasks

_MOST = 200
_SKEW = 600_000  # milliseconds by which the clocks of those who create tasks may differ
CREATED, ENDED = "created", "ended"


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task as it stands; ``ended_at`` is None while it runs."""

    id: str
    spec_text: str
    status: str
    created_at: int
    ended_at: int | None
    cancel_requested: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """How far tasks were read: when the newest was created, and the newest of their events."""

    created_at: int
    event_id: int


def key(task_id: str, what: str) -> str:
    """Return the key of a task's event, which the database makes in the same way (``_unknown``)."""
    return f"task.{what}.{task_id}"


def _changed(mark: Mark) -> sa.CompoundSelect[tuple[str]]:
    """Select the tasks that were created or ended behind a mark; both are ranges of an index."""
    created = sa.select(tasks.c.id).where(tasks.c.created_at >= mark.created_at - _SKEW)
    ended = sa.select(task_events.c.task_id).where(
        task_events.c.id > mark.event_id, task_events.c.type == EventType.COMPLETION.value
    )
    return created.union(ended)


def _unknown(since: int, mark: Mark | None) -> sa.Select[Any]:
    created, ended = platform_events.alias("created"), platform_events.alias("ended")
    joined = tasks.outerjoin(created, created.c.key == sa.literal(key("", CREATED)) + tasks.c.id)
    joined = joined.outerjoin(ended, ended.c.key == sa.literal(key("", ENDED)) + tasks.c.id)
    is_new_end = sa.and_(tasks.c.ended_at.is_not(None), ended.c.at.is_distinct_from(tasks.c.ended_at))
    return (
        sa.select(
            tasks.c.id, tasks.c.spec, tasks.c.status, tasks.c.created_at, tasks.c.ended_at, tasks.c.cancel_requested
        )
        .select_from(joined)
        .where(
            tasks.c.created_at >= since,
            sa.or_(created.c.key.is_(None), is_new_end),
            *([] if mark is None else [tasks.c.id.in_(_changed(mark))]),
        )
        .order_by(tasks.c.created_at, tasks.c.id)
        .limit(_MOST)
    )


class UnknownTasks:
    """Finds them in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def mark(self) -> Mark:
        """Return how far there are tasks now."""
        newest = sa.select(
            sa.select(sa.func.max(tasks.c.created_at)).scalar_subquery(),
            sa.select(sa.func.max(task_events.c.id)).scalar_subquery(),
        )

        def run(connection: sa.Connection) -> Mark:
            created_at, event_id = connection.execute(newest).one()
            return Mark(created_at or 0, event_id or 0)

        return await self._database.read(run)

    async def next(self, since: int, mark: Mark | None = None) -> Sequence[TaskRow]:
        """Return some tasks whose creation or newest end is no event yet.

        Args:
            since: of those created since a moment.
            mark: of those that changed behind it; None for all.
        """

        def run(connection: sa.Connection) -> Sequence[TaskRow]:
            return [TaskRow(*row) for row in connection.execute(_unknown(since, mark))]

        return await self._database.read(run)
