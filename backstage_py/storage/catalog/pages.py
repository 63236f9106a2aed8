"""Pages of entities: what is asked, what is answered, and the queries that find their positions."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from backstage_py.model.entity_filter import Filter, Matches
from backstage_py.storage.catalog import search as searching
from backstage_py.storage.catalog.search import Conditions, FullText
from backstage_py.storage.catalog.tables import search

_PROBE_COST = 8  # a probe for one entity costs about as much as reading this many entries of the index in a row


@dataclass(frozen=True, slots=True)
class Order:
    """The key to order by; entities without it are left out."""

    key: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins or ends: the value of the order key (None without an order) and the entity's number."""

    value: str | None
    id: int


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A page of entities.

    Attributes:
        filter: what they must match.
        full_text: what they must contain.
        order: without one they come in the order in which they came into the catalog.
        after: the position that the page comes after, or before when ``backwards``.
        backwards: the page before a position; its entities are in the usual order nevertheless.
        limit: the most entities to return.
        offset: entities to leave out first.
        with_total: whether to count all that match.
    """

    filter: Filter | None = None
    full_text: FullText | None = None
    order: Order | None = None
    after: Position | None = None
    backwards: bool = False
    limit: int = 200
    offset: int = 0
    with_total: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """Entities as JSON texts with the position of each, and how many match in all."""

    texts: list[bytes]
    positions: list[Position]
    total: int


def sort_key(position: Position) -> tuple[bytes, int]:
    """Return what positions are ordered by."""
    return (position.value or "").encode(), position.id  # as SQLite and PostgreSQL's "C" order texts


def cut(found: list[Position], request: PageRequest) -> list[Position]:
    """Return the page that is asked for, out of all positions in ascending order."""
    descending = bool(request.order and request.order.descending) != request.backwards
    ordered = found[::-1] if descending else found
    if request.after:
        here = sort_key(request.after)
        ordered = [one for one in ordered if (sort_key(one) < here if descending else sort_key(one) > here)]
    ordered = ordered[request.offset :]
    page = ordered if request.limit < 0 else ordered[: request.limit]
    return page[::-1] if request.backwards else page


def filter_first(matching: int, everything: int, request: PageRequest) -> bool:
    """Say whether to find what matches and then order it, or to go through the order and look at each entity."""
    if request.limit < 0:
        return True
    walked = everything * (request.limit + request.offset) / max(matching, 1)
    return matching * _PROBE_COST + everything < walked * _PROBE_COST


def ordered(
    request: PageRequest,
    order: Order,
    conditions: Conditions,
    parts: tuple[Filter, ...],
    driver: Matches | None,
    *,
    filter_first: bool,
) -> sa.Select[Any]:
    """Return the query for value and entity, ordered by a key.

    Args:
        request: the page.
        order: its order.
        conditions: made for the keys of all parts.
        parts: what must hold.
        driver: the part from whose range of the index the entities are taken.
        filter_first: find what matches and then order it, see the function of that name.
    """
    rows = search.alias("ordered")
    query = sa.select(rows.c.value, rows.c.entity_id).where(rows.c.key_id == conditions.key(order.key))
    if filter_first:
        query = query.where(rows.c.entity_id.in_(searching.ids(conditions, parts, driver)))
    else:
        query = query.where(sa.true(), *(conditions.condition(part, rows.c.entity_id) for part in parts))
    if request.full_text:
        if request.full_text.keys == (order.key,):
            query = query.where(rows.c.value.like(f"%{request.full_text.term}%"))
        else:
            query = query.where(conditions.text(request.full_text, rows.c.entity_id))
    descending = order.descending != request.backwards
    if request.after:
        here = sa.tuple_(rows.c.value, rows.c.entity_id)
        there = sa.tuple_(sa.literal(request.after.value), sa.literal(request.after.id))
        query = query.where(here < there if descending else here > there)
    columns = (rows.c.value, rows.c.entity_id)
    query = query.order_by(*(column.desc() if descending else column.asc() for column in columns))
    return _limited(query, request)


def by_number(
    request: PageRequest, conditions: Conditions, parts: tuple[Filter, ...], driver: Matches | None
) -> sa.Select[Any]:
    """Return the query for null and entity, in the order in which they came into the catalog."""
    query = searching.ids(conditions, parts, driver)
    column = query.selected_columns[0]
    if request.full_text:
        query = query.where(conditions.text(request.full_text, column))
    if request.after:
        query = query.where(column < request.after.id if request.backwards else column > request.after.id)
    query = _limited(query.order_by(column.desc() if request.backwards else column.asc()), request)
    found = query.subquery()
    numbers = found.c[0]
    return sa.select(sa.null(), numbers).order_by(numbers.desc() if request.backwards else numbers.asc())


def _limited(query: sa.Select[Any], request: PageRequest) -> sa.Select[Any]:
    if request.limit >= 0:
        query = query.limit(request.limit)
    return query.offset(request.offset) if request.offset else query
