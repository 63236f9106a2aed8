"""The entities that one brings: claimed for it, and told from those that it brought before."""

from collections.abc import Sequence

import sqlalchemy as sa

from backstage_py.model import entity as entities
from backstage_py.model import json
from backstage_py.model.json import JsonObject
from backstage_py.storage import bulk
from backstage_py.storage.catalog.claims import Claims, refusal_key
from backstage_py.storage.catalog.records import Changes, Child, Deferred, Outcome, Processed
from backstage_py.storage.catalog.tables import references


def claim_all(
    children: Sequence[Child], claimed: Claims, results: dict[int, Processed], changes: Changes
) -> tuple[list[int], dict[str, JsonObject]]:
    """Claim entities, note what is to be written or processed, and return their numbers and conflicts by reference."""
    targets: list[int] = []
    conflicts: dict[str, JsonObject] = {}
    for child in children:
        claim = claimed.claim(child.deferred)
        if claim.id is None:
            conflicts[child.deferred.ref] = _conflict(child.deferred, str(claim.holder))
            continue
        targets.append(claim.id)
        if not claim.has_changed:
            continue
        if child.result:
            results[claim.id] = child.result
        else:
            changes.process.add(claim.id)
    return targets, conflicts


def _conflict(deferred: Deferred, holder: str) -> JsonObject:
    message = (
        f"Entity {deferred.ref} is already in the catalog from {holder}; {deferred.location_key} cannot define it as "
        "well. Rename it or remove one of the two."
    )
    return {"name": "ConflictError", "message": message}


def with_conflicts(result: Processed, conflicts: dict[str, JsonObject]) -> Processed:
    """Return a result that shows conflicts and is tried again: by schedule, and as soon as what it wants is free."""
    if not conflicts:
        return result
    told = entities.digest((result.result_hash or "").encode(), json.dumps(conflicts))
    return Processed(
        ref=result.ref,
        text=result.text,
        relations=result.relations,
        errors=(*result.errors, *conflicts.values()),
        result_hash=f"!{told}"[:40],  # never equal to a computed one: the next run tries again
        state=None,
        refresh_keys=(*result.refresh_keys, *map(refusal_key, conflicts)),
        is_volatile=True,
    )


def sync_references(connection: sa.Connection, outcome: Outcome, targets: list[int], changes: Changes) -> set[int]:
    """Write which entities one brings, and return those that it does not bring any more."""
    if outcome.result.children is None:
        return set()
    query = sa.select(references.c.target_id).where(references.c.source_id == outcome.entity_id)
    before, after = set(connection.execute(query).scalars()), set(targets)
    bulk.insert(connection, references, [(outcome.entity_id, "", id_) for id_ in sorted(after - before)])
    changes.stitch |= after - before  # one that was kept as an orphan is none any more
    if not outcome.result.is_complete:
        return set()
    gone = before - after
    bulk.delete(connection, references, ("source_id", "target_id"), [(outcome.entity_id, id_) for id_ in gone])
    return gone
