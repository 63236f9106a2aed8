"""Snapshots of workspaces as the version before keeps them in the database: one archive behind each step."""

from collections.abc import Collection

import sqlalchemy as sa

from backstage_py.model import times
from backstage_py.model.task import Claim
from backstage_py.storage.database import Database, Transaction
from backstage_py.storage.scaffolder import fence
from backstage_py.storage.scaffolder.secrets import SecretBox
from backstage_py.storage.scaffolder.tables import workspaces

_OTHERS = sa.text(
    # ours have a name, those of the version before have none, unless the operator gives them one
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user"
    " AND pid <> pg_backend_pid() AND application_name = '' LIMIT 1"
)


class WorkspaceTable:
    """Archives by task and by the position of the step that they were taken behind."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box

    async def has_older_readers(self) -> bool:
        """Say whether somebody uses the database as replicas of the version before do. On a file nobody can tell."""
        if self._database.is_sqlite:
            return False
        return await self._database.read(lambda connection: connection.execute(_OTHERS).first() is not None)

    async def load(self, task_id: str, position: int) -> bytes | None:
        """Return an archive (``tar.gz``), None when there is none."""
        query = sa.select(workspaces.c.content).where(
            workspaces.c.task_id == task_id, workspaces.c.position == position
        )
        sealed = await self._database.read(lambda connection: connection.execute(query).scalar())
        return None if sealed is None else self._box.unseal(sealed, task_id)

    async def save(self, claim: Claim, position: int, content: bytes | None) -> None:
        """Keep an archive in the place of an earlier one; None is kept elsewhere, and only the claim is looked at.

        Raises:
            ClaimLost: the task is another attempt's by now.
        """
        sealed = None if content is None else self._box.seal(content, claim.id)
        row = {"task_id": claim.id, "position": position, "content": sealed, "saved_at": times.now()}
        same = sa.and_(workspaces.c.task_id == claim.id, workspaces.c.position == position)

        def run(transaction: Transaction) -> None:
            fence.hold(transaction, claim)
            if sealed is not None:
                transaction.connection.execute(sa.delete(workspaces).where(same))
                transaction.connection.execute(sa.insert(workspaces), row)

        await self._database.write(run, is_repeatable=True)

    async def drop(self, claim: Claim, positions: Collection[int]) -> None:
        """Drop archives.

        Raises:
            ClaimLost: the task is another attempt's by now.
        """
        gone = sa.delete(workspaces).where(workspaces.c.task_id == claim.id, workspaces.c.position.in_(positions))

        def run(transaction: Transaction) -> None:
            fence.hold(transaction, claim)
            transaction.connection.execute(gone)

        await self._database.write(run, is_repeatable=True)
