"""Events of tasks: appended within the transaction that they belong to, read by id."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from backstage_py.model import json
from backstage_py.model.json import JsonObject
from backstage_py.model.task import EventType, NewEvent, TaskEvent, new_event
from backstage_py.storage.database import Database, Transaction
from backstage_py.storage.prepared import Prepared
from backstage_py.storage.scaffolder.tables import task_events

_FEW = 256
_LARGEST = 2**63 - 1  # that a database can count to
_insert = Prepared(sa.insert(task_events), ["task_id", "type", "body", "created_at"])
_columns = (
    task_events.c.id,
    task_events.c.task_id,
    task_events.c.type,
    task_events.c.body,
    task_events.c.created_at,
)
_select = sa.select(*_columns).where(task_events.c.task_id == sa.bindparam("task")).order_by(task_events.c.id)
_limited = _select.limit(sa.bindparam("most")).offset(sa.bindparam("skip"))  # SQLite writes an offset anyway
_of_task = Prepared(_limited)
_after = Prepared(_limited.where(task_events.c.id > sa.bindparam("after")))
_last = Prepared(sa.select(sa.func.max(task_events.c.id)).where(task_events.c.task_id == sa.bindparam("task")))
_newest_id = Prepared(sa.text("SELECT last_insert_rowid()"))
_after_or_completion = Prepared(
    _limited.where(sa.or_(task_events.c.id > sa.bindparam("after"), task_events.c.type == sa.bindparam("completion")))
)


def topic(task_id: str) -> str:
    """Return the topic that wakes whoever follows a task."""
    return f"task:{task_id}"


Take = Callable[[int, Sequence[TaskEvent]], None]
"""Takes events that were just committed, and the id of the task's event before them (0 for none)."""


class EventFeed:
    """Hands committed events to their followers in this process, so that these need not read them. Safe for threads."""

    def __init__(self) -> None:
        self._followers: dict[str, Take] = {}

    def follow(self, task_id: str, take: Take) -> None:
        """Give a task's events to ``take`` from now on, on the writer's thread; one follower per task."""
        self._followers[task_id] = take

    def unfollow(self, task_id: str) -> None:
        """Stop giving them."""
        self._followers.pop(task_id, None)

    def is_followed(self, task_id: str) -> bool:
        """Return whether somebody here follows a task."""
        return task_id in self._followers

    def push(self, task_id: str, before: int, committed: Sequence[TaskEvent]) -> None:
        """Hand events over."""
        take = self._followers.get(task_id)
        if take:
            take(before, committed)


def append(transaction: Transaction, task_id: str, new: Sequence[NewEvent], feed: EventFeed) -> None:
    """Add events. The caller holds the task's row, so the ids of one task become visible in their order."""
    if not new:
        return
    connection = transaction.connection
    rows = [{"task_id": task_id, "type": e.type.value, "body": e.body, "created_at": e.created_at} for e in new]
    if connection.dialect.name != "sqlite" or not feed.is_followed(task_id):
        _insert.run_many(connection, rows)
        transaction.wake(topic(task_id))
        return
    before = _last.all(connection, {"task": task_id})[0][0] or 0
    _insert.run_many(connection, rows)
    first = _newest_id.all(connection, {})[0][0] - len(rows) + 1  # only this connection writes, so they are in a row
    hand_over(transaction, task_id, range(first, first + len(rows)), new, before, feed)


def hand_over(
    transaction: Transaction, task_id: str, ids: Sequence[int], new: Sequence[NewEvent], before: int, feed: EventFeed
) -> None:
    """Give events to their follower here, who need not read them then, and wake those elsewhere, after the commit."""
    committed = [
        TaskEvent(id_, task_id, event.type.value, event.body, event.created_at)
        for id_, event in zip(ids, new, strict=True)
    ]
    transaction.after_commit(lambda: feed.push(task_id, before, committed))
    transaction.wake_elsewhere(topic(task_id))


class EventStore:
    """Reads events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def after(self, task_id: str, after: int | None) -> list[TaskEvent]:
        """Return a task's events behind ``after``, in order; all of them when it is None."""
        if after is None:
            return await self._find(_of_task, {"task": task_id})
        return await self._find(_after, {"task": task_id, "after": after})

    async def after_or_completion(self, task_id: str, after: int | None) -> list[TaskEvent]:
        """Return the same and any completion besides, wherever it stands: what Backstage answers first."""
        if after is None:
            return await self.after(task_id, None)
        values = {"task": task_id, "after": after, "completion": EventType.COMPLETION.value}
        return await self._find(_after_or_completion, values)

    async def _find(self, statement: Prepared, values: Mapping[str, Any]) -> list[TaskEvent]:
        """Return what a statement finds: some events on the spot, many in a thread."""
        few = {**values, "most": _FEW, "skip": 0}
        found = await self._database.find(statement, few)
        if len(found) == _FEW:
            every = {**values, "most": _LARGEST, "skip": 0}
            found = await self._database.read(lambda connection: statement.all(connection, every))
        return [TaskEvent(*row) for row in found]


def newest_bodies(connection: sa.Connection, task_id: str) -> Iterator[JsonObject]:
    """Yield the bodies of a task's events, the newest first."""
    query = sa.select(task_events.c.body).where(task_events.c.task_id == task_id).order_by(task_events.c.id.desc())
    return (json.parse(row.body) for row in connection.execute(query))


def recovered(*, starts_over: bool) -> NewEvent:
    """Return the event of a task that is opened again."""
    return new_event(EventType.RECOVERED, {"recoverStrategy": "startOver" if starts_over else "none"})
