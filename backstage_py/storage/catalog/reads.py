"""What was read of other systems, kept so that it need not be read again, or only if it has changed."""

import hashlib
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from backstage_py.model import json
from backstage_py.model.json import JsonObject
from backstage_py.storage import bulk, clock
from backstage_py.storage.catalog.tables import reads
from backstage_py.storage.database import Database, Transaction

_KEPT = 7 * 86_400_000
LARGEST = 1024 * 1024
"""Bytes of what is kept; anything larger is read each time."""
_LARGEST_SUM = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that was read.

    Attributes:
        name: whose reading it is and of what, such as a URL; only its digest is stored.
        body: None when there is nothing of that name.
        etag: with which to ask whether it has changed.
        headers: of the answer, as far as they are needed.
    """

    name: str
    body: bytes | None
    etag: str | None = None
    headers: JsonObject | None = None


class ReadStore:
    """What was read, in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, name: str, *, only_fresh: bool = False) -> Kept | None:
        """Return what is kept; ``only_fresh``: if nobody need be asked whether it has changed."""
        query = sa.select(reads.c.etag, reads.c.headers, reads.c.body, reads.c.size).where(reads.c.key == _key(name))
        if only_fresh:
            query = query.where(reads.c.fresh_until > clock.now())
        row = await self._database.read_briefly(lambda connection: connection.execute(query).first())
        if row is None:
            return None
        body = None if row.size < 0 else zlib.decompress(row.body)
        return Kept(name, body, row.etag, json.parse(row.headers))

    async def put(self, kept: Sequence[Kept], *, fresh: float = 0.0) -> list[str]:
        """Keep what was read, and return the names of what is new or has changed.

        Args:
            kept: what is larger than ``LARGEST`` is left out.
            fresh: for so many seconds nobody need be asked again.
        """
        rows = {_key(one.name): one for one in kept if one.body is None or len(one.body) <= LARGEST}

        def run(transaction: Transaction) -> list[str]:
            connection = transaction.connection
            known = sa.select(reads.c.key, reads.c.etag, reads.c.size).where(bulk.is_in(reads.c.key, list(rows)))
            before = {row.key: (row.etag, row.size < 0) for row in connection.execute(known)}
            now = int(connection.execute(sa.select(clock.now())).scalar_one())
            changed = {key: one for key, one in rows.items() if before.get(key) != (one.etag, one.body is None)}
            bulk.delete(connection, reads, ("key",), [(key,) for key in changed])
            bulk.insert(connection, reads, [_row(key, one, now) for key, one in changed.items()])
            until = {"fresh_until": now + int(fresh * 1000), "used_at": now}
            connection.execute(sa.update(reads).where(bulk.is_in(reads.c.key, list(rows))).values(until))
            _forget_old(connection, now)
            return [one.name for one in changed.values()]

        return await self._database.write(run, is_repeatable=True) if rows else []

    async def forget(self, names: Collection[str]) -> None:
        """Forget what may have changed."""
        keys = [(_key(name),) for name in names]
        await self._database.write(
            lambda transaction: bulk.delete(transaction.connection, reads, ("key",), keys), is_repeatable=True
        )


def _key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _row(key: str, one: Kept, now: int) -> tuple[object, ...]:
    body = b"" if one.body is None else zlib.compress(one.body, 1)
    return key, one.etag, json.dumps(one.headers or {}), body, -1 if one.body is None else len(body), now, 0


def _forget_old(connection: sa.Connection, now: int) -> None:
    connection.execute(sa.delete(reads).where(reads.c.used_at < now - _KEPT))
    size = connection.execute(sa.select(sa.func.sum(reads.c.size))).scalar() or 0
    if size > _LARGEST_SUM:  # rare; what was used least lately goes, about half of all
        median = sa.select(sa.func.avg(reads.c.used_at)).scalar_subquery()
        connection.execute(sa.delete(reads).where(reads.c.used_at <= median))
