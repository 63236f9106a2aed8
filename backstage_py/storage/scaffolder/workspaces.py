"""Snapshots of workspaces as earlier versions kept them in the database: one archive behind each step."""

import sqlalchemy as sa

from backstage_py.storage.database import Database
from backstage_py.storage.scaffolder.secrets import SecretBox
from backstage_py.storage.scaffolder.tables import workspaces


class WorkspaceTable:
    """Archives by task and by the position of the step that they were taken behind."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box

    async def load(self, task_id: str, position: int) -> bytes | None:
        """Return an archive (``tar.gz``), None when there is none."""
        query = sa.select(workspaces.c.content).where(
            workspaces.c.task_id == task_id, workspaces.c.position == position
        )
        sealed = await self._database.read(lambda connection: connection.execute(query).scalar(), is_patient=True)
        return None if sealed is None else self._box.unseal(sealed, task_id)
