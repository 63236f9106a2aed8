"""Locks of tables that replicas of the version before work on meanwhile, taken so that none of these has to give way.

They do not know that tables change. Who is the victim of a deadlock there loses what it wanted to write, and who waits
for longer than a lease lasts loses its task. So whoever changes tables waits for a lock only as long as it holds no
other, lets go when that takes too long, and comes back for what was in the way first.
"""

from collections.abc import Iterable

import sqlalchemy as sa
import structlog

_log = structlog.get_logger(__name__)
_WAITS = (0.5, 1.0, 2.0, 3.0)
"""Seconds, attempt by attempt: whoever comes later stands in line behind us. A vacuum makes room after one of them."""
_HOLDING = 0.2
"""Seconds of waiting for a lock while others are held; all together less than until a deadlock is looked for."""


class TableLocks:
    """What one change of tables locks, over all its attempts.

    Args:
        tables: those that are there already, if they are more than one; the first lock of others is their statement's.
    """

    def __init__(self, tables: Iterable[str] = ()) -> None:
        self._tables = list(tables)
        self._attempts = 0

    def take(self, connection: sa.Connection) -> None:
        """Lock them until the transaction ends, and bound what its statements wait for.

        Raises:
            sqlalchemy.exc.OperationalError: one is in use; roll back and come again.
        """
        seconds = _WAITS[min(self._attempts, len(_WAITS) - 1)]
        self._attempts += 1
        _wait_at_most(connection, seconds)
        for table in tuple(self._tables):
            try:
                connection.exec_driver_sql(f'LOCK TABLE "{table}" IN ACCESS EXCLUSIVE MODE')
            except sa.exc.OperationalError:
                _log.info("table_in_use", table=table, seconds=seconds, attempt=self._attempts)
                self._tables.remove(table)
                self._tables.insert(0, table)
                raise
            _wait_at_most(connection, _HOLDING)


def _wait_at_most(connection: sa.Connection, seconds: float) -> None:
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(seconds * 1000)}")
