"""What a resumed run needs: results of steps and snapshots of the workspace. All within a transaction."""

import sqlalchemy as sa

from backstage_py.storage.database import Transaction
from backstage_py.storage.prepared import Prepared
from backstage_py.storage.scaffolder.tables import blobs, snapshots, steps, workspaces

_drop_steps = Prepared(sa.delete(steps).where(steps.c.task_id == sa.bindparam("task")))
_drops = (
    _drop_steps,
    Prepared(sa.delete(workspaces).where(workspaces.c.task_id == sa.bindparam("task"))),
    Prepared(sa.delete(snapshots).where(snapshots.c.task_id == sa.bindparam("task"))),
    # those without content are kept outside, and their rows until they are collected there
    Prepared(sa.delete(blobs).where(blobs.c.task_id == sa.bindparam("task"), blobs.c.content.is_not(None))),
)
_drop_all = Prepared(  # in one round trip
    sa.text(
        "WITH steps_gone AS (DELETE FROM task_steps WHERE task_id = :task),"
        " workspaces_gone AS (DELETE FROM task_workspaces WHERE task_id = :task),"
        " snapshots_gone AS (DELETE FROM task_snapshots WHERE task_id = :task)"
        " DELETE FROM task_blobs WHERE task_id = :task AND content IS NOT NULL"
    )
)


def forget_steps(transaction: Transaction, task_id: str) -> None:
    """Delete the results of steps."""
    _drop_steps.run(transaction.connection, {"task": task_id})


def forget(transaction: Transaction, task_id: str) -> None:
    """Delete what a resumed run would need."""
    for statement in _drops if transaction.connection.dialect.name == "sqlite" else (_drop_all,):
        statement.run(transaction.connection, {"task": task_id})
