"""Wakes as rows, for servers behind a pooler of transactions, through which nobody can listen: they are polled for.

Rows are hints like notifications: a process reads those that are newer than what it has seen, and a few older ones,
since numbers are not committed in their order.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from backstage_py.storage.prepared import Prepared

_LATE = 200
_KEPT_SECONDS = 60

metadata = sa.MetaData()
wakes = sa.Table(
    "wakes",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("sender", sa.String(16), nullable=False),
    sa.Column("topics", sa.Text, nullable=False),
    sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
)

_insert = Prepared(sa.insert(wakes), ["sender", "topics"])
_newer = Prepared(sa.select(wakes.c.id, wakes.c.sender, wakes.c.topics).where(wakes.c.id > sa.bindparam("after")))
_newest = Prepared(sa.select(sa.func.max(wakes.c.id)))
_drop = Prepared(sa.text(f"DELETE FROM wakes WHERE sent_at < now() - interval '{_KEPT_SECONDS} seconds'"))  # noqa: S608  # a number of ours


class Row(NamedTuple):
    """A wake: who sent it, and the topics."""

    id: int
    sender: str
    topics: str


def send(connection: sa.Connection, sender: str, topics: Iterable[str]) -> None:
    """Tell the other processes."""
    _insert.run(connection, {"sender": sender, "topics": "\n".join(topics)})


def forget(connection: sa.Connection) -> None:
    """Drop what everybody has seen or given up waiting for."""
    _drop.run(connection, {})


class Reader:
    """Reads what is new since it was made."""

    def __init__(self) -> None:
        self._newest: int | None = None
        self._seen: set[int] = set()

    def read(self, connection: sa.Connection) -> Sequence[Row] | None:
        """Return the rows that were not returned before; None the first time, when something may have been missed."""
        if self._newest is None:
            self._newest = _first(_newest.all(connection, {}))
            self._seen = {row[0] for row in _newer.all(connection, {"after": self._newest - _LATE})}
            return None
        rows = [Row(*row) for row in _newer.all(connection, {"after": self._newest - _LATE})]
        fresh = [row for row in rows if row.id not in self._seen]
        self._seen = {row.id for row in rows}
        self._newest = max([self._newest, *self._seen])
        return fresh


def _first(rows: list[tuple[Any, ...]]) -> int:
    return int(rows[0][0] or 0)
