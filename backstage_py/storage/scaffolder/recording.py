"""One move of a run as one statement of PostgreSQL: it takes one turn to the server, and no ``BEGIN`` or ``COMMIT``.

All parts hang on the first one, which finds the claim still held and this move not yet recorded, and keeps the task's
row until the end. So ids of one task's events become visible in their order, a lost claim writes nothing, and a move
that is sent again after an answer was lost is found to be recorded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from backstage_py.model import json
from backstage_py.model.platform_event import PlatformEvent
from backstage_py.model.task import Claim, ClaimLost, Transition
from backstage_py.storage import clock
from backstage_py.storage.postgres.direct import Direct
from backstage_py.storage.reporting import events as platform_events
from backstage_py.storage.scaffolder import progress
from backstage_py.storage.transaction import Transaction

_NOW = clock.POSTGRESQL
_HOLDING = """
held AS (
  UPDATE tasks SET {changes}
  WHERE id = %(task)s AND claim = %(claim)s AND status = 'processing' AND recorded < %(move)s
  RETURNING id, cancel_requested
)"""
_EVENTS = """
added AS (
  INSERT INTO task_events (task_id, type, body, created_at)
  SELECT held.id, given.type, given.body, given.created_at
  FROM held, unnest(%(types)s::text[], %(bodies)s::text[], %(times)s::bigint[])
    WITH ORDINALITY AS given (type, body, created_at, place)
  ORDER BY given.place
  RETURNING id
)"""
_STEPS = """
finished AS (
  INSERT INTO task_steps (task_id, position, status, result, attempt)
  SELECT held.id, given.position, given.status, given.result, %(claim)s
  FROM held, unnest(%(positions)s::int[], %(statuses)s::text[], %(results)s::bytea[])
    AS given (position, status, result)
)"""
_FOUND = "\nSELECT cancel_requested, (SELECT array_agg(id ORDER BY id) FROM added) FROM held"


@dataclass(frozen=True, slots=True)
class Found:
    """What a move met.

    Attributes:
        events: ids of the events that were added; empty when an earlier try had added them already.
        is_shared: events of others may stand between this move's and the ones of the move before.
    """

    events: Sequence[int]
    is_shared: bool


def record(
    transaction: Transaction,
    claim: Claim,
    transition: Transition,
    steps: Sequence[Mapping[str, Any]],
    facts: Sequence[PlatformEvent],
) -> Found:
    """Write a move.

    Args:
        transaction: whose connection commits each statement by itself.
        claim: of the run.
        transition: what to write.
        steps: rows of the steps that ended.
        facts: what the platform is measured by.

    Raises:
        ClaimLost: the run is no longer the task's; nothing was written.
    """
    forgets = transition.end is not None and not transition.keep_progress
    kept = [] if forgets else steps
    values = {
        "task": claim.id,
        "claim": claim.number,
        "move": claim.recorded.moves + 1,
        "types": [event.type.value for event in transition.events],
        "bodies": [event.body for event in transition.events],
        "times": [event.created_at for event in transition.events],
        "positions": [step["position"] for step in kept],
        "statuses": [step["status"] for step in kept],
        "results": [step["result"] for step in kept],
        "state": transition.end.value if transition.end else None,
    }
    if facts:
        values["facts"] = json.text(platform_events.rows(facts))
    statement = _statement(
        ends=transition.end is not None,
        erases=claim.recorded.erases_secrets or (transition.end is not None and not claim.secrets_lost),
        forgets=forgets,
        has_steps=bool(kept),
        has_facts=bool(facts),
    )
    driver: Any = transaction.connection.connection.driver_connection
    for is_shared, ids in statement.all(driver, values):  # of the one task
        transaction.after_commit(partial(platform_events.count, facts))
        return Found(ids or (), is_shared)
    if not _RECORDED.run(driver, values):
        raise ClaimLost(claim.id)
    return Found((), is_shared=True)


_RECORDED = Direct("SELECT 1 FROM tasks WHERE id = %(task)s AND claim = %(claim)s AND recorded >= %(move)s")


@cache
def _statement(*, ends: bool, erases: bool, forgets: bool, has_steps: bool, has_facts: bool) -> Direct:
    changes = ["recorded = %(move)s"]
    if ends:
        changes += ["status = %(state)s", "worker = NULL", f"ended_at = {_NOW}", f"last_heartbeat_at = {_NOW}"]
    if erases:
        changes.append("secrets = NULL")
    parts = [_HOLDING.format(changes=", ".join(changes)), _EVENTS]
    if has_steps:
        parts.append(_STEPS)
    if has_facts:
        parts.append(platform_events.PART)
    if forgets:
        parts += progress.parts_to_forget("IN (SELECT id FROM held)")
    return Direct("WITH" + ",".join(parts) + _FOUND)
