"""A lease, and the fence that each write of shared work passes: without the lease nothing is written."""

from dataclasses import dataclass

import sqlalchemy as sa

from backstage_py.errors import ConflictError
from backstage_py.storage import clock
from backstage_py.storage.catalog.tables import leases
from backstage_py.storage.prepared import Prepared

_LONGEST: sa.ColumnElement[int] = sa.literal_column("3600000", sa.BigInteger())
"""Milliseconds; an end that lies further ahead was written before the database's clock was put back."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to do something until a moment of the database's clock.

    Attributes:
        name: of what is done.
        token: grows with every lease that is given, so it names this one and no later one.
    """

    name: str
    token: int


class LeaseLostError(ConflictError):
    """Another process may have the lease by now; nothing was written."""


def is_valid() -> sa.ColumnElement[bool]:
    """Return the condition that a lease has not ended."""
    return sa.and_(
        leases.c.leased_until > clock.now(), leases.c.leased_until < clock.now() + sa.literal_column(str(_LONGEST))
    )


def refuse_lost(connection: sa.Connection, lease: Lease) -> None:
    """Raise LeaseLostError if a lease has ended. What ends leases waits for the transaction that asks."""
    if not _VALID.all(connection, {"token": lease.token}):
        raise LeaseLostError(f"The lease of {lease.name} has ended; another replica goes on with it")


_VALID = Prepared(sa.select(leases.c.token).where(leases.c.token == sa.bindparam("token"), is_valid()))
