"""What actions did once per task, or were about to do, kept so that a step that runs again does not do it twice."""

import sqlalchemy as sa

from backstage_py.model import json
from backstage_py.model.json import Json
from backstage_py.model.task import Claim
from backstage_py.storage.database import Database, Transaction
from backstage_py.storage.scaffolder import fence
from backstage_py.storage.scaffolder.secrets import SecretBox
from backstage_py.storage.scaffolder.tables import checkpoints


class CheckpointStore:
    """The checkpoints and effects of all tasks. They outlive a failed run, so that a retry finds them."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box

    async def load(self, task_id: str) -> dict[str, Json]:
        """Return a task's checkpoints and effects by key."""
        query = sa.select(checkpoints.c.key, checkpoints.c.value).where(checkpoints.c.task_id == task_id)
        rows = await self._database.read(lambda connection: connection.execute(query).all(), is_patient=True)
        return {key: json.parse(self._box.unseal(value, task_id)) for key, value in rows}

    async def save(self, claim: Claim, key: str, value: Json) -> None:
        """Store a value; it is on disk when this returns.

        Raises:
            ClaimLost: the run is no longer the task's.
        """
        row = {"task_id": claim.id, "key": key, "value": self._box.seal(json.dumps(value), claim.id)}

        def run(transaction: Transaction) -> None:
            fence.hold(transaction, claim)
            same = sa.and_(checkpoints.c.task_id == claim.id, checkpoints.c.key == key)
            transaction.connection.execute(sa.delete(checkpoints).where(same))
            transaction.connection.execute(sa.insert(checkpoints), row)

        await self._database.write(run, is_repeatable=True, is_patient=True)
