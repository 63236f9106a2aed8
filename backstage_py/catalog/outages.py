"""What a database says that may answer again later: the loops wait for it, and show it at no entity."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from backstage_py.background import Repeats
from backstage_py.errors import ServiceUnavailableError
from backstage_py.storage import faults
from backstage_py.storage.faults import DatabaseError, SlowError

T = TypeVar("T")

OUTAGES = (ServiceUnavailableError, DatabaseError)
OF_DATABASE = (DatabaseError, SlowError, *faults.OUTAGES)
"""Those that cannot come from another system, for where one is asked."""

_PAUSE = 1.0
_log = structlog.get_logger(__name__)
_said = Repeats()


async def pause(error: Exception) -> None:
    """Record that the database is away, and wait a little."""
    if _said.is_news(str(error)):
        _log.warning("catalog_waits_for_database", error=str(error))
    await asyncio.sleep(_PAUSE)


async def patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Do something with the database; while it is away, try again until the work is cancelled."""
    while True:
        try:
            return await work()
        except OUTAGES as error:
            await pause(error)
