"""Taking open tasks, as one statement of PostgreSQL."""

from collections.abc import Collection
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from backstage_py.storage import clock
from backstage_py.storage.postgres.direct import Direct
from backstage_py.storage.scaffolder.tables import tasks
from backstage_py.storage.scaffolder.tasks import COLUMNS

_RETURNED = ", ".join(column.name for column in (*COLUMNS, tasks.c.claim, tasks.c.cancel_requested, tasks.c.secrets))
_TAKEN = (
    "status = 'processing', claim = claim + 1, recorded = 0, worker = %(worker)s, "
    f"last_heartbeat_at = {clock.POSTGRESQL}"
)
_OPEN = Direct(f"""
UPDATE tasks SET {_TAKEN}
WHERE status = 'open' AND id = ANY(ARRAY(
  SELECT id FROM tasks WHERE status = 'open' ORDER BY created_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
))
RETURNING {_RETURNED}
""")  # noqa: S608  # names of our own columns
_LEFT = Direct(f"""
UPDATE tasks SET {_TAKEN}
WHERE status = 'processing' AND worker = %(worker)s AND NOT id = ANY(%(running)s::text[])
RETURNING {_RETURNED}
""")  # noqa: S608  # as above


def open_tasks(connection: sa.Connection, worker: str, most: int) -> list[tuple[Any, ...]]:
    """Take up to ``most`` open tasks, oldest first; return their columns, claim, request to cancel and secrets."""
    return _run(connection, _OPEN, {"worker": worker, "most": most})


def left_tasks(connection: sa.Connection, worker: str, running: Collection[str]) -> list[tuple[Any, ...]]:
    """Take what the worker has taken before and does not know of, since the answer was lost."""
    return _run(connection, _LEFT, {"worker": worker, "running": list(running)})


def _run(connection: sa.Connection, statement: Direct, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    return sorted(statement.all(connection.connection.driver_connection, values), key=itemgetter(3))
