"""What came of processing, written: processed entities, the relations that they state, and their refresh keys."""

from collections.abc import Sequence

import sqlalchemy as sa

from backstage_py.model import entity as entities
from backstage_py.model import json
from backstage_py.storage import bulk
from backstage_py.storage.catalog import claims
from backstage_py.storage.catalog.claims import Claims
from backstage_py.storage.catalog.due import Due
from backstage_py.storage.catalog.records import Changes, Processed
from backstage_py.storage.catalog.tables import references, refresh_keys, refresh_state, relations

_Foreign = tuple[str, str, str, int]
_RESULT_COLUMNS = ("processed", "relations", "errors", "result_hash", "state", "is_volatile", "due_at")
_FAILURE_COLUMNS = ("errors", "result_hash", "state", "is_volatile", "due_at")
_FOREIGN_COLUMNS = ("source_ref", "type", "target_ref", "origin_id")


class Row:
    """What is known of an entity before its result is written."""

    __slots__ = ("is_broken", "is_volatile", "ref", "relations", "result_hash", "source_hash")

    def __init__(
        self,
        ref: str,
        relations: bytes | None,
        result_hash: str | None,
        source_hash: str,
        *,
        volatile: bool,
        broken: bool,
    ) -> None:
        self.ref = ref
        self.source_hash = source_hash
        self.relations = relations
        self.result_hash = result_hash
        self.is_volatile = volatile
        self.is_broken = broken


def alive(connection: sa.Connection, ids: Sequence[int]) -> dict[int, Row]:
    """Return those of some entities that are there."""
    if not ids:
        return {}
    columns = refresh_state.c
    query = sa.select(
        columns.id,
        columns.entity_ref,
        columns.relations,
        columns.result_hash,
        columns.unprocessed_hash,
        columns.is_volatile,
        columns.errors.is_not(None) & columns.processed.is_(None),
    ).where(bulk.is_in(columns.id, ids))
    return {
        id_: Row(ref, relations_, hash_, source, volatile=volatile, broken=broken)
        for id_, ref, relations_, hash_, source, volatile, broken in connection.execute(query)
    }


def write(
    connection: sa.Connection,
    results: dict[int, Processed],
    claimed: Claims,
    rows: dict[int, Row],
    changes: Changes,
    due: Due,
) -> None:
    """Write results as far as they differ from what is there, and note what has to be stitched."""
    missing = [id_ for id_ in results if id_ not in rows and not claimed.is_new(id_)]
    olds = {**rows, **alive(connection, missing)}
    added, dropped = set[_Foreign](), set[_Foreign]()
    full, failed, unkeyed = list[bulk.Row](), list[bulk.Row](), list[tuple[int]]()
    keys: list[tuple[str, int]] = []
    complaints: list[int] = []
    for id_, result in results.items():
        old = olds.get(id_)
        if old and result.result_hash is not None and old.result_hash == result.result_hash:
            changes.processed["unchanged"] += 1
            continue
        changes.processed["errors" if result.errors else "changed"] += 1
        changes.stitch.add(id_)
        if result.text is None:
            complaints.append(id_)
            if old:
                errors = json.dumps(result.errors)
                failed.append((errors, result.result_hash, result.state, True, due.next(), id_))
            continue
        before, after = (_foreign(id_, old.ref, old.relations) if old else set()), _foreign_of(id_, result)
        added |= after - before
        dropped |= before - after
        if old:
            full.append((*claims.result_columns(result, due), id_))
            if old.is_volatile:
                unkeyed.append((id_,))
            if old.is_broken:
                complaints.append(id_)
        keys += [(key, id_) for key in dict.fromkeys(result.refresh_keys)]
    bulk.update(connection, refresh_state, _RESULT_COLUMNS, "id", full)
    bulk.update(connection, refresh_state, _FAILURE_COLUMNS, "id", failed)
    bulk.delete(connection, relations, _FOREIGN_COLUMNS, sorted(dropped))
    bulk.insert(connection, relations, sorted(added), ignore=True)
    bulk.delete(connection, refresh_keys, ("entity_id",), unkeyed)
    bulk.insert(connection, refresh_keys, keys, ignore=True)
    changes.stitch_refs.update(source for source, *_ in added | dropped)
    changes.stitch |= _parent_ids(connection, complaints)


def _foreign(id_: int, ref: str, text: bytes | None) -> set[_Foreign]:
    listed = entities.of_text(text) if text else []
    return {(source, kind, target, id_) for source, kind, target in listed if source != ref}


def _foreign_of(id_: int, result: Processed) -> set[_Foreign]:
    return {(one.source, one.type, one.target, id_) for one in result.relations if one.source != result.ref}


def _parent_ids(connection: sa.Connection, ids: Sequence[int]) -> set[int]:
    if not ids:
        return set()
    query = sa.select(references.c.source_id).where(
        bulk.is_in(references.c.target_id, ids), references.c.source_id != 0
    )
    return set(connection.execute(query).scalars())
