"""What readers get: final entities as JSON text that is handed through, pages of them, counts and facets.

Every answer is made from one snapshot. Counts and facets are kept until the generation of the catalog grows, so they
are always exact.
"""

import threading
import zlib
from collections.abc import Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from backstage_py.model.entity_filter import Filter, Matches
from backstage_py.storage import bulk
from backstage_py.storage.catalog import marks, pages, search_columns, search_index
from backstage_py.storage.catalog import search as searching
from backstage_py.storage.catalog.memory import Memory
from backstage_py.storage.catalog.pages import Order, Page, PageRequest, Position
from backstage_py.storage.catalog.search import Conditions, FullText
from backstage_py.storage.catalog.search_columns import Columns
from backstage_py.storage.catalog.tables import final_entities, references, search
from backstage_py.storage.database import Database
from backstage_py.storage.prepared import Prepared

T = TypeVar("T")

_REMEMBERED = 2048
_REMEMBERED_SETS = 4  # of all entities that a filter matches, for searches
_EVERYWHERE = frozenset({"kind", "metadata.name", "metadata.namespace", "metadata.uid"})
"""Keys that every entity has exactly once, so that ordering by them leaves nobody out."""

_FEW_MATCHES = 2000
_FEW_ROWS = 64  # so many entities are read by key without changing threads
_PACKING = 2  # level of gzip
_PART = 256
_PACKED_LISTS = 4
_LARGEST_PACKED = 4 * 1024 * 1024


class EntityReader:
    """Reads final entities."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._memory = Memory(_REMEMBERED)
        self._sets = Memory(_REMEMBERED_SETS)
        self._packing = threading.Lock()
        self._packed: dict[Filter | None, tuple[int, bytes]] = {}
        self._columns = Columns()
        self._key_ids: dict[str, int] = {}  # a key keeps its number for ever

    async def by_uid(self, uid: str) -> bytes | None:
        """Return an entity by its UUID, in any case."""
        return await self._database.read_briefly(lambda connection: _scalar(connection, _BY_UID, {"uid": uid.lower()}))

    async def by_refs(self, refs: Sequence[str], filter_: Filter | None = None) -> list[bytes | None]:
        """Return entities in the order of the references, None where there is none that matches."""

        def run(connection: sa.Connection) -> list[bytes | None]:
            query = _BY_REFS
            if filter_ is not None:
                query = query.where(self._conditions(connection, filter_).condition(filter_, final_entities.c.id))
            found = {row[0]: row[1] for row in connection.execute(query, {"refs": list(set(refs))})}
            return [found.get(ref) for ref in refs]

        if len(refs) <= _FEW_ROWS and filter_ is None:
            return await self._database.read_briefly(lambda connection: _entities(connection, refs))
        return await self._database.read(run)

    async def all(self, filter_: Filter | None, order: Order | None = None) -> list[bytes]:
        """Return all entities that match; with an order, those that have its key."""
        if order:
            request = PageRequest(filter_, order=order, limit=-1, with_total=False)
            return (await self.page(request)).texts

        return await self._database.read(
            lambda connection: list(connection.execute(self._all(connection, filter_)).scalars())
        )

    async def all_packed(self, filter_: Filter | None) -> bytes:
        """Return the same as a JSON list in gzip, kept until the catalog changes.

        Who lists everything mostly does so again and again; packing costs several times what reading does.
        """

        def run(connection: sa.Connection) -> bytes:
            generation = marks.generation(connection)
            with self._packing:
                if (found := self._packed.get(filter_)) and found[0] == generation:
                    return found[1]
                packed = _packed_list(connection, self._all(connection, filter_))
                if len(packed) <= _LARGEST_PACKED:
                    self._packed[filter_] = (generation, packed)
                    while len(self._packed) > _PACKED_LISTS:
                        del self._packed[next(iter(self._packed))]
                return packed

        return await self._database.read(run)

    async def sorted_page(
        self, filter_: Filter | None, orders: Sequence[Order], *, limit: int | None, offset: int
    ) -> list[bytes]:
        """Return a page by offset; entities without an order key come last, by reference without any order."""

        def run(connection: sa.Connection) -> list[bytes]:
            keys = [order.key for order in orders]
            conditions = self._conditions(connection, filter_, *keys)
            query = sa.select(final_entities.c.entity)
            for order in orders:
                rows = search.alias()
                on = (rows.c.entity_id == final_entities.c.id) & (rows.c.key_id == conditions.key(order.key))
                query = query.outerjoin(rows, on)
                value = rows.c.value.desc() if order.descending else rows.c.value.asc()
                query = query.order_by(rows.c.value.is_(None), value)
            query = query.order_by(final_entities.c.id if orders else final_entities.c.entity_ref)
            if filter_ is not None:
                query = query.where(conditions.condition(filter_, final_entities.c.id))
            return list(connection.execute(query.limit(limit).offset(offset)).scalars())

        return await self._database.read(run)

    async def page(self, request: PageRequest) -> Page:
        """Return a page."""

        def remembered(connection: sa.Connection) -> Page | None:
            found = self._memory.peek(marks.generation(connection), ("page", request))
            if found is None or len(found[0]) > _FEW_ROWS:
                return None
            return _with_texts(connection, *found)

        page = await self._database.read_briefly(remembered) if self._database.is_sqlite else None
        return await self._database.read(lambda connection: self._page(connection, request)) if page is None else page

    async def facets(self, keys: Sequence[str], filter_: Filter | None) -> dict[str, list[tuple[str, int]]]:
        """Return, for each key, the values as written with the number of entities that have them, sorted."""
        key = ("facets", tuple(keys), filter_)

        def run(connection: sa.Connection) -> dict[str, list[tuple[str, int]]]:
            generation = marks.generation(connection)
            return self._memory.get(generation, key, lambda: self._facets(connection, keys, filter_))

        def remembered(connection: sa.Connection) -> dict[str, list[tuple[str, int]]] | None:
            found: dict[str, list[tuple[str, int]]] | None = self._memory.peek(marks.generation(connection), key)
            return found

        found = await self._database.read_briefly(remembered) if self._database.is_sqlite else None
        return await self._database.read(run) if found is None else found

    async def ancestry(self, ref: str) -> list[tuple[str, bytes, list[str]]]:
        """Return (reference, JSON text, references of what brought it) of an entity and then of its ancestors."""
        return await self._database.read(lambda connection: _ancestry(connection, ref))

    async def annotation(self, ref: str, name: str) -> str | None:
        """Return an annotation of an entity, as it is indexed."""

        def run(connection: sa.Connection) -> str | None:
            key = f"metadata.annotations.{name}"
            number = search_index.key_ids(connection, [key]).get(key)
            query = (
                sa.select(sa.func.coalesce(search.c.original, search.c.value))
                .join(final_entities, final_entities.c.id == search.c.entity_id)
                .where(final_entities.c.entity_ref == ref, search.c.key_id == number)
            )
            return connection.execute(query).scalar()

        return await self._database.read(run)

    def _all(self, connection: sa.Connection, filter_: Filter | None) -> sa.Select[Any]:
        query = sa.select(final_entities.c.entity).order_by(final_entities.c.id)
        if filter_ is None:
            return query
        conditions = self._conditions(connection, filter_)
        parts = searching.conjuncts(filter_)
        driver = self._driver(connection, conditions, parts)
        return query.where(final_entities.c.id.in_(searching.ids(conditions, parts, driver)))

    def _facets(
        self, connection: sa.Connection, keys: Sequence[str], filter_: Filter | None
    ) -> dict[str, list[tuple[str, int]]]:
        conditions = self._conditions(connection, filter_, *keys)
        numbers = {conditions.key(key): key for key in keys}
        value = sa.func.coalesce(search.c.original, search.c.value)
        query = (
            sa.select(search.c.key_id, value, sa.func.count())
            .where(search.c.key_id.in_(numbers))
            .group_by(search.c.key_id, value)
        )
        if filter_ is not None:
            parts = searching.conjuncts(filter_)
            driver = self._driver(connection, conditions, parts)
            query = query.where(search.c.entity_id.in_(searching.ids(conditions, parts, driver)))
        found: dict[str, list[tuple[str, int]]] = {key: [] for key in keys}
        for number, text, count in connection.execute(query):
            found[numbers[number]].append((text, count))
        return {key: sorted(values) for key, values in found.items()}

    def _page(self, connection: sa.Connection, request: PageRequest) -> Page:
        generation = marks.generation(connection)
        positions, total = self._memory.get(
            generation, ("page", request), lambda: self._positions(connection, request, generation)
        )
        return _with_texts(connection, positions, total)

    def _positions(
        self, connection: sa.Connection, request: PageRequest, generation: int
    ) -> tuple[list[Position], int]:
        keys = [request.order.key] if request.order else []
        keys += request.full_text.keys if request.full_text else ()
        conditions = self._conditions(connection, request.filter, *keys)
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

    def _conditions(self, connection: sa.Connection, filter_: Filter | None, *keys: str) -> Conditions:
        searching.refuse_wide(filter_)
        wanted = {*searching.keys_of(filter_), *keys}
        if missing := wanted.difference(self._key_ids):
            self._key_ids.update(search_index.key_ids(connection, missing))
        return Conditions(self._key_ids)

    def _key_size(self, connection: sa.Connection, key_id: int, generation: int) -> int:
        query = sa.select(search.c.entity_id).where(search.c.key_id == key_id)
        return self._memory.get(generation, ("key", key_id), lambda: _count(connection, query))


def _packed_list(connection: sa.Connection, query: sa.Select[Any]) -> bytes:
    packer = zlib.compressobj(_PACKING, zlib.DEFLATED, 31)
    parts = [packer.compress(b"[")]
    separator = b""
    for rows in connection.execute(query).scalars().partitions(_PART):
        parts.append(packer.compress(separator + b",".join(rows)))
        separator = b","
    return b"".join([*parts, packer.compress(b"]"), packer.flush()])


def _count(connection: sa.Connection, query: sa.Select[tuple[int]]) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one())


def _entities(connection: sa.Connection, refs: Sequence[str]) -> list[bytes | None]:
    found = dict(_SOME.all(connection, {"refs": bulk.as_parameter(connection, refs)}))
    return [found.get(ref) for ref in refs]


def _scalar(connection: sa.Connection, query: sa.Select[Any], parameters: dict[str, str]) -> bytes | None:
    found: bytes | None = connection.execute(query, parameters).scalar()
    return found


def _with_texts(connection: sa.Connection, positions: list[Position], total: int) -> Page:
    """Return the page; PostgreSQL may not show any more what another commit has removed since it was found."""
    ids = [one.id for one in positions]
    found = dict(_TEXTS.all(connection, {"ids": bulk.as_parameter(connection, ids)})) if ids else {}
    there = [one for one in positions if one.id in found] if len(found) < len(ids) else positions
    return Page([found[one.id] for one in there], there, total)


_BY_UID = sa.select(final_entities.c.entity).where(final_entities.c.uid == sa.bindparam("uid"))
_BY_REFS = sa.select(final_entities.c.entity_ref, final_entities.c.entity).where(
    bulk.is_in_parameter(final_entities.c.entity_ref, "refs")
)
_SOME = Prepared(_BY_REFS)
_TEXTS = Prepared(
    sa.select(final_entities.c.id, final_entities.c.entity).where(bulk.is_in_parameter(final_entities.c.id, "ids"))
)


def _ancestry(connection: sa.Connection, ref: str) -> list[tuple[str, bytes, list[str]]]:
    first = connection.execute(sa.select(_FINAL).where(final_entities.c.entity_ref == ref)).first()
    if first is None:
        return []
    found: list[tuple[str, bytes, list[str]]] = []
    seen = {first.id}
    stack = [first]
    while stack:
        current = stack.pop()
        query = (
            sa.select(_FINAL)
            .join(references, references.c.source_id == final_entities.c.id)
            .where(references.c.target_id == current.id)
        )
        parents = connection.execute(query).all()
        found.append((current.entity_ref, current.entity, [parent.entity_ref for parent in parents]))
        for parent in parents:
            if parent.id not in seen:
                seen.add(parent.id)
                stack.append(parent)
    return found


_FINAL = final_entities
