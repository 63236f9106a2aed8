"""The database's clock: the only one that processes on several machines can compare moments by."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

POSTGRESQL = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
"""The same in the words of PostgreSQL, for statements that are written in them."""


class now(FunctionElement[int]):  # noqa: N801  # reads as SQL does: last_heartbeat_at=clock.now()
    """Milliseconds since 1970, at the moment in which the statement runs, not at its transaction's begin."""

    type = sa.BigInteger()
    name = "now_milliseconds"
    inherit_cache = True


@compiles(now, "sqlite")  # type: ignore[no-untyped-call,misc,unused-ignore]  # SQLAlchemy's decorator has no types
def _of_sqlite(_element: now, _compiler: Any, **_options: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


@compiles(now, "postgresql")  # type: ignore[no-untyped-call,misc,unused-ignore]  # as above
def _of_postgresql(_element: now, _compiler: Any, **_options: Any) -> str:
    return POSTGRESQL
