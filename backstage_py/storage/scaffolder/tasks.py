"""Tasks: created, claimed, moved on and ended. Each function is one transaction."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import sqlalchemy as sa

from backstage_py.errors import ConflictError, NotFoundError
from backstage_py.model import json, times
from backstage_py.model.entity_filter import AllOf, AnyOf, Filter, Matches, Not
from backstage_py.model.task import (
    ENDED,
    Claim,
    ClaimLost,
    EventType,
    NewEvent,
    StepResult,
    Task,
    TaskFilter,
    TaskStatus,
    Transition,
    new_event,
)
from backstage_py.storage.database import Database, Transaction
from backstage_py.storage.prepared import Prepared
from backstage_py.storage.scaffolder import events
from backstage_py.storage.scaffolder.events import EventFeed
from backstage_py.storage.scaffolder.secrets import SecretBox, UnsealError
from backstage_py.storage.scaffolder.tables import steps, task_events, tasks, workspaces

OPEN_TASKS = "tasks:open"
"""The topic that wakes workers: a task can be claimed."""
CANCELLATIONS = "tasks:cancel"
"""The topic that wakes workers: a task is to be cancelled."""

_LARGEST = 2**63 - 1  # that a database can count to
_columns = (
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
_by_id = Prepared(sa.select(*_columns).where(tasks.c.id == sa.bindparam("task")))
_insert = Prepared(sa.insert(tasks), _WRITTEN_AT_CREATION)
_next_open = Prepared(
    sa.select(*_columns, tasks.c.claim, tasks.c.cancel_requested, tasks.c.secrets)
    .where(tasks.c.status == sa.bindparam("state"))
    .order_by(tasks.c.created_at)
    .limit(sa.bindparam("most"))
    .offset(sa.bindparam("skip"))  # SQLite writes one anyway
    .with_for_update(skip_locked=True)
)
_take = Prepared(
    sa.update(tasks)
    .where(tasks.c.id == sa.bindparam("task"), tasks.c.status == sa.bindparam("was"))
    .values(
        status=sa.bindparam("becomes"),
        claim=sa.bindparam("number"),
        worker=sa.bindparam("who"),
        last_heartbeat_at=sa.bindparam("at"),
    )
)
_forget_secrets = Prepared(sa.update(tasks).where(tasks.c.id == sa.bindparam("task")).values(secrets=sa.null()))
_held = Prepared(
    sa.select(tasks.c.id)
    .where(
        tasks.c.id == sa.bindparam("task"),
        tasks.c.claim == sa.bindparam("number"),
        tasks.c.status == sa.bindparam("state"),
    )
    .with_for_update()
)
_end = Prepared(
    sa.update(tasks)
    .where(tasks.c.id == sa.bindparam("task"))
    .values(
        status=sa.bindparam("state"),
        secrets=sa.null(),
        worker=sa.null(),
        ended_at=sa.bindparam("at"),
        last_heartbeat_at=sa.bindparam("at"),
    )
)
_insert_step = Prepared(sa.insert(steps), ["task_id", "position", "status", "result"])
_steps_of = sa.select(steps.c.position, steps.c.status, steps.c.result).where(steps.c.task_id == sa.bindparam("task"))
_drop_steps = Prepared(sa.delete(steps).where(steps.c.task_id == sa.bindparam("task")))
_drop_workspace = Prepared(sa.delete(workspaces).where(workspaces.c.task_id == sa.bindparam("task")))


@dataclass(slots=True)
class Heartbeat:
    """What a worker learns with its heartbeat: which of its tasks to cancel, which ones it has lost."""

    cancelled: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)


class _Open(NamedTuple):
    """A row of an open task, in the order in which it is selected."""

    id: str
    spec: str
    status: str
    created_at: int
    last_heartbeat_at: int | None
    created_by: str | None
    starts_over: bool
    claim: int
    cancel_requested: bool
    secrets: bytes | None


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
            "secrets": self._seal(task_id, secrets),
        }

        def run(transaction: Transaction) -> None:
            _insert.run(transaction.connection, row)
            transaction.wake(OPEN_TASKS)

        await self._database.write(run)
        return task_id

    async def get(self, task_id: str) -> Task:
        """Return a task.

        Raises:
            NotFoundError: there is none.
        """
        return await self._database.read_briefly(lambda connection: _get(connection, task_id))

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
        query = sa.select(*_columns).where(*conditions).order_by(*(order or [tasks.c.created_at.desc()]))
        if wanted.limit is not None:
            query = query.limit(min(wanted.limit, _LARGEST))
        if wanted.offset is not None:
            query = query.offset(min(wanted.offset, _LARGEST))
        count = sa.select(sa.func.count()).select_from(tasks).where(*conditions)

        def run(connection: sa.Connection) -> tuple[Sequence[Task], int]:
            return [Task(*row) for row in connection.execute(query)], connection.execute(count).scalar_one()

        return await self._database.read(run)

    async def claim(self, worker: str, most: int, *, keep_secrets: bool) -> Sequence[Claim]:
        """Take up to ``most`` open tasks, oldest first.

        Args:
            worker: who takes them.
            most: how many at once.
            keep_secrets: leave the secrets in the store, so that a recovered task has them again.
        """

        def run(transaction: Transaction) -> Sequence[Claim]:
            wanted = {"state": TaskStatus.OPEN.value, "most": most, "skip": 0}
            rows = [_Open(*row) for row in _next_open.all(transaction.connection, wanted)]
            return [claim for row in rows if (claim := self._take(transaction, row, worker, keep_secrets=keep_secrets))]

        return await self._database.write(run)

    def _take(self, transaction: Transaction, row: _Open, worker: str, *, keep_secrets: bool) -> Claim | None:
        number, at = row.claim + 1, times.now()
        values = {
            "task": row.id,
            "number": number,
            "who": worker,
            "at": at,
            "was": TaskStatus.OPEN.value,
            "becomes": TaskStatus.PROCESSING.value,
        }
        if _take.run(transaction.connection, values) != 1:
            return None
        if row.secrets is not None and not keep_secrets:
            _forget_secrets.run(transaction.connection, {"task": row.id})
        try:
            secrets, lost = self._unseal(row.id, row.secrets), False
        except UnsealError:
            secrets, lost = {}, True
        task = Task(
            row.id,
            row.spec,
            TaskStatus.PROCESSING.value,
            row.created_at,
            at,
            row.created_by,
            bool(row.starts_over),
        )
        return Claim(task, number, secrets, lost, bool(row.cancel_requested))

    async def record(self, claim: Claim, transition: Transition) -> None:
        """Write one move of a run.

        Raises:
            ClaimLost: the run is no longer the task's; nothing was written.
        """

        def run(transaction: Transaction) -> None:
            self._hold(transaction, claim)
            events.append(transaction, claim.id, transition.events, self._feed)
            for step in transition.steps:
                _insert_step.run(transaction.connection, self._step_row(claim.id, step))
            if transition.end:
                values = {"task": claim.id, "state": transition.end.value, "at": times.now()}
                _end.run(transaction.connection, values)
                if not transition.keep_progress:
                    forget_progress(transaction, claim.id)

        await self._database.write(run)

    async def hand_back(self, claim: Claim) -> None:
        """Open a task again, with its secrets and finished steps, for another worker to go on with.

        Raises:
            ClaimLost: the run is no longer the task's.
        """
        sealed = self._seal(claim.id, claim.secrets)

        def run(transaction: Transaction) -> None:
            self._hold(transaction, claim)
            values = {"status": TaskStatus.OPEN.value, "worker": None, "secrets": sealed}
            transaction.connection.execute(sa.update(tasks).where(tasks.c.id == claim.id).values(**values))
            events.append(transaction, claim.id, [recovered_event(starts_over=False)], self._feed)
            transaction.wake(OPEN_TASKS)

        await self._database.write(run)

    async def finished_steps(self, task_id: str) -> Mapping[int, StepResult]:
        """Return the steps that ended in earlier runs, by their position."""
        rows = await self._database.read(lambda connection: connection.execute(_steps_of, {"task": task_id}).all())
        return {
            position: StepResult(position, status == "failed", json.parse(self._box.unseal(result, task_id)))
            for position, status, result in rows
        }

    async def heartbeat(self, worker: str, claims: Collection[Claim]) -> Heartbeat:
        """Say that ``worker`` runs these tasks, and learn which of them are cancelled or lost."""
        ids = [claim.id for claim in claims]
        mine = sa.and_(
            tasks.c.id.in_(ids),
            tasks.c.worker == worker,
            tasks.c.status == TaskStatus.PROCESSING.value,
        )

        def run(transaction: Transaction) -> Heartbeat:
            transaction.connection.execute(sa.update(tasks).where(mine).values(last_heartbeat_at=times.now()))
            return _heartbeat_answer(transaction.connection, mine, claims)

        return await self._database.write(run)

    async def cancelled_among(self, worker: str, claims: Collection[Claim]) -> Heartbeat:
        """Learn the same as with ``heartbeat`` without writing."""
        ids = [claim.id for claim in claims]
        mine = sa.and_(
            tasks.c.id.in_(ids),
            tasks.c.worker == worker,
            tasks.c.status == TaskStatus.PROCESSING.value,
        )
        return await self._database.read(lambda connection: _heartbeat_answer(connection, mine, claims))

    async def cancel(self, task_id: str) -> None:
        """Ask for a task's end. An ended task gets the event too and keeps its status, as in Backstage.

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
        sealed = self._seal(task_id, secrets)

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
                    last_heartbeat_at=times.now(),
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
            events.append(transaction, task_id, [recovered_event(starts_over=task.starts_over)], self._feed)
            transaction.wake(OPEN_TASKS)

        await self._database.write(run)

    def _hold(self, transaction: Transaction, claim: Claim) -> None:
        """Lock the task's row and make sure that the claim is still the newest."""
        values = {"task": claim.id, "number": claim.number, "state": TaskStatus.PROCESSING.value}
        if not _held.all(transaction.connection, values):
            raise ClaimLost(claim.id)

    def _step_row(self, task_id: str, step: StepResult) -> dict[str, object]:
        status = "failed" if step.failed else "completed"
        result = self._box.seal(json.dumps(step.result), task_id)
        return {"task_id": task_id, "position": step.position, "status": status, "result": result}

    def _seal(self, task_id: str, secrets: Mapping[str, str]) -> bytes | None:
        return self._box.seal(json.dumps(dict(secrets)), task_id) if secrets else None

    def _unseal(self, task_id: str, sealed: bytes | None) -> Mapping[str, str]:
        if sealed is None:
            return {}
        secrets: Mapping[str, str] = json.parse(self._box.unseal(sealed, task_id))
        return secrets


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
    if "\0" in task_id:
        raise NotFoundError(_no_task(task_id))
    rows = _by_id.all(connection, {"task": task_id})
    if not rows:
        raise NotFoundError(_no_task(task_id))
    id_, spec, status, created_at, heartbeat, created_by, starts_over = rows[0]
    return Task(id_, spec, status, created_at, heartbeat, created_by, bool(starts_over))


def recovered_event(*, starts_over: bool) -> NewEvent:
    """Return the event of a task that is opened again."""
    return new_event(EventType.RECOVERED, {"recoverStrategy": "startOver" if starts_over else "none"})


def forget_steps(transaction: Transaction, task_id: str) -> None:
    """Delete the results of steps."""
    _drop_steps.run(transaction.connection, {"task": task_id})


def forget_progress(transaction: Transaction, task_id: str) -> None:
    """Delete what a run that goes on would need."""
    forget_steps(transaction, task_id)
    _drop_workspace.run(transaction.connection, {"task": task_id})


def _heartbeat_answer(connection: sa.Connection, mine: sa.ColumnElement[bool], claims: Collection[Claim]) -> Heartbeat:
    rows = {
        row.id: row
        for row in connection.execute(sa.select(tasks.c.id, tasks.c.claim, tasks.c.cancel_requested).where(mine))
    }
    answer = Heartbeat()
    for claim in claims:
        row = rows.get(claim.id)
        if row is None or row.claim != claim.number:
            answer.lost.add(claim.id)
        elif row.cancel_requested:
            answer.cancelled.add(claim.id)
    return answer


def _newest_step(connection: sa.Connection, task_id: str) -> str | int:
    """Return the step that the newest event names; 0 when none does, as Backstage writes then."""
    return next((body["stepId"] for body in events.newest_bodies(connection, task_id) if body.get("stepId")), 0)
