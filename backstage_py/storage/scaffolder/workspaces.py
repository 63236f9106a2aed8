"""Snapshots of workspaces in the database, for tasks that go on somewhere else."""

from collections.abc import Sequence

import sqlalchemy as sa

from backstage_py.model import times
from backstage_py.storage.database import Database, Transaction
from backstage_py.storage.scaffolder.secrets import SecretBox
from backstage_py.storage.scaffolder.tables import workspaces


class WorkspaceTable:
    """Snapshots by task and by the position of the step that they were taken behind."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box

    async def save(self, task_id: str, position: int, archive: bytes) -> None:
        """Keep a snapshot, in place of an earlier one of the same position."""
        content = self._box.seal(archive, task_id)
        row = {"task_id": task_id, "position": position, "content": content, "saved_at": times.now()}
        same = sa.and_(workspaces.c.task_id == task_id, workspaces.c.position == position)

        def run(transaction: Transaction) -> None:
            transaction.connection.execute(sa.delete(workspaces).where(same))
            transaction.connection.execute(sa.insert(workspaces), row)

        await self._database.write(run)

    async def load(self, task_id: str, position: int) -> bytes | None:
        """Return a snapshot, None when there is none."""
        query = sa.select(workspaces.c.content).where(
            workspaces.c.task_id == task_id, workspaces.c.position == position
        )
        sealed = await self._database.read(lambda connection: connection.execute(query).scalar())
        return None if sealed is None else self._box.unseal(sealed, task_id)

    async def delete(self, task_id: str, positions: Sequence[int]) -> None:
        """Drop snapshots, as far as they exist."""
        statement = sa.delete(workspaces).where(workspaces.c.task_id == task_id, workspaces.c.position.in_(positions))

        def run(transaction: Transaction) -> None:
            transaction.connection.execute(statement)

        await self._database.write(run)
