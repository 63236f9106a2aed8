"""Upkeep of tasks that nobody asks for: those whose worker is gone, and those that ended long ago."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from backstage_py.model import times
from backstage_py.model.json import JsonObject
from backstage_py.model.task import STALE_MESSAGE, EventType, TaskStatus, new_event
from backstage_py.storage import clock
from backstage_py.storage.database import Database, Transaction
from backstage_py.storage.scaffolder import events, progress
from backstage_py.storage.scaffolder.events import EventFeed
from backstage_py.storage.scaffolder.tables import blobs, checkpoints, snapshots, steps, task_events, tasks, workspaces
from backstage_py.storage.scaffolder.tasks import OPEN_TASKS

_LOST_WORKER = "The task worker stopped while it was running this task"


@dataclass(frozen=True, slots=True)
class Running:
    """A task that some worker claims to run.

    Attributes:
        silent: milliseconds since its heartbeat, by the database's clock.
    """

    id: str
    claim: int
    worker: str | None
    last_heartbeat_at: int
    starts_over: bool
    silent: int = field(compare=False)


class TaskUpkeep:
    """The upkeep of one database.

    Args:
        database: where the tasks are.
        feed: gets the events that are committed here.
    """

    def __init__(self, database: Database, feed: EventFeed) -> None:
        self._database = database
        self._feed = feed

    async def running(self) -> Sequence[Running]:
        """Return the tasks that are being run, by whomever."""
        query = sa.select(
            tasks.c.id,
            tasks.c.claim,
            tasks.c.worker,
            tasks.c.last_heartbeat_at,
            tasks.c.starts_over,
            clock.now() - tasks.c.last_heartbeat_at,
        ).where(tasks.c.status == TaskStatus.PROCESSING.value)

        def run(connection: sa.Connection) -> Sequence[Running]:
            return [Running(*row) for row in connection.execute(query)]

        return await self._database.read(run)

    async def could_be_renewed(self, task_ids: Collection[str]) -> None:
        """Return when heartbeats of these tasks could be written.

        A database that answers may still only read, or have a lock on them: that silences workers who are alive.

        Raises:
            ServiceUnavailableError: nothing can be written.
        """
        query = sa.select(tasks.c.id).where(tasks.c.id.in_(task_ids)).order_by(tasks.c.id).with_for_update()
        await self._database.write(lambda transaction: transaction.connection.execute(query).all(), is_repeatable=True)

    async def recover(self, lost: Iterable[Running]) -> Sequence[str]:
        """Open tasks again whose worker is gone. Returns those that nobody else recovered in the meantime."""

        def run(transaction: Transaction) -> Sequence[str]:
            recovered = []
            for one in lost:
                change = _if_unchanged(one).values(
                    status=TaskStatus.OPEN.value, worker=None, last_heartbeat_at=clock.now()
                )
                if transaction.connection.execute(change).rowcount != 1:
                    continue
                if one.starts_over:
                    progress.forget_steps(transaction, one.id)
                events.append(transaction, one.id, [events.recovered(starts_over=one.starts_over)], self._feed)
                transaction.wake(OPEN_TASKS)
                recovered.append(one.id)
            return recovered

        return await self._database.write(run, is_repeatable=True)

    async def give_up(self, lost: Iterable[Running], *, stale: bool) -> Sequence[str]:
        """End tasks as failed whose worker is gone (or, if ``stale``, silent beyond the task timeout)."""
        message = STALE_MESSAGE if stale else _LOST_WORKER
        completion: JsonObject = {"message": message}
        if not stale:
            completion = {
                "message": "Run completed with status: failed",
                "error": {"name": "Error", "message": message},
            }

        def run(transaction: Transaction) -> Sequence[str]:
            ended = []
            for one in lost:
                change = _if_unchanged(one).values(
                    status=TaskStatus.FAILED.value, worker=None, secrets=None, ended_at=times.now()
                )
                if transaction.connection.execute(change).rowcount != 1:
                    continue
                failed = [
                    new_event(EventType.LOG, {"message": message, "stepId": step, "status": "failed"})
                    for step in _hung_steps(transaction.connection, one.id)
                ]
                events.append(transaction, one.id, [*failed, new_event(EventType.COMPLETION, completion)], self._feed)
                progress.forget(transaction, one.id)
                ended.append(one.id)
            return ended

        return await self._database.write(run, is_repeatable=True)

    async def remove_ended_before(self, moment: int, most: int) -> int:
        """Delete tasks that ended before ``moment`` with all that belongs to them, at most ``most`` at once."""
        old = sa.select(tasks.c.id).where(tasks.c.ended_at < moment).limit(most)

        def run(transaction: Transaction) -> int:
            ids = [row.id for row in transaction.connection.execute(old)]
            for table in (task_events, steps, checkpoints, workspaces, snapshots):
                transaction.connection.execute(sa.delete(table).where(table.c.task_id.in_(ids)))
            inside = sa.delete(blobs).where(blobs.c.task_id.in_(ids), blobs.c.content.is_not(None))
            transaction.connection.execute(inside)
            transaction.connection.execute(sa.delete(tasks).where(tasks.c.id.in_(ids)))
            return len(ids)

        return await self._database.write(run, is_repeatable=True)

    async def ended_among(self, task_ids: Collection[str], before: int) -> Collection[str]:
        """Return those of some tasks that ended before a moment."""
        query = sa.select(tasks.c.id).where(tasks.c.id.in_(task_ids), tasks.c.ended_at < before)
        return await self._database.read(lambda connection: connection.execute(query).scalars().all())


def _if_unchanged(one: Running) -> sa.Update:
    return sa.update(tasks).where(
        tasks.c.id == one.id,
        tasks.c.claim == one.claim,
        tasks.c.status == TaskStatus.PROCESSING.value,
        tasks.c.last_heartbeat_at == one.last_heartbeat_at,
    )


def _hung_steps(connection: sa.Connection, task_id: str) -> Sequence[str]:
    """Return the ids of steps that began and never ended, in their order."""
    began: dict[str, None] = {}
    ended: set[str] = set()
    for body in events.newest_bodies(connection, task_id):
        if body.get("status") in {"completed", "failed", "skipped"}:
            ended.add(body["stepId"])
        elif body.get("status") == "processing":
            began[body["stepId"]] = None
    return [step for step in reversed(began) if step not in ended]
