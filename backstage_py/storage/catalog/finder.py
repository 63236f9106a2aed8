"""Which entities match: ids, positions of pages, counts and facets.

Counts, pages and facets are kept until the generation of the catalog grows, so they are always exact. Whether the
index, the values in memory or the order is gone through first depends on how much each of them matches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import sqlalchemy as sa

from backstage_py.model.entity_filter import Filter, Matches
from backstage_py.storage.catalog import marks, pages, search_columns, search_index
from backstage_py.storage.catalog import search as searching
from backstage_py.storage.catalog.memory import Memory
from backstage_py.storage.catalog.pages import PageRequest, Position
from backstage_py.storage.catalog.search import Conditions, FullText
from backstage_py.storage.catalog.search_columns import Columns
from backstage_py.storage.catalog.tables import final_entities, search

Found = tuple[list[Position], int]
"""The positions of a page, and how many match in all."""
Facets = dict[str, list[tuple[str, int]]]
"""For each key its values with the number of entities that have them, sorted."""

_REMEMBERED = 2048
_REMEMBERED_SETS = 4  # of all entities that a filter matches, for searches
_EVERYWHERE = frozenset({"kind", "metadata.name", "metadata.namespace", "metadata.uid"})
"""Keys that every entity has exactly once, so that ordering by them leaves nobody out."""
_FEW_MATCHES = 2000


@dataclass(frozen=True, slots=True)
class FacetRequest:
    """The keys whose values are wanted, of the entities that match."""

    keys: tuple[str, ...]
    filter: Filter | None


class Finder:
    """Finds entities within a reader's connection. Threads share it."""

    def __init__(self) -> None:
        self._memory = Memory(_REMEMBERED)
        self._sets = Memory(_REMEMBERED_SETS)
        self._columns = Columns()
        self._key_ids: dict[str, int] = {}  # a key keeps its number for ever

    def conditions(self, connection: sa.Connection, filter_: Filter | None, *keys: str) -> Conditions:
        """Return conditions for the keys of a filter and others.

        Raises:
            InputError: the filter asks for too much at once.
        """
        searching.refuse_wide(filter_)
        wanted = {*searching.keys_of(filter_), *keys}
        if missing := wanted.difference(self._key_ids):
            self._key_ids.update(search_index.key_ids(connection, missing))
        return Conditions(self._key_ids)

    def ids(self, connection: sa.Connection, filter_: Filter) -> sa.Select[tuple[int]]:
        """Return the query for the entities that match."""
        conditions = self.conditions(connection, filter_)
        parts = searching.conjuncts(filter_)
        return searching.ids(conditions, parts, self._driver(connection, conditions, parts))

    @overload
    def remembered(self, connection: sa.Connection, request: PageRequest) -> Found | None: ...
    @overload
    def remembered(self, connection: sa.Connection, request: FacetRequest) -> Facets | None: ...
    def remembered(self, connection: sa.Connection, request: PageRequest | FacetRequest) -> Any:
        """Return what was found before in this generation, if anything was."""
        return self._memory.peek(marks.generation(connection), request)

    def positions(self, connection: sa.Connection, request: PageRequest) -> Found:
        """Return the positions of a page."""
        generation = marks.generation(connection)
        return self._memory.get(generation, request, lambda: self._positions(connection, request, generation))

    def facets(self, connection: sa.Connection, request: FacetRequest) -> Facets:
        """Return the values of keys as written."""
        generation = marks.generation(connection)
        return self._memory.get(generation, request, lambda: self._facets(connection, request.keys, request.filter))

    def _facets(self, connection: sa.Connection, keys: Sequence[str], filter_: Filter | None) -> Facets:
        conditions = self.conditions(connection, filter_, *keys)
        numbers = {conditions.key(key): key for key in keys}
        value = sa.func.coalesce(search.c.original, search.c.value)
        query = (
            sa.select(search.c.key_id, value, sa.func.count())
            .where(search.c.key_id.in_(numbers))
            .group_by(search.c.key_id, value)
        )
        if filter_ is not None:
            query = query.where(search.c.entity_id.in_(self.ids(connection, filter_)))
        found: Facets = {key: [] for key in keys}
        for number, text, count in connection.execute(query):
            found[numbers[number]].append((text, count))
        return {key: sorted(values) for key, values in found.items()}

    def _positions(self, connection: sa.Connection, request: PageRequest, generation: int) -> Found:
        keys = [request.order.key] if request.order else []
        keys += request.full_text.keys if request.full_text else ()
        conditions = self.conditions(connection, request.filter, *keys)
        if request.full_text:
            found = self._in_columns(connection, request, request.full_text, conditions, generation)
            found = found or self._few_with_text(connection, request, conditions)
            if found is not None:
                return found
        parts = searching.conjuncts(request.filter)
        driver = self._driver(connection, conditions, parts, generation)
        matching = self._memory.get(
            generation, ("count", request.filter), lambda: _count(connection, searching.ids(conditions, parts, driver))
        )
        total = self._total(connection, request, conditions, parts, driver, generation) if request.with_total else 0
        if request.limit == 0 or matching == 0:
            return [], total
        if request.order:
            everything = self._key_size(connection, conditions.key(request.order.key), generation)
            taken_first = pages.filter_first(matching, everything, request) if parts else False
            query = pages.ordered(request, request.order, conditions, parts, driver, filter_first=taken_first)
        else:
            query = pages.by_number(request, conditions, parts, driver)
        positions = [Position(row[0], row[1]) for row in connection.execute(query)]
        if request.backwards:
            positions.reverse()
        return positions, total

    def _in_columns(
        self, connection: sa.Connection, request: PageRequest, text: FullText, conditions: Conditions, generation: int
    ) -> tuple[list[Position], int] | None:
        """Answer a search from the values in memory; None when it has to be answered by the database."""
        if not search_columns.is_plain(text.term):
            return None
        keys = [*text.keys, *([request.order.key] if request.order else ())]
        columns = self._columns.of_keys(connection, generation, [conditions.key(key) for key in keys])
        if columns is None:
            return None
        column_of = dict(zip(dict.fromkeys(conditions.key(key) for key in keys), columns, strict=True))
        order = column_of[conditions.key(request.order.key)] if request.order else None
        if order and order.ranks is None:
            return None
        term = text.term.encode()
        found = {id_ for key in text.keys for id_ in column_of[conditions.key(key)].having(term)}
        if request.filter is not None:
            found &= self._matching(connection, request.filter, conditions, generation)
        if order is None:
            return pages.cut([Position(None, id_) for id_ in sorted(found)], request), len(found)
        ranks = order.ranks or {}
        ordered = sorted(ranks[id_] for id_ in found if id_ in ranks)
        positions = [Position(order.value(rank).decode(), order.ids[rank]) for rank in ordered]
        return pages.cut(positions, request), len(ordered)

    def _matching(
        self, connection: sa.Connection, filter_: Filter, conditions: Conditions, generation: int
    ) -> frozenset[int]:
        def ids() -> frozenset[int]:
            parts = searching.conjuncts(filter_)
            driver = self._driver(connection, conditions, parts, generation)
            return frozenset(row[0] for row in connection.execute(searching.ids(conditions, parts, driver)))

        return self._sets.get(generation, filter_, ids)

    @staticmethod
    def _few_with_text(
        connection: sa.Connection, request: PageRequest, conditions: Conditions
    ) -> tuple[list[Position], int] | None:
        """Answer a search whose text few entities have: find those, and look at nothing else.

        None when there are too many of them, or when the text only counts within the order key.
        """
        text, order = request.full_text, request.order
        if text is None or (order and text.keys == (order.key,)):
            return None
        rows = search.alias("ordered")
        column = rows.c.entity_id if order else final_entities.c.id
        query: sa.Select[Any] = sa.select(rows.c.value if order else sa.null(), column)
        if order:
            query = query.where(rows.c.key_id == conditions.key(order.key))
        query = query.where(conditions.text(text, column)).limit(_FEW_MATCHES + 1)
        if request.filter is not None:
            query = query.where(conditions.condition(request.filter, column))
        matching = connection.execute(query).all()
        if len(matching) > _FEW_MATCHES:
            return None
        found = sorted((Position(row[0], row[1]) for row in matching), key=pages.sort_key)
        total = len({one.id for one in found}) if request.with_total else 0
        return pages.cut(found, request), total

    def _total(
        self,
        connection: sa.Connection,
        request: PageRequest,
        conditions: Conditions,
        parts: tuple[Filter, ...],
        driver: Matches | None,
        generation: int,
    ) -> int:
        def count() -> int:
            query = searching.ids(conditions, parts, driver)
            column = query.selected_columns[0]
            if request.full_text:
                query = query.where(conditions.text(request.full_text, column))
            if request.order and request.order.key not in _EVERYWHERE:
                having = sa.select(search.c.entity_id).where(search.c.key_id == conditions.key(request.order.key))
                query = query.where(column.in_(having))
            return _count(connection, query)

        order_key = request.order.key if request.order else None
        if not request.full_text and (order_key is None or order_key in _EVERYWHERE):
            return self._memory.get(generation, ("count", request.filter), count)
        return self._memory.get(generation, ("total", request.filter, request.full_text, order_key), count)

    def _driver(
        self,
        connection: sa.Connection,
        conditions: Conditions,
        parts: tuple[Filter, ...],
        generation: int | None = None,
    ) -> Matches | None:
        """Return the part that matches fewest entities, among those that the index can list."""
        leaves = [part for part in parts if isinstance(part, Matches)]
        if len(leaves) < 2:  # noqa: PLR2004  # nothing to choose
            return leaves[0] if leaves else None
        known = marks.generation(connection) if generation is None else generation

        def size(leaf: Matches) -> int:
            return self._memory.get(
                known, ("count", leaf), lambda: _count(connection, searching.ids(conditions, (leaf,), leaf))
            )

        return min(leaves, key=size)

    def _key_size(self, connection: sa.Connection, key_id: int, generation: int) -> int:
        query = sa.select(search.c.entity_id).where(search.c.key_id == key_id)
        return self._memory.get(generation, ("key", key_id), lambda: _count(connection, query))


def _count(connection: sa.Connection, query: sa.Select[tuple[int]]) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one())
