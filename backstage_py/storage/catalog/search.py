"""Filters as SQL over the search index.

Each leaf is a probe of the index for one entity. Where one leaf has to hold in any case, the entities are taken from
that leaf's range of the index instead of from the table of all, so the work is in proportion to what it matches.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from backstage_py.errors import InputError
from backstage_py.model.entity_filter import AllOf, AnyOf, Exists, Filter, HasPrefix, Matches, Not
from backstage_py.storage.catalog.tables import final_entities, search, search_nulls

_NO_KEY = -1
_PROBED: sa.ColumnElement[int] = sa.literal_column("0", sa.Integer())
"""An offset keeps PostgreSQL from joining the rows of two leaves: a plan for any values takes each for one row, and
compares each row of the one with each of the other.
"""
_MOST_CONDITIONS = 250
_MOST_VALUES = 10_000


@dataclass(frozen=True, slots=True)
class FullText:
    """A text to find within the values of some keys; ``%`` and ``_`` in it match anything, as in Backstage."""

    term: str
    keys: tuple[str, ...]


def keys_of(node: Filter | None) -> Iterator[str]:
    """Yield the keys that a filter asks for."""
    for leaf in _leaves(node) if node is not None else ():
        yield leaf.key


def refuse_wide(node: Filter | None) -> None:
    """Refuse a filter that a database does not take: SQLite bounds the height of an expression, both bound parameters.

    Raises:
        InputError: it has too many conditions or values.
    """
    leaves = list(_leaves(node)) if node is not None else []
    if sum(2 if isinstance(leaf, Exists) else 1 for leaf in leaves) > _MOST_CONDITIONS:  # Exists looks at two tables
        raise InputError(
            f"The filter has more than {_MOST_CONDITIONS} conditions; ask for several values of one key with $in"
        )
    if sum(len(leaf.values) for leaf in leaves if isinstance(leaf, Matches)) > _MOST_VALUES:
        raise InputError(f"The filter has more than {_MOST_VALUES} values; ask for them in several requests")


def _leaves(node: Filter) -> Iterator[Matches | Exists | HasPrefix]:
    match node:
        case AllOf(parts=parts) | AnyOf(parts=parts):
            for part in parts:
                yield from _leaves(part)
        case Not(part=part):
            yield from _leaves(part)
        case _:
            yield node


class Conditions:
    """Makes conditions, knowing the numbers of the keys."""

    def __init__(self, key_ids: Mapping[str, int]) -> None:
        self._key_ids = key_ids

    def key(self, name: str) -> int:
        """Return the number of a key; one that no entity has gets a number that matches nothing."""
        return self._key_ids.get(name, _NO_KEY)

    def condition(self, node: Filter, entity_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
        """Return the condition that a filter holds for an entity."""
        match node:
            case Matches(key=key, values=values):
                return self._any_row(entity_id, key, values)
            case Exists(key=key):
                number = self.key(key)
                rows = sa.select(search.c.entity_id).where(search.c.key_id == number)
                nulls = sa.select(search_nulls.c.entity_id).where(search_nulls.c.key_id == number)
                return sa.or_(entity_id.in_(rows), entity_id.in_(nulls))
            case HasPrefix(key=key, prefix=prefix):
                rows = sa.select(search.c.entity_id).where(
                    search.c.key_id == self.key(key), search.c.value.startswith(prefix, autoescape=True)
                )
                return entity_id.in_(rows)
            case AllOf(parts=parts):
                return sa.and_(sa.true(), *(self.condition(part, entity_id) for part in parts))
            case AnyOf(parts=parts):
                return sa.or_(sa.false(), *(self.condition(part, entity_id) for part in parts))
            case Not(part=part):
                return sa.not_(self.condition(part, entity_id))

    def _any_row(self, entity_id: sa.ColumnElement[int], key: str, values: tuple[str, ...]) -> sa.ColumnElement[bool]:
        probe = search.alias()
        return (
            sa.select(sa.literal(1))
            .where(probe.c.key_id == self.key(key), probe.c.value.in_(values), probe.c.entity_id == entity_id)
            .offset(_PROBED)
            .correlate_except(probe)
            .exists()
        )

    def has_text(self, full_text: FullText) -> sa.ColumnElement[bool]:
        """Return the condition that a row of the index has the text, in one of its keys."""
        keys = [self.key(key) for key in full_text.keys]
        return sa.and_(search.c.key_id.in_(keys), search.c.value.like(f"%{full_text.term}%"))

    def text(self, full_text: FullText, entity_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
        """Return the condition that an entity has the text in one of the keys."""
        return entity_id.in_(sa.select(search.c.entity_id).where(self.has_text(full_text)))


def conjuncts(node: Filter | None) -> tuple[Filter, ...]:
    """Return the parts that must all hold."""
    if node is None:
        return ()
    if isinstance(node, AllOf):
        return tuple(leaf for part in node.parts for leaf in conjuncts(part))
    return (node,)


def ids(conditions: Conditions, parts: tuple[Filter, ...], driver: Matches | None) -> sa.Select[Any]:
    """Return the query for the numbers of the entities that match, in no particular order, each once.

    Args:
        conditions: made for the keys of all parts.
        parts: what must hold.
        driver: the part from whose range of the index the entities are taken.
    """
    if driver is None:
        column = final_entities.c.id
        return sa.select(column).where(sa.true(), *(conditions.condition(part, column) for part in parts))
    column = search.c.entity_id
    query = sa.select(column).where(search.c.key_id == conditions.key(driver.key), search.c.value.in_(driver.values))
    query = query.where(sa.true(), *(conditions.condition(part, column) for part in parts if part is not driver))
    return query if len(driver.values) == 1 else query.distinct()
