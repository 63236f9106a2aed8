"""Claims of tasks: taken, held while a run writes, handed back and lost. Each function is one transaction."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa

from backstage_py.model import json, times
from backstage_py.model.platform_event import PlatformEvent
from backstage_py.model.task import AttemptKey, Claim, StepResult, Task, TaskStatus, Transition
from backstage_py.sealing import UnsealError
from backstage_py.storage import clock
from backstage_py.storage.database import Database, Transaction
from backstage_py.storage.faults import LostError
from backstage_py.storage.prepared import Prepared
from backstage_py.storage.reporting import events as platform_events
from backstage_py.storage.scaffolder import events, fence, progress, recording, taking
from backstage_py.storage.scaffolder.events import EventFeed
from backstage_py.storage.scaffolder.secrets import SecretBox
from backstage_py.storage.scaffolder.tables import steps, task_events, tasks
from backstage_py.storage.scaffolder.tasks import COLUMNS, OPEN_TASKS

_DOUBTFUL_SECONDS = 120.0
"""For so long after an answer was lost it may still turn out that tasks were taken."""
_next_open = Prepared(
    sa.select(*COLUMNS, tasks.c.claim, tasks.c.cancel_requested, tasks.c.secrets)
    .where(tasks.c.status == sa.bindparam("state"))
    .order_by(tasks.c.created_at)
    .limit(sa.bindparam("most"))
    .offset(sa.bindparam("skip"))  # SQLite writes one anyway
    .with_for_update(skip_locked=True)
)
_claim_row = Prepared(
    sa.update(tasks)
    .where(tasks.c.id == sa.bindparam("task"), tasks.c.status == sa.bindparam("was"))
    .values(
        status=sa.bindparam("becomes"),
        claim=sa.bindparam("number"),
        worker=sa.bindparam("who"),
        last_heartbeat_at=clock.now(),
    )
)
_renew = Prepared(
    sa.update(tasks)
    .where(
        tasks.c.id == sa.bindparam("task"),
        tasks.c.claim == sa.bindparam("number"),
        tasks.c.status == sa.bindparam("state"),
    )
    .values(last_heartbeat_at=clock.now())
)
_forget_secrets = Prepared(sa.update(tasks).where(tasks.c.id == sa.bindparam("task")).values(secrets=sa.null()))
_end = Prepared(
    sa.update(tasks)
    .where(tasks.c.id == sa.bindparam("task"))
    .values(
        status=sa.bindparam("state"),
        secrets=sa.case((sa.bindparam("lost"), tasks.c.secrets), else_=sa.null()),  # for a retry with the right key
        worker=sa.null(),
        ended_at=sa.bindparam("at"),
        last_heartbeat_at=sa.bindparam("at"),
    )
)
_insert_step = Prepared(sa.insert(steps), ["task_id", "position", "status", "result", "attempt"])
_steps_of = sa.select(steps.c.position, steps.c.status, steps.c.result, steps.c.attempt).where(
    steps.c.task_id == sa.bindparam("task")
)


@dataclass(slots=True)
class Heartbeat:
    """What a worker learns with its heartbeat: which of its attempts to cancel, which it has lost, by their key."""

    cancelled: set[AttemptKey] = field(default_factory=set)
    lost: set[AttemptKey] = field(default_factory=set)


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


class ClaimStore:
    """The claims of one database.

    Args:
        database: where the tasks are.
        box: seals what is secret.
        feed: gets the events that are committed here.
    """

    def __init__(self, database: Database, box: SecretBox, feed: EventFeed | None = None) -> None:
        self._database = database
        self._box = box
        self._feed = feed or EventFeed()
        self._doubtful_until = 0.0

    async def claim(
        self, worker: str, most: int, *, keep_secrets: bool, running: Collection[str] = ()
    ) -> Sequence[Claim]:
        """Take up to ``most`` open tasks, oldest first.

        Args:
            worker: who takes them.
            most: how many at once.
            running: ids of tasks that it runs.
            keep_secrets: leave the secrets in the store, so that a recovered task has them again.
        """
        if not self._database.is_sqlite:
            return await self._take(worker, most, running, keep_secrets=keep_secrets)

        def run(transaction: Transaction) -> Sequence[Claim]:
            wanted = {"state": TaskStatus.OPEN.value, "most": most, "skip": 0}
            rows = [_Open(*row) for row in _next_open.all(transaction.connection, wanted)]
            return [
                claim for row in rows if (claim := self._claim_row(transaction, row, worker, keep_secrets=keep_secrets))
            ]

        return await self._database.write(run)

    def _claim_row(self, transaction: Transaction, row: _Open, worker: str, *, keep_secrets: bool) -> Claim | None:
        number, at = row.claim + 1, times.now()
        values = {
            "task": row.id,
            "number": number,
            "who": worker,
            "was": TaskStatus.OPEN.value,
            "becomes": TaskStatus.PROCESSING.value,
        }
        if _claim_row.run(transaction.connection, values) != 1:
            return None
        claim = self._opened(row._replace(claim=number, last_heartbeat_at=at))
        if row.secrets is not None and not keep_secrets and not claim.secrets_lost:
            _forget_secrets.run(transaction.connection, {"task": row.id})
        return claim

    async def _take(self, worker: str, most: int, running: Collection[str], *, keep_secrets: bool) -> Sequence[Claim]:
        """Do as ``claim`` in one statement.

        When its answer is lost, tasks may be taken that nobody knows of. They are found when the worker asks again;
        their secrets are still there, since only the first move of a run erases them.
        """
        is_doubtful = time.monotonic() < self._doubtful_until

        def run(transaction: Transaction) -> list[tuple[Any, ...]]:
            left = taking.left_tasks(transaction.connection, worker, running) if is_doubtful else []
            return left + taking.open_tasks(transaction.connection, worker, most)

        try:
            rows = [_Open(*row) for row in await self._database.write(run, is_statement=True)]
        except LostError as error:
            if error.may_be_done:
                self._doubtful_until = time.monotonic() + _DOUBTFUL_SECONDS
            raise
        claims = [self._opened(row) for row in rows]
        for claim in claims:
            claim.recorded.newest_event = 0 if claim.number == 1 and not claim.cancel_requested else None
            claim.recorded.erases_secrets = not keep_secrets and not claim.secrets_lost
        return claims

    def _opened(self, row: _Open) -> Claim:
        try:
            secrets, lost = self._box.unseal_texts(row.secrets, row.id), False
        except UnsealError:
            secrets, lost = {}, True
        task = Task(
            row.id,
            row.spec,
            TaskStatus.PROCESSING.value,
            row.created_at,
            row.last_heartbeat_at,
            row.created_by,
            bool(row.starts_over),
        )
        return Claim(task, row.claim, secrets, lost, bool(row.cancel_requested))

    async def record(self, claim: Claim, transition: Transition) -> None:
        """Write one move of a run.

        Raises:
            ClaimLost: the run is no longer the task's; nothing was written.
        """
        steps = [self._step_row(claim, step) for step in transition.steps]
        facts = [event for step in transition.steps for event in step.events]
        if not self._database.is_sqlite:
            await self._record(claim, transition, steps, facts)
            return

        def run(transaction: Transaction) -> None:
            fence.hold(transaction, claim)
            events.append(transaction, claim.id, transition.events, self._feed)
            for step in steps:
                _insert_step.run(transaction.connection, step)
            platform_events.add(transaction, facts)
            if transition.end:
                values = {
                    "task": claim.id,
                    "state": transition.end.value,
                    "at": times.now(),
                    "lost": claim.secrets_lost,
                }
                _end.run(transaction.connection, values)
                if not transition.keep_progress:
                    progress.forget(transaction, claim.id)

        await self._database.write(run)

    def end_patience(self) -> None:
        """Let no write of an attempt wait any longer for a database that is away: the worker ends."""
        self._database.outages.end_patience()

    async def _record(
        self,
        claim: Claim,
        transition: Transition,
        steps: Sequence[Mapping[str, object]],
        facts: Sequence[PlatformEvent],
    ) -> None:
        """Do as ``record`` in one statement, and wait with it for a server that is away."""
        recorded = claim.recorded
        before = recorded.newest_event

        def run(transaction: Transaction) -> recording.Found:
            found = recording.record(transaction, claim, transition, steps, facts)
            if found.events and before is not None and not found.is_shared:
                events.hand_over(transaction, claim.id, found.events, transition.events, before, self._feed)
            elif transition.events:
                transaction.wake(events.topic(claim.id))
            return found

        found = await self._database.write(run, is_statement=True, is_repeatable=True, is_patient=True)
        recorded.moves += 1
        recorded.erases_secrets = False
        if found.is_shared:
            recorded.newest_event = None
        elif found.events and before is not None:
            recorded.newest_event = found.events[-1]

    async def hand_back(self, claim: Claim) -> None:
        """Open a task again, with its secrets and finished steps, for another worker to go on with.

        Raises:
            ClaimLost: the run is no longer the task's.
        """
        sealed = self._box.seal_texts(claim.secrets, claim.id)

        def run(transaction: Transaction) -> None:
            fence.hold(transaction, claim)
            values = {"status": TaskStatus.OPEN.value, "worker": None, "secrets": sealed}
            transaction.connection.execute(sa.update(tasks).where(tasks.c.id == claim.id).values(**values))
            events.append(transaction, claim.id, [events.recovered(starts_over=False)], self._feed)
            transaction.wake(OPEN_TASKS)

        await self._database.write(run, is_repeatable=True)

    async def logged(self, task_id: str) -> int:
        """Return how much earlier runs wrote into the log of a task, in characters."""
        query = sa.select(sa.func.sum(sa.func.length(task_events.c.body))).where(task_events.c.task_id == task_id)
        found = await self._database.read(lambda connection: connection.execute(query).scalar(), is_patient=True)
        return int(found or 0)

    async def finished_steps(self, task_id: str) -> Mapping[int, StepResult]:
        """Return the steps that ended in earlier runs, by their position."""
        rows = await self._database.read(
            lambda connection: connection.execute(_steps_of, {"task": task_id}).all(), is_patient=True
        )
        return {
            position: StepResult(position, status == "failed", json.parse(self._box.unseal(result, task_id)), attempt)
            for position, status, result, attempt in rows
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
            transaction.connection.execute(sa.update(tasks).where(mine).values(last_heartbeat_at=clock.now()))
            return _heartbeat_answer(transaction.connection, mine, claims)

        return await self._database.write(run, is_repeatable=True, is_patient=True)

    async def renew(self, claim: Claim) -> bool:
        """Do as a heartbeat does for one claim; False when it is lost."""
        values = {"task": claim.id, "number": claim.number, "state": TaskStatus.PROCESSING.value}

        def run(transaction: Transaction) -> bool:
            return _renew.run(transaction.connection, values) == 1

        return await self._database.write(run, is_statement=True, is_repeatable=True)

    async def is_current(self, key: AttemptKey) -> bool:
        """Say whether an attempt still has its task."""
        task_id, number = key
        query = sa.select(tasks.c.id).where(
            tasks.c.id == task_id, tasks.c.claim == number, tasks.c.status == TaskStatus.PROCESSING.value
        )
        return bool(await self._database.read(lambda connection: connection.execute(query).all()))

    async def cancelled_among(self, worker: str, claims: Collection[Claim]) -> Heartbeat:
        """Learn the same as with ``heartbeat`` without writing."""
        ids = [claim.id for claim in claims]
        mine = sa.and_(
            tasks.c.id.in_(ids),
            tasks.c.worker == worker,
            tasks.c.status == TaskStatus.PROCESSING.value,
        )
        return await self._database.read(lambda connection: _heartbeat_answer(connection, mine, claims))

    def _step_row(self, claim: Claim, step: StepResult) -> dict[str, object]:
        status = "failed" if step.failed else "completed"
        result = self._box.seal(json.dumps(step.result), claim.id)
        row = {"task_id": claim.id, "position": step.position, "status": status, "result": result}
        return {**row, "attempt": claim.number}


def _heartbeat_answer(connection: sa.Connection, mine: sa.ColumnElement[bool], claims: Collection[Claim]) -> Heartbeat:
    rows = {
        row.id: row
        for row in connection.execute(sa.select(tasks.c.id, tasks.c.claim, tasks.c.cancel_requested).where(mine))
    }
    answer = Heartbeat()
    for claim in claims:
        row = rows.get(claim.id)
        if row is None or row.claim != claim.number:
            answer.lost.add(claim.key)
        elif row.cancel_requested:
            answer.cancelled.add(claim.key)
    return answer
