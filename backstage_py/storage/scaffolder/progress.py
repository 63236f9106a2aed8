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


def parts_to_forget(of_task: str) -> list[str]:
    """Return ``WITH`` queries of PostgreSQL that delete what a resumed run would need.

    Args:
        of_task: what ``task_id`` is compared with, such as ``= :task``.
    """
    kept_here = {blobs.name: " AND content IS NOT NULL"}
    return [
        f"{table.name}_gone AS (DELETE FROM {table.name} WHERE task_id {of_task}{kept_here.get(table.name, '')})"  # noqa: S608  # names of our own tables
        for table in (steps, workspaces, snapshots, blobs)
    ]


_drop_all = Prepared(sa.text(f"WITH {', '.join(parts_to_forget('= :task'))} SELECT 1"))  # in one round trip


def forget_steps(transaction: Transaction, task_id: str) -> None:
    """Delete the results of steps."""
    _drop_steps.run(transaction.connection, {"task": task_id})


def forget(transaction: Transaction, task_id: str) -> None:
    """Delete what a resumed run would need."""
    for statement in _drops if transaction.connection.dialect.name == "sqlite" else (_drop_all,):
        statement.run(transaction.connection, {"task": task_id})
