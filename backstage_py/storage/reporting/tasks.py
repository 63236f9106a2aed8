"""Tasks of which the platform's metrics do not know yet: found by what lacks among the events, whoever ran them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from backstage_py.storage.database import Database
from backstage_py.storage.reporting.tables import platform_events
from backstage_py.storage.scaffolder.tables import tasks

_MOST = 200
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


def key(task_id: str, what: str) -> str:
    """Return the key of a task's event, which the database makes in the same way (``_unknown``)."""
    return f"task.{what}.{task_id}"


def _unknown(since: int) -> sa.Select[Any]:
    created, ended = platform_events.alias("created"), platform_events.alias("ended")
    joined = tasks.outerjoin(created, created.c.key == sa.literal(key("", CREATED)) + tasks.c.id)
    joined = joined.outerjoin(ended, ended.c.key == sa.literal(key("", ENDED)) + tasks.c.id)
    is_new_end = sa.and_(tasks.c.ended_at.is_not(None), ended.c.at.is_distinct_from(tasks.c.ended_at))
    return (
        sa.select(
            tasks.c.id, tasks.c.spec, tasks.c.status, tasks.c.created_at, tasks.c.ended_at, tasks.c.cancel_requested
        )
        .select_from(joined)
        .where(tasks.c.created_at >= since, sa.or_(created.c.key.is_(None), is_new_end))
        .order_by(tasks.c.created_at, tasks.c.id)
        .limit(_MOST)
    )


class UnknownTasks:
    """Finds them in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def next(self, since: int) -> Sequence[TaskRow]:
        """Return some tasks whose creation or newest end is no event yet, of those created since a moment."""

        def run(connection: sa.Connection) -> Sequence[TaskRow]:
            return [TaskRow(*row) for row in connection.execute(_unknown(since))]

        return await self._database.read(run)
