"""What a resumed run needs: results of steps and the snapshot of the workspace. All within a transaction."""

import sqlalchemy as sa

from backstage_py.storage.database import Transaction
from backstage_py.storage.prepared import Prepared
from backstage_py.storage.scaffolder.tables import steps, workspaces

_drop_steps = Prepared(sa.delete(steps).where(steps.c.task_id == sa.bindparam("task")))
_drop_workspace = Prepared(sa.delete(workspaces).where(workspaces.c.task_id == sa.bindparam("task")))


def forget_steps(transaction: Transaction, task_id: str) -> None:
    """Delete the results of steps."""
    _drop_steps.run(transaction.connection, {"task": task_id})


def forget(transaction: Transaction, task_id: str) -> None:
    """Delete what a resumed run would need."""
    forget_steps(transaction, task_id)
    _drop_workspace.run(transaction.connection, {"task": task_id})
