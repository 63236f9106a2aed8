"""The fence around what an attempt writes: its claim is the token, checked in the transaction of each write."""

import sqlalchemy as sa

from backstage_py.model.task import Claim, ClaimLost, TaskStatus
from backstage_py.storage.database import Transaction
from backstage_py.storage.prepared import Prepared
from backstage_py.storage.scaffolder.tables import tasks

_held = Prepared(
    sa.select(tasks.c.id)
    .where(
        tasks.c.id == sa.bindparam("task"),
        tasks.c.claim == sa.bindparam("number"),
        tasks.c.status == sa.bindparam("state"),
    )
    .with_for_update()
)


def hold(transaction: Transaction, claim: Claim) -> None:
    """Lock the task's row for the rest of the transaction, and make sure that the claim is still the task's.

    Raises:
        ClaimLost: another attempt has the task by now, or it has ended, or was opened again.
    """
    values = {"task": claim.id, "number": claim.number, "state": TaskStatus.PROCESSING.value}
    if not _held.all(transaction.connection, values):
        raise ClaimLost(claim.id)
