"""Taking entities out of the catalog: which ones go when a source no longer names them, and all their traces."""

from collections import defaultdict
from collections.abc import Iterable

import sqlalchemy as sa

from backstage_py.model import entity as entities
from backstage_py.storage import bulk
from backstage_py.storage.catalog import marks, search_index
from backstage_py.storage.catalog.claims import refusal_key
from backstage_py.storage.catalog.records import Changes
from backstage_py.storage.catalog.tables import (
    final_entities,
    process_queue,
    references,
    refresh_keys,
    refresh_state,
    relations,
    stitch_queue,
)
from backstage_py.storage.database import Transaction

_CHUNK = 1000


def orphans(connection: sa.Connection, candidates: Iterable[int]) -> set[int]:
    """Return those candidates and descendants of them that no provider leads to any more.

    An entity stays when a provider names it, or an entity does that is not below the candidates. Reference cycles do
    not keep themselves alive.
    """
    below, parents, children = set(candidates), defaultdict[int, set[int]](set), defaultdict[int, set[int]](set)
    frontier = set(below)
    while frontier:
        query = sa.select(references.c.source_id, references.c.target_id).where(
            bulk.is_in(references.c.source_id, sorted(frontier))
        )
        found: set[int] = set()
        for source, target in connection.execute(query):
            children[source].add(target)
            found.add(target)
        frontier = found - below
        below |= found
    held: set[int] = set()
    query = sa.select(references.c.source_id, references.c.target_id).where(
        bulk.is_in(references.c.target_id, sorted(below))
    )
    for source, target in connection.execute(query):
        parents[target].add(source)
        if source == 0 or source not in below:
            held.add(target)
    frontier = set(held)
    while frontier:
        frontier = {child for one in frontier for child in children[one]} - held
        held |= frontier
    return below - held


def remove(transaction: Transaction, ids: Iterable[int], changes: Changes) -> None:
    """Remove entities with all their traces.

    What had relations by them is marked to be stitched, and who was refused one of them is marked to be processed.
    """
    listed = sorted(set(ids))
    for start in range(0, len(listed), _CHUNK):
        _remove(transaction.connection, listed[start : start + _CHUNK], changes)
    if listed:
        changes.stitch.difference_update(listed)
        changes.process.difference_update(listed)
        marks.grow_generation(transaction)


def refused(connection: sa.Connection, refs: Iterable[str]) -> set[int]:
    """Return the entities that bring one of these, and were refused it because another source has it."""
    keys = [refusal_key(ref) for ref in refs]
    query = sa.select(refresh_keys.c.entity_id).where(bulk.is_in(refresh_keys.c.key, keys))
    return set(connection.execute(query).scalars())


def _remove(connection: sa.Connection, ids: list[int], changes: Changes) -> None:
    rows = connection.execute(
        sa.select(refresh_state.c.id, refresh_state.c.entity_ref, refresh_state.c.relations).where(
            bulk.is_in(refresh_state.c.id, ids)
        )
    ).all()
    foreign = [
        (source, kind, target, id_)
        for id_, ref, text in rows
        if text
        for source, kind, target in entities.of_text(text)
        if source != ref
    ]
    bulk.delete(connection, relations, ("source_ref", "type", "target_ref", "origin_id"), foreign)
    changes.stitch_refs.update(source for source, *_ in foreign)
    changes.stitch_refs.difference_update(ref for _, ref, _ in rows)
    changes.process |= refused(connection, [ref for _, ref, _ in rows])
    finals = connection.execute(
        sa.select(final_entities.c.id, final_entities.c.entity).where(bulk.is_in(final_entities.c.id, ids))
    ).all()
    search_index.replace(connection, [(id_, text, None) for id_, text in finals])
    one = [(id_,) for id_ in ids]
    for table, column in (
        (references, "source_id"),
        (references, "target_id"),
        (refresh_keys, "entity_id"),
        (process_queue, "entity_id"),
        (stitch_queue, "entity_id"),
        (final_entities, "id"),
        (refresh_state, "id"),
    ):
        bulk.delete(connection, table, (column,), one)
