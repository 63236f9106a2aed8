"""Tasks: created, listed, cancelled and opened again. Each function is one transaction."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from backstage_py.errors import ConflictError, NotFoundError
from backstage_py.model import times
from backstage_py.model.entity_filter import AllOf, AnyOf, Filter, Matches, Not
from backstage_py.model.task import (
    ENDED,
    EventType,
    Task,
    TaskFilter,
    TaskStatus,
    new_event,
)
from backstage_py.storage import clock
from backstage_py.storage.database import Database, Transaction
from backstage_py.storage.prepared import Prepared
from backstage_py.storage.scaffolder import events
from backstage_py.storage.scaffolder.events import EventFeed
from backstage_py.storage.scaffolder.secrets import SecretBox
from backstage_py.storage.scaffolder.tables import steps, task_events, tasks

OPEN_TASKS = "tasks:open"
"""The topic that wakes workers: a task can be claimed."""
CANCELLATIONS = "tasks:cancel"
"""The topic that wakes workers: a task is to be cancelled."""

_LARGEST = 2**63 - 1  # that a database can count to
COLUMNS = (  # of a ``Task``, in their order
    tasks.c.id,
    tasks.c.spec,
    tasks.c.status,
    tasks.c.created_at,
    tasks.c.last_heartbeat_at,
    tasks.c.created_by,
    tasks.c.starts_over,
)
_WRITTEN_AT_CREATION = (
    "id",
    "spec",
    "status",
    "created_by",
    "created_at",
    "starts_over",
    "claim",
    "cancel_requested",
    "secrets",
)
_by_id = Prepared(sa.select(*COLUMNS).where(tasks.c.id == sa.bindparam("task")))
_insert = Prepared(  # once, however often it is sent
    sa.text(
        f"INSERT INTO tasks ({', '.join(_WRITTEN_AT_CREATION)}) "  # noqa: S608  # names of our own columns
        f"VALUES ({', '.join(f':{name}' for name in _WRITTEN_AT_CREATION)}) ON CONFLICT (id) DO NOTHING"
    )
)


class TaskStore:
    """The tasks of one database.

    Args:
        database: where they are.
        box: seals what is secret.
        feed: gets the events that are committed here.
    """

    def __init__(self, database: Database, box: SecretBox, feed: EventFeed | None = None) -> None:
        self._database = database
        self._box = box
        self._feed = feed or EventFeed()

    async def create(
        self, spec_text: str, *, created_by: str | None, secrets: Mapping[str, str], starts_over: bool
    ) -> str:
        """Store an open task and wake the workers. Returns its id."""
        task_id = str(uuid.uuid4())
        row = {
            "id": task_id,
            "spec": spec_text,
            "status": TaskStatus.OPEN.value,
            "created_by": created_by,
            "created_at": times.now(),
            "starts_over": starts_over,
            "claim": 0,
            "cancel_requested": False,
            "secrets": self._box.seal_texts(secrets, task_id),
        }

        def run(transaction: Transaction) -> None:
            _insert.run(transaction.connection, row)
            transaction.wake(OPEN_TASKS)

        await self._database.write(run, is_statement=True, is_repeatable=True)
        return task_id

    async def get(self, task_id: str) -> Task:
        """Return a task.

        Raises:
            NotFoundError: there is none.
        """
        return _found(task_id, [] if "\0" in task_id else await self._database.find(_by_id, {"task": task_id}))

    async def list(self, wanted: TaskFilter) -> tuple[Sequence[Task], int]:
        """Return a page of tasks, newest first unless told otherwise, and how many there are without paging."""
        conditions: list[sa.ColumnElement[bool]] = []
        if wanted.created_by:
            conditions.append(tasks.c.created_by.in_(_storable(wanted.created_by)))
        if wanted.status:
            conditions.append(tasks.c.status.in_(_storable(wanted.status)))
        if wanted.visible is not None:
            conditions.append(_condition(wanted.visible))
        order = [tasks.c[name].desc() if descending else tasks.c[name].asc() for name, descending in wanted.order]
        query = sa.select(*COLUMNS).where(*conditions).order_by(*(order or [tasks.c.created_at.desc()]))
        if wanted.limit is not None:
            query = query.limit(min(wanted.limit, _LARGEST))
        if wanted.offset is not None:
            query = query.offset(min(wanted.offset, _LARGEST))
        count = sa.select(sa.func.count()).select_from(tasks).where(*conditions)

        def run(connection: sa.Connection) -> tuple[Sequence[Task], int]:
            return [Task(*row) for row in connection.execute(query)], connection.execute(count).scalar_one()

        return await self._database.read(run)

    async def cancel(self, task_id: str) -> None:
        """Cancel a task. An ended task gets the event too and keeps its status, as in Backstage.

        Raises:
            NotFoundError: there is no such task.
        """

        def run(transaction: Transaction) -> None:
            _get(transaction.connection, task_id)
            lock = sa.select(tasks.c.id).where(tasks.c.id == task_id).with_for_update()
            transaction.connection.execute(lock)
            step = _newest_step(transaction.connection, task_id)
            body = {"message": f"Step {step} has been cancelled.", "stepId": step, "status": "cancelled"}
            values = {"secrets": None, "cancel_requested": True}
            transaction.connection.execute(sa.update(tasks).where(tasks.c.id == task_id).values(**values))
            events.append(transaction, task_id, [new_event(EventType.CANCELLED, body)], self._feed)
            transaction.wake(CANCELLATIONS)

        await self._database.write(run)

    async def secrets_left(self, task_id: str) -> Mapping[str, str]:
        """Return the secrets that an ended task could not use, since their key was missing; mostly there are none.

        Raises:
            UnsealError: it is missing still.
        """
        query = sa.select(tasks.c.secrets).where(tasks.c.id == task_id, tasks.c.status.in_(ENDED))
        left = await self._database.read_briefly(lambda connection: connection.execute(query).scalar())
        return self._box.unseal_texts(left, task_id)

    async def retry(self, task_id: str, secrets: Mapping[str, str], *, resume: bool) -> None:
        """Open an ended task again.

        Args:
            task_id: the task.
            secrets: what this run gets; those of earlier runs are gone.
            resume: go on behind the steps that completed; else all of them run again.

        Raises:
            NotFoundError: there is no such task.
            ConflictError: it has not ended.
        """
        sealed = self._box.seal_texts(secrets, task_id)

        def run(transaction: Transaction) -> None:
            task = _get(transaction.connection, task_id)
            change = (
                sa.update(tasks)
                .where(tasks.c.id == task_id, tasks.c.status.in_(ENDED))
                .values(
                    status=TaskStatus.OPEN.value,
                    secrets=sealed,
                    cancel_requested=False,
                    ended_at=None,
                    last_heartbeat_at=clock.now(),
                )
            )
            if transaction.connection.execute(change).rowcount != 1:
                raise ConflictError(f"Task with taskId {task_id} cannot be retried")
            ends = (EventType.CANCELLED.value, EventType.COMPLETION.value)
            transaction.connection.execute(
                sa.delete(task_events).where(task_events.c.task_id == task_id, task_events.c.type.in_(ends))
            )
            forget = sa.delete(steps).where(steps.c.task_id == task_id)
            transaction.connection.execute(forget.where(steps.c.status == "failed") if resume else forget)
            events.append(transaction, task_id, [events.recovered(starts_over=task.starts_over)], self._feed)
            transaction.wake(OPEN_TASKS)

        await self._database.write(run)


def _condition(node: Filter) -> sa.ColumnElement[bool]:
    """Return a filter over creators as SQL; a task that no user created meets neither a leaf nor its negation."""
    match node:
        case Matches(key="created_by", values=values):
            return tasks.c.created_by.in_(_storable(values))
        case AllOf(parts=parts):
            return sa.and_(sa.true(), *map(_condition, parts))
        case AnyOf(parts=parts):
            return sa.or_(sa.false(), *map(_condition, parts))
        case Not(part=part):
            return sa.not_(_condition(part))
    raise AssertionError(f"tasks cannot be filtered by {node}")


def _no_task(task_id: str) -> str:
    return f"No task with id '{task_id}' found"


def _storable(values: Iterable[str]) -> set[str]:
    """Return the values that a row can hold at all; PostgreSQL refuses to look for a NUL."""
    return {value for value in values if "\0" not in value}


def _get(connection: sa.Connection, task_id: str) -> Task:
    return _found(task_id, [] if "\0" in task_id else _by_id.all(connection, {"task": task_id}))


def _found(task_id: str, rows: Sequence[tuple[Any, ...]]) -> Task:
    if not rows:
        raise NotFoundError(_no_task(task_id))
    id_, spec, status, created_at, heartbeat, created_by, starts_over = rows[0]
    return Task(id_, spec, status, created_at, heartbeat, created_by, bool(starts_over))


def _newest_step(connection: sa.Connection, task_id: str) -> str | int:
    """Return the step that the newest event names; 0 when none does, as Backstage writes then."""
    return next((body["stepId"] for body in events.newest_bodies(connection, task_id) if body.get("stepId")), 0)
