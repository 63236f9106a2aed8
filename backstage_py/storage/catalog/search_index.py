"""The search index: rows written and removed by their whole key, found by filters."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

import sqlalchemy as sa

from backstage_py.model import entity as entities
from backstage_py.model import search_rows
from backstage_py.model.search_rows import SearchRows
from backstage_py.storage import bulk
from backstage_py.storage.catalog.tables import search, search_keys, search_nulls

T = TypeVar("T")

KeyIds = Mapping[str, int]
_Value = tuple[int, str, int, str | None]
_Null = tuple[int, int]


def key_ids(connection: sa.Connection, keys: Iterable[str], *, create: bool = False) -> dict[str, int]:
    """Return the numbers of those keys that have one; with ``create`` the others get one."""
    wanted = sorted(set(keys))
    found = _select_keys(connection, wanted)
    if create and (missing := [key for key in wanted if key not in found]):
        new = sa.select(sa.func.coalesce(sa.func.max(search_keys.c.id), 0))
        first = int(connection.execute(new).scalar_one()) + 1
        rows = [(first + offset, key) for offset, key in enumerate(missing)]
        bulk.insert(connection, search_keys, rows, ignore=True)
        found = _select_keys(connection, wanted)
    return found


def _select_keys(connection: sa.Connection, keys: list[str]) -> dict[str, int]:
    query = sa.select(search_keys.c.key, search_keys.c.id).where(bulk.is_in(search_keys.c.key, keys))
    return {row[0]: row[1] for row in connection.execute(query)}


def replace(connection: sa.Connection, changed: list[tuple[int, bytes | None, SearchRows | None]]) -> None:
    """Write only the rows that differ.

    Args:
        connection: of a write.
        changed: per entity its number, the JSON text that the index was made from so far (None for a new entity), and
            the rows that it shall have (None to remove them all).
    """
    olds = [search_rows.of(entities.of_text(old)) if old else None for _, old, _ in changed]
    keys = {key for rows in [*olds, *(new for _, _, new in changed)] if rows for key in _keys(rows)}
    ids = key_ids(connection, keys, create=True)
    gone, fresh = list[_Value](), list[_Value]()
    gone_nulls, fresh_nulls = list[_Null](), list[_Null]()
    for (entity_id, _, new), old in zip(changed, olds, strict=True):
        after, after_nulls = _tuples(entity_id, new, ids)
        if old is None:
            fresh += after
            fresh_nulls += after_nulls
            continue
        before, before_nulls = _tuples(entity_id, old, ids)
        _difference(before, after, gone, fresh)
        _difference(before_nulls, after_nulls, gone_nulls, fresh_nulls)
    bulk.delete(connection, search, ("key_id", "value", "entity_id"), [row[:3] for row in gone])
    bulk.delete(connection, search_nulls, ("key_id", "entity_id"), gone_nulls)
    bulk.insert(connection, search, sorted(fresh))  # in the order of the key, the tree is written in few places
    bulk.insert(connection, search_nulls, sorted(fresh_nulls))


def _difference(before: list[T], after: list[T], gone: list[T], fresh: list[T]) -> None:
    old, new = set(before), set(after)
    gone += old - new
    fresh += new - old


def _keys(rows: SearchRows) -> Iterable[str]:
    yield from rows.nulls
    for key, _, _ in rows.values:
        yield key


def _tuples(entity_id: int, rows: SearchRows | None, ids: KeyIds) -> tuple[list[_Value], list[_Null]]:
    if rows is None:
        return [], []
    values = [
        (ids[key], value, entity_id, None if original == value else original) for key, value, original in rows.values
    ]
    return values, [(ids[key], entity_id) for key in rows.nulls]
