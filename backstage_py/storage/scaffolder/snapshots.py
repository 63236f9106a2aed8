"""Manifests and blobs of workspaces, in the database. An attempt writes under its claim only."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from backstage_py.model import times
from backstage_py.model.task import ENDED, Claim
from backstage_py.storage import bulk
from backstage_py.storage.database import Database, Transaction, WriteFunction
from backstage_py.storage.prepared import Prepared
from backstage_py.storage.scaffolder import fence
from backstage_py.storage.scaffolder.tables import blobs, snapshots, tasks, workspaces

_HEAD = 16
_insert_blob = Prepared(
    sa.text(
        "INSERT INTO task_blobs (task_id, name, content, head, size, saved_at)"
        " VALUES (:task_id, :name, :content, :head, :size, :saved_at) ON CONFLICT DO NOTHING"
    )
)
_insert_snapshot = Prepared(sa.insert(snapshots), [column.name for column in snapshots.columns])


class NewBlob(NamedTuple):
    """A blob as it is stored; ``is_outside`` when its content is kept outside of the database."""

    name: str
    content: bytes
    is_outside: bool


class SnapshotTable:
    """Snapshots of one database, by the task and the position of the step behind which they were taken."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, claim: Claim, new: Collection[NewBlob]) -> None:
        """Store blobs, or take note of those that are about to be stored outside.

        Raises:
            ClaimLost: the task is another attempt's by now.
        """

        def run(transaction: Transaction) -> None:
            fence.hold(transaction, claim)
            _add(transaction, claim.id, new)

        await self._write(run)

    async def keep(
        self, claim: Claim, position: int, manifest: bytes, new: Collection[NewBlob], *, replaced: Collection[int]
    ) -> None:
        """Store a snapshot with the blobs that it still lacks, and drop snapshots that nobody needs any more.

        Raises:
            ClaimLost: the task is another attempt's by now.
        """
        row = {
            "task_id": claim.id,
            "position": position,
            "attempt": claim.number,
            "manifest": manifest,
            "saved_at": times.now(),
        }

        def run(transaction: Transaction) -> None:
            fence.hold(transaction, claim)
            _add(transaction, claim.id, new)
            old = sa.delete(snapshots).where(
                snapshots.c.task_id == claim.id, snapshots.c.position.in_([position, *replaced])
            )
            transaction.connection.execute(old)
            _insert_snapshot.run(transaction.connection, row)

        await self._write(run)

    async def behind(self, task_id: str, position: int) -> tuple[int, bytes] | None:
        """Return the newest manifest of a step up to ``position``, with its position; behind it nothing changed."""
        query = (
            sa.select(snapshots.c.position, snapshots.c.manifest)
            .where(snapshots.c.task_id == task_id, snapshots.c.position <= position)
            .order_by(snapshots.c.position.desc())
            .limit(1)
        )
        row = await self._database.read(lambda connection: connection.execute(query).first())
        return (row.position, row.manifest) if row else None

    async def forget_behind(self, claim: Claim, position: int) -> None:
        """Drop snapshots of steps that were not recorded: the attempt takes these steps anew.

        Raises:
            ClaimLost: the task is another attempt's by now.
        """
        later = [
            sa.delete(table).where(table.c.task_id == claim.id, table.c.position > position)
            for table in (snapshots, workspaces)
        ]

        def run(transaction: Transaction) -> None:
            fence.hold(transaction, claim)
            for statement in later:
                transaction.connection.execute(statement)

        await self._write(run)

    async def blob(self, task_id: str, name: str) -> bytes | None:
        """Return a blob's content; None when there is none in the database."""
        query = sa.select(blobs.c.content).where(blobs.c.task_id == task_id, blobs.c.name == name)
        return await self._database.read(lambda connection: connection.execute(query).scalar())

    async def drop(self, task_id: str, names: Collection[str]) -> None:
        """Drop blobs that no manifest names any more. A name is never used twice, so this needs no claim."""
        gone = sa.delete(blobs).where(blobs.c.task_id == task_id, bulk.is_in(blobs.c.name, names))

        def run(transaction: Transaction) -> None:
            transaction.connection.execute(gone)

        await self._write(run)

    async def unused(self, most: int) -> Mapping[str, Sequence[str]]:
        """Return names of blobs outside of the database that no attempt, present or future, can need, by their task."""
        needed = sa.select(snapshots.c.task_id).where(snapshots.c.task_id == blobs.c.task_id)
        at_work = sa.select(tasks.c.id).where(tasks.c.id == blobs.c.task_id, tasks.c.status.not_in(ENDED))
        query = (
            sa.select(blobs.c.task_id, blobs.c.name)
            .where(blobs.c.content.is_(None), ~needed.exists(), ~at_work.exists())
            .limit(most)
        )
        found: dict[str, list[str]] = {}
        for task_id, name in await self._database.read(lambda connection: connection.execute(query).all()):
            found.setdefault(task_id, []).append(name)
        return found

    async def _write(self, run: WriteFunction[None]) -> None:
        """Write what does no harm when it is written again, and wait for a database that is away: a step has ended."""
        await self._database.write(run, is_repeatable=True, is_patient=True)


def _add(transaction: Transaction, task_id: str, new: Collection[NewBlob]) -> None:
    at = times.now()
    for one in new:
        row = {
            "task_id": task_id,
            "name": one.name,
            "content": None if one.is_outside else one.content,
            "head": one.content[:_HEAD],
            "size": len(one.content),
            "saved_at": at,
        }
        _insert_blob.run(transaction.connection, row)
