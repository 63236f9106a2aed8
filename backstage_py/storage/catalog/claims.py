"""Sources name entities; the first that names one with a location key keeps it."""

import os
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from backstage_py.model import json
from backstage_py.storage import bulk
from backstage_py.storage.catalog import marks
from backstage_py.storage.catalog.due import Due
from backstage_py.storage.catalog.records import Deferred, Known, Processed
from backstage_py.storage.catalog.tables import refresh_state


@dataclass(frozen=True, slots=True)
class Claim:
    """The outcome of naming an entity.

    Attributes:
        id: the entity's number; None when another source keeps it.
        has_changed: the entity is new or its text is another.
        holder: the location key of the source that keeps it.
    """

    id: int | None
    has_changed: bool = False
    holder: str | None = None


def refusal_key(ref: str) -> str:
    """Return the refresh key of those who were refused an entity: they try again as soon as it is removed."""
    return f"refused:{ref}"


def known(connection: sa.Connection, refs: Iterable[str]) -> dict[str, Known]:
    """Return what the store knows about entities, by reference."""
    columns = refresh_state.c
    query = sa.select(columns.entity_ref, columns.id, columns.unprocessed_hash, columns.location_key).where(
        bulk.is_in(columns.entity_ref, sorted(set(refs)))
    )
    return {ref: Known(id_, hash_, key) for ref, id_, hash_, key in connection.execute(query)}


class Claims:
    """The claims of one transaction; nothing is written before ``flush``."""

    def __init__(self, connection: sa.Connection, refs: Iterable[str]) -> None:
        listed = set(refs)
        self._connection = connection
        self._known = known(connection, listed) if listed else {}
        new = len(listed) - len(self._known)
        self._next = marks.take_numbers(connection, new) if new else 0
        self._inserted: dict[int, Deferred] = {}
        self._updated: dict[int, Deferred] = {}

    def claim(self, deferred: Deferred) -> Claim:
        """Name an entity."""
        found = self._known.get(deferred.ref)
        if found is None:
            id_ = self._next
            self._next += 1
            self._inserted[id_] = deferred
            self._known[deferred.ref] = Known(id_, deferred.hash, deferred.location_key)
            return Claim(id_, has_changed=True)
        if found.location_key is not None and found.location_key != deferred.location_key:
            return Claim(None, holder=found.location_key)
        has_changed = found.hash != deferred.hash
        if has_changed or found.location_key != deferred.location_key:
            (self._inserted if found.id in self._inserted else self._updated)[found.id] = deferred
            self._known[deferred.ref] = Known(found.id, deferred.hash, deferred.location_key)
        return Claim(found.id, has_changed)

    def is_new(self, id_: int) -> bool:
        """Say whether the entity was not there before this transaction."""
        return id_ in self._inserted

    def flush(self, results: dict[int, Processed], due: Due) -> None:
        """Write what was claimed; new entities are written together with their results."""
        bulk.insert(
            self._connection,
            refresh_state,
            [
                _new_row(uid, id_, deferred, results.get(id_), due)
                for uid, (id_, deferred) in zip(_uuids(len(self._inserted)), self._inserted.items(), strict=True)
            ],
        )
        bulk.update(
            self._connection,
            refresh_state,
            ("unprocessed", "unprocessed_hash", "location_key"),
            "id",
            [(one.text, one.hash, one.location_key, id_) for id_, one in self._updated.items()],
        )


def result_columns(
    result: Processed, due: Due
) -> tuple[bytes | None, bytes | None, bytes | None, str | None, bytes | None, bool, int]:
    """Return processed, relations, errors, result_hash, state, is_volatile and due_at as they are stored."""
    relations = (
        json.dumps([(one.source, one.type, one.target) for one in result.relations]) if result.relations else None
    )
    errors = json.dumps(result.errors) if result.errors else None
    when = due.next() if result.is_volatile else 0
    return result.text, relations, errors, result.result_hash, result.state, result.is_volatile, when


def _uuids(count: int) -> Iterator[str]:
    """Yield random UUIDs; asking the system for the randomness of all of them at once is most of the cost."""
    random = os.urandom(16 * count)
    for start in range(0, len(random), 16):
        yield str(uuid.UUID(bytes=random[start : start + 16], version=4))


def _new_row(uid: str, id_: int, deferred: Deferred, result: Processed | None, due: Due) -> bulk.Row:
    own = (id_, uid, deferred.ref, deferred.location_key, deferred.text, deferred.hash)
    return (*own, *(result_columns(result, due) if result else (None, None, None, None, None, False, 0)))
