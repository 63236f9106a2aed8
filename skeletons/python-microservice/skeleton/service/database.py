"""PostgreSQL, where `PGHOST` names a server; nothing is opened otherwise.

asyncpg reads PGHOST, PGPORT, PGUSER, PGPASSWORD and their like, as any client of PostgreSQL does.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

from asyncpg import Pool, Record, create_pool
from asyncpg.pool import PoolConnectionProxy
from fastapi import Depends, HTTPException, Request

if TYPE_CHECKING:
    _Connection = PoolConnectionProxy[Record]
else:
    _Connection = PoolConnectionProxy

_CONNECTIONS = 10
_PROBE_SECONDS = 1.0  # less than the kubelet waits

_log = logging.getLogger(__name__)


class Database:
    """Connections, each made when it is asked for: the service starts before its database does."""

    def __init__(self, pool: "Pool[Record]", probe: "Pool[Record]") -> None:
        self.pool = pool
        self._probe = probe  # its own one: a service whose requests use up the others is ready
        self._answered = True

    async def answers(self) -> bool:
        """Say whether the server does; the log says why it does not, once."""
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                await self._probe.fetchval("SELECT 1")
        except Exception as error:  # of the network, the library or the server: all mean no
            if self._answered:
                _log.warning("the database does not answer", extra={"error": repr(error)})
            self._answered = False
        else:
            self._answered = True
        return self._answered


@asynccontextmanager
async def opened() -> AsyncIterator[Database | None]:
    """Yield the database that the environment names, if it names one."""
    if not os.environ.get("PGHOST"):
        yield None
        return
    async with (
        create_pool(min_size=0, max_size=_CONNECTIONS, timeout=5) as pool,
        create_pool(min_size=0, max_size=1, timeout=_PROBE_SECONDS) as probe,
    ):
        yield Database(pool, probe)


async def _connected(request: Request) -> AsyncIterator[_Connection]:
    database: Database | None = request.app.state.database
    if database is None:
        raise HTTPException(503, "This service has no database: PGHOST is not set")
    async with database.pool.acquire() as connection:
        yield connection


Connection = Annotated[_Connection, Depends(_connected)]
"""What an endpoint takes that asks the database: `async def orders(database: Connection)`."""
