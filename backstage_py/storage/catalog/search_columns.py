"""Columns of the search index in memory, for searching a text within values: a scan of bytes instead of one of rows.

A column holds for one generation of the catalog, so what it answers is exact. It is made when a generation is searched
for the second time: a catalog that changes with every search would never get back what making it costs.
"""

import threading
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa

from backstage_py.storage.catalog.tables import search

_COLUMNS = 8
_MOST_ROWS = 500_000  # a key with more is searched by the database
_SEPARATOR = b"\0"
_WILDCARDS = frozenset("%_\\\0")  # PostgreSQL takes what follows a backslash for itself, SQLite does not


@dataclass(frozen=True)
class Column:
    """All values of one key, ordered by value and then by entity.

    Attributes:
        ids: the entity of each value.
        starts: where each value begins in ``text``.
        text: the values in UTF-8, with a zero byte after each.
    """

    ids: "array[int]"
    starts: "array[int]"
    text: bytes

    @cached_property
    def ranks(self) -> dict[int, int] | None:
        """Where each entity stands, or None when one has several values and so stands in several places."""
        ranks = {id_: rank for rank, id_ in enumerate(self.ids)}
        return ranks if len(ranks) == len(self.ids) else None

    def value(self, rank: int) -> bytes:
        """Return the value of a rank."""
        end = self.starts[rank + 1] if rank + 1 < len(self.starts) else len(self.text)
        return self.text[self.starts[rank] : end - 1]

    def key(self, rank: int) -> tuple[bytes, int]:
        """Return what the column is ordered by."""
        return self.value(rank), self.ids[rank]

    def having(self, term: bytes) -> Iterator[int]:
        """Yield the entities that have a value with ``term`` in it, once for each such value."""
        starts, text = self.starts, self.text
        found = text.find(term)
        while found >= 0:
            rank = bisect_right(starts, found) - 1
            yield self.ids[rank]
            if rank + 1 == len(starts):
                return
            found = text.find(term, starts[rank + 1])


class Columns:
    """The columns that were asked for last. Reader threads share them."""

    def __init__(self) -> None:
        self._columns: OrderedDict[int, tuple[int, Column | None]] = OrderedDict()
        self._making = threading.Lock()
        self._searched = 0

    def of_keys(self, connection: sa.Connection, generation: int, key_ids: list[int]) -> list[Column] | None:
        """Return the columns of some keys, None when they are not to be had in this generation."""
        if self._searched != generation:
            self._searched = generation
            return None
        with self._making:
            found = [self._column(connection, generation, key_id) for key_id in dict.fromkeys(key_ids)]
        columns = [column for column in found if column]
        return columns if len(columns) == len(found) <= _COLUMNS else None

    def _column(self, connection: sa.Connection, generation: int, key_id: int) -> Column | None:
        kept = self._columns.get(key_id)
        if kept is None or kept[0] != generation:
            kept = self._columns[key_id] = (generation, _read(connection, key_id))
        self._columns.move_to_end(key_id)
        while len(self._columns) > _COLUMNS:
            self._columns.popitem(last=False)
        return kept[1]


def is_plain(term: str) -> bool:
    """Say whether a term stands for itself: whichever database looks for it, as in Backstage."""
    return _WILDCARDS.isdisjoint(term)


def _read(connection: sa.Connection, key_id: int) -> Column | None:
    query = (
        sa.select(search.c.value, search.c.entity_id)
        .where(search.c.key_id == key_id)
        .order_by(search.c.value, search.c.entity_id)
        .limit(_MOST_ROWS + 1)
    )
    rows = connection.execute(query).all()
    if len(rows) > _MOST_ROWS:
        return None
    values = [row[0].encode() for row in rows]
    starts, position = array("q"), 0
    for value in values:
        starts.append(position)
        position += len(value) + 1
    text = _SEPARATOR.join([*values, b""])
    return Column(array("q", (row[1] for row in rows)), starts, text)
