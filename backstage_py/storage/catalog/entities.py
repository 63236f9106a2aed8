"""What readers get: final entities as JSON text that is handed through, pages of them, and facets.

Every answer is made from one snapshot.
"""

import threading
import zlib
from collections.abc import Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from backstage_py.model.entity_filter import Filter
from backstage_py.storage import bulk
from backstage_py.storage.catalog import marks, search_index
from backstage_py.storage.catalog.finder import FacetRequest, Facets, Finder
from backstage_py.storage.catalog.pages import Order, Page, PageRequest, Position
from backstage_py.storage.catalog.tables import final_entities, references, search
from backstage_py.storage.database import Database
from backstage_py.storage.prepared import Prepared

T = TypeVar("T")

_FEW_ROWS = 64  # so many entities are read by key without changing threads
_PACKING = 2  # level of gzip
_PART = 256
_PACKED_LISTS = 4
_LARGEST_PACKED = 4 * 1024 * 1024


class EntityReader:
    """Reads final entities."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._finder = Finder()
        self._packing = threading.Lock()
        self._packed: dict[Filter | None, tuple[int, bytes]] = {}

    async def by_uid(self, uid: str) -> bytes | None:
        """Return an entity by its UUID, in any case."""
        found = await self._database.find(_BY_UID, {"uid": uid.lower()})
        return found[0][0] if found else None

    async def by_refs(self, refs: Sequence[str], filter_: Filter | None = None) -> list[bytes | None]:
        """Return entities in the order of the references, None where there is none that matches."""

        def run(connection: sa.Connection) -> list[bytes | None]:
            query = _BY_REFS
            if filter_ is not None:
                query = query.where(
                    self._finder.conditions(connection, filter_).condition(filter_, final_entities.c.id)
                )
            found = {row[0]: row[1] for row in connection.execute(query, {"refs": list(set(refs))})}
            return [found.get(ref) for ref in refs]

        if len(refs) <= _FEW_ROWS and filter_ is None:
            rows = await self._database.find(_SOME, {"refs": bulk.as_parameter(self._database.engine, refs)})
            some: dict[str, bytes] = dict(rows)
            return [some.get(ref) for ref in refs]
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
            conditions = self._finder.conditions(connection, filter_, *keys)
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
            found = self._finder.remembered(connection, request)
            if found is None or len(found[0]) > _FEW_ROWS:
                return None
            return _with_texts(connection, *found)

        page = await self._database.read_briefly(remembered) if self._database.is_sqlite else None
        if page is not None:
            return page
        return await self._database.read(
            lambda connection: _with_texts(connection, *self._finder.positions(connection, request))
        )

    async def facets(self, keys: Sequence[str], filter_: Filter | None) -> Facets:
        """Return, for each key, the values as written with the number of entities that have them, sorted."""
        wanted = FacetRequest(tuple(keys), filter_)
        remembered = None
        if self._database.is_sqlite:
            remembered = await self._database.read_briefly(lambda c: self._finder.remembered(c, wanted))
        if remembered is not None:
            return remembered
        return await self._database.read(lambda connection: self._finder.facets(connection, wanted))

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
        return query if filter_ is None else query.where(final_entities.c.id.in_(self._finder.ids(connection, filter_)))


def _packed_list(connection: sa.Connection, query: sa.Select[Any]) -> bytes:
    packer = zlib.compressobj(_PACKING, zlib.DEFLATED, 31)
    parts = [packer.compress(b"[")]
    separator = b""
    for rows in connection.execute(query).scalars().partitions(_PART):
        parts.append(packer.compress(separator + b",".join(rows)))
        separator = b","
    return b"".join([*parts, packer.compress(b"]"), packer.flush()])


def _with_texts(connection: sa.Connection, positions: list[Position], total: int) -> Page:
    """Return the page; PostgreSQL may not show any more what another commit has removed since it was found."""
    ids = [one.id for one in positions]
    found = dict(_TEXTS.all(connection, {"ids": bulk.as_parameter(connection, ids)})) if ids else {}
    there = [one for one in positions if one.id in found] if len(found) < len(ids) else positions
    return Page([found[one.id] for one in there], there, total)


_BY_UID = Prepared(sa.select(final_entities.c.entity).where(final_entities.c.uid == sa.bindparam("uid")))
_BY_REFS = sa.select(final_entities.c.entity_ref, final_entities.c.entity).where(
    bulk.is_in_parameter(final_entities.c.entity_ref, "refs")
)
_SOME = Prepared(_BY_REFS)
_TEXTS = Prepared(
    sa.select(final_entities.c.id, final_entities.c.entity).where(bulk.is_in_parameter(final_entities.c.id, "ids"))
)


def _ancestry(connection: sa.Connection, ref: str) -> list[tuple[str, bytes, list[str]]]:
    found: list[tuple[str, bytes, list[str]]] = []
    stack = _BY_REF.all(connection, {"ref": ref})
    seen = {row[0] for row in stack}
    while stack:
        id_, own, text = stack.pop()
        parents = _PARENTS.all(connection, {"target": id_})
        found.append((own, text, [parent[1] for parent in parents]))
        for parent in parents:
            if parent[0] not in seen:
                seen.add(parent[0])
                stack.append(parent)
    return found


_FINAL = (final_entities.c.id, final_entities.c.entity_ref, final_entities.c.entity)
_BY_REF = Prepared(sa.select(*_FINAL).where(final_entities.c.entity_ref == sa.bindparam("ref")))
_PARENTS = Prepared(
    sa.select(*_FINAL)
    .join(references, references.c.source_id == final_entities.c.id)
    .where(references.c.target_id == sa.bindparam("target", type_=sa.BigInteger()))
)
