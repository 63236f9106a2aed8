"""When what depends on the outside is processed again, by the database's clock."""

import random

import sqlalchemy as sa

from backstage_py.storage import clock
from backstage_py.storage.prepared import Prepared

_SPREAD = 0.5
_NOW = Prepared(sa.select(clock.now()))


class Due:
    """Moments for one transaction; the clock is read when the first one is wanted.

    Args:
        connection: of the transaction.
        interval: seconds to wait, half as much more at random; None never.
    """

    def __init__(self, connection: sa.Connection, interval: float | None) -> None:
        self._connection = connection
        self._interval = interval
        self._now: int | None = None

    def next(self) -> int:
        """Return when an entity is due that was processed now, in milliseconds of the database's clock."""
        if self._interval is None:
            return 0  # nobody here looks; whoever processes on this database finds it due
        if self._now is None:
            self._now = int(_NOW.all(self._connection, {})[0][0])
        wait = self._interval * (1 + random.random() * _SPREAD)  # noqa: S311  # spreads load
        return self._now + int(wait * 1000)
