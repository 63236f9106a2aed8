"""The store of processing: what is to be processed, and what came of it, each commit being all or nothing."""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from backstage_py.storage import bulk
from backstage_py.storage.catalog import children, claims, marks, removal, results
from backstage_py.storage.catalog.claims import Claims
from backstage_py.storage.catalog.records import Changes, Child, Deferred, Known, Outcome, Processed, Unprocessed
from backstage_py.storage.catalog.tables import process_queue, references, refresh_keys, refresh_state
from backstage_py.storage.database import Database, Transaction


class RefreshStore:
    """Reads and writes the refresh state.

    Args:
        database: an open database with the catalog's tables.
        keep_orphans: ``catalog.orphanStrategy: keep``; entities that nothing names any more stay.
    """

    def __init__(self, database: Database, *, keep_orphans: bool = False) -> None:
        self._database = database
        self._keep_orphans = keep_orphans

    async def queued(self, limit: int, *, excluding: Iterable[int] = ()) -> list[Unprocessed]:
        """Return entities that are marked to be processed, without those that are under way."""
        busy = sorted(excluding)
        query = (
            sa.select(*_UNPROCESSED, process_queue.c.ticket)
            .join_from(process_queue, refresh_state, process_queue.c.entity_id == refresh_state.c.id)
            .order_by(process_queue.c.entity_id)
            .limit(limit)
        )
        if busy:
            query = query.where(sa.not_(bulk.is_in(process_queue.c.entity_id, busy)))
        return await self._database.read(lambda connection: [Unprocessed(*row) for row in connection.execute(query)])

    async def by_ids(self, ids: Sequence[int]) -> list[Unprocessed]:
        """Return entities by their numbers, those that exist."""
        query = sa.select(*_UNPROCESSED).where(bulk.is_in(refresh_state.c.id, ids))
        return await self._database.read(lambda connection: [Unprocessed(*row) for row in connection.execute(query)])

    async def volatile(self) -> list[int]:
        """Return the numbers of the entities that are refreshed on schedule."""
        query = sa.select(refresh_state.c.id).where(refresh_state.c.is_volatile)
        return await self._database.read(lambda connection: list(connection.execute(query).scalars()))

    async def known(self, refs: Iterable[str]) -> dict[str, Known]:
        """Return what is known about entities that a source mentions."""
        listed = list(refs)
        return await self._database.read(lambda connection: claims.known(connection, listed)) if listed else {}

    async def holders(self, ref: str) -> list[str]:
        """Return the references of the entities that bring an entity."""
        return await self._database.read(lambda connection: _parents_of(connection, ref))

    async def commit(self, outcomes: Sequence[Outcome]) -> None:
        """Write results, the entities they bring, and the marks that follow, in one transaction."""
        await marks.exclusively(self._database, lambda transaction: self._commit(transaction, outcomes))

    async def write_children(self, entity_id: int, emitted: Sequence[Child]) -> None:
        """Write entities that another one brings, ahead of that one's own result.

        What another source keeps is left out; ``commit`` of the result tells about it.
        """
        await marks.exclusively(
            self._database, lambda transaction: self._write_children(transaction, entity_id, emitted)
        )

    async def apply_full(self, source_key: str, items: Sequence[Deferred]) -> None:
        """Make ``items`` all that a provider names."""

        def run(transaction: Transaction) -> None:
            before = sa.select(references.c.target_id).where(
                references.c.source_id == 0, references.c.source_key == source_key
            )
            self._apply(transaction, source_key, items, set(transaction.connection.execute(before).scalars()))

        await marks.exclusively(self._database, run)

    async def apply_delta(self, source_key: str, added: Sequence[Deferred], removed: Sequence[str]) -> None:
        """Add entities to what a provider names and take others away."""
        await marks.exclusively(self._database, lambda transaction: self.delta(transaction, source_key, added, removed))

    def delta(
        self, transaction: Transaction, source_key: str, added: Sequence[Deferred], removed: Sequence[str]
    ) -> None:
        """Do as ``apply_delta`` within a transaction."""
        self._apply(transaction, source_key, added, marks.ids_of(transaction.connection, removed))

    async def request_refresh(self, refs: Sequence[str]) -> int:
        """Mark entities to be processed soon, and return how many there are."""
        return await marks.exclusively(self._database, lambda transaction: self.mark(transaction, refs))

    def mark(self, transaction: Transaction, refs: Sequence[str], *, force: bool = False) -> int:
        """Do as ``request_refresh`` within a transaction; ``force`` ignores what is remembered."""
        ids = marks.ids_of(transaction.connection, refs)
        if force:
            bulk.update(transaction.connection, refresh_state, ("result_hash",), "id", [(None, id_) for id_ in ids])
        marks.write(transaction, Changes(process=set(ids)))
        return len(ids)

    async def refresh_by_keys(self, keys: Sequence[str]) -> None:
        """Mark the entities that were made from something that has changed."""

        def run(transaction: Transaction) -> None:
            query = sa.select(refresh_keys.c.entity_id).where(bulk.is_in(refresh_keys.c.key, keys))
            ids = set(transaction.connection.execute(query).scalars())
            marks.write(transaction, Changes(process=ids))

        await marks.exclusively(self._database, run)

    async def remove_by_uid(self, uid: str) -> None:
        """Remove an entity; what brought it is processed again and brings it back if it is still there."""

        def run(transaction: Transaction) -> None:
            connection = transaction.connection
            query = sa.select(refresh_state.c.id, refresh_state.c.entity_ref).where(refresh_state.c.uid == uid)
            if not (row := connection.execute(query).first()):
                return
            parents = _parents_of(connection, row.entity_ref)
            changes = Changes()
            removal.remove(transaction, [row.id], changes)
            marks.write(transaction, changes)
            self.mark(transaction, parents, force=True)

        await marks.exclusively(self._database, run)

    async def evict_other_providers(self, source_keys: Sequence[str]) -> None:
        """Forget providers that are no longer there, and what only they named."""

        def run(transaction: Transaction) -> None:
            query = sa.select(references.c.source_key).where(references.c.source_id == 0).distinct()
            for key in set(transaction.connection.execute(query).scalars()).difference(source_keys):
                gone = sa.select(references.c.target_id).where(
                    references.c.source_id == 0, references.c.source_key == key
                )
                self._apply(transaction, key, (), set(transaction.connection.execute(gone).scalars()))

        await marks.exclusively(self._database, run)

    def _commit(self, transaction: Transaction, outcomes: Sequence[Outcome]) -> None:
        connection, changes = transaction.connection, Changes()
        rows = results.alive(connection, [outcome.entity_id for outcome in outcomes])
        alive = [outcome for outcome in outcomes if outcome.entity_id in rows]
        claimed = Claims(connection, [child.deferred.ref for one in alive for child in one.result.children or ()])
        found: dict[int, Processed] = {}
        brought: list[tuple[Outcome, list[int]]] = []
        for outcome in alive:
            targets, conflicts = children.claim_all(outcome.result.children or (), claimed, found, changes)
            found[outcome.entity_id] = children.with_conflicts(outcome.result, conflicts)
            brought.append((outcome, targets))
        claimed.flush(found)
        gone: set[int] = set()
        for outcome, targets in brought:
            gone |= children.sync_references(connection, outcome, targets)
        results.write(connection, found, claimed, rows, changes)
        self._drop(transaction, gone, changes)
        tickets = [(one.entity_id, one.ticket) for one in outcomes if one.ticket is not None]
        bulk.delete(connection, process_queue, ("entity_id", "ticket"), tickets)
        marks.write(transaction, changes)
        transaction.wake(marks.PROCESSED)

    def _write_children(self, transaction: Transaction, entity_id: int, emitted: Sequence[Child]) -> None:
        connection, changes = transaction.connection, Changes()
        if not results.alive(connection, [entity_id]):
            return  # it was removed meanwhile
        claimed = Claims(connection, [child.deferred.ref for child in emitted])
        found: dict[int, Processed] = {}
        targets, _ = children.claim_all(emitted, claimed, found, changes)
        claimed.flush(found)
        bulk.insert(connection, references, [(entity_id, "", id_) for id_ in sorted(set(targets))], ignore=True)
        results.write(connection, found, claimed, {}, changes)
        marks.write(transaction, changes)

    def _apply(
        self, transaction: Transaction, source_key: str, items: Sequence[Deferred], candidates: set[int]
    ) -> None:
        connection, changes = transaction.connection, Changes()
        claimed = Claims(connection, [item.ref for item in items])
        own = [(item, claimed.claim(item)) for item in items]
        named = {claim.id for _, claim in own if claim.id is not None}
        replaced = [item for item, claim in own if claim.id is None and self._is_own(connection, source_key, item.ref)]
        changes.process.update(claim.id for _, claim in own if claim.id is not None and claim.has_changed)
        claimed.flush({})
        bulk.insert(connection, references, [(0, source_key, id_) for id_ in sorted(named)], ignore=True)
        gone = candidates - named
        bulk.delete(
            connection, references, ("source_id", "source_key", "target_id"), [(0, source_key, id_) for id_ in gone]
        )
        changes.stitch |= gone
        removal.remove(transaction, removal.orphans(connection, gone) if gone else (), changes)
        marks.write(transaction, changes)
        if replaced:  # the provider itself gives the entity another location key: start it anew
            self._replace(transaction, source_key, replaced)

    def _replace(self, transaction: Transaction, source_key: str, items: Sequence[Deferred]) -> None:
        connection, changes = transaction.connection, Changes()
        ids = marks.ids_of(connection, [item.ref for item in items])
        own = [(0, source_key, id_) for id_ in ids]
        bulk.delete(connection, references, ("source_id", "source_key", "target_id"), own)
        removal.remove(transaction, removal.orphans(connection, ids), changes)
        marks.write(transaction, changes)
        self._apply(transaction, source_key, items, set())  # what others bring as well stays theirs

    @staticmethod
    def _is_own(connection: sa.Connection, source_key: str, ref: str) -> bool:
        query = (
            sa.select(references.c.target_id)
            .join(refresh_state, refresh_state.c.id == references.c.target_id)
            .where(references.c.source_id == 0, references.c.source_key == source_key)
            .where(refresh_state.c.entity_ref == ref)
        )
        return connection.execute(query).first() is not None

    def _drop(self, transaction: Transaction, gone: set[int], changes: Changes) -> None:
        if not gone:
            return
        if self._keep_orphans:
            changes.stitch |= gone
        else:
            removal.remove(transaction, removal.orphans(transaction.connection, gone), changes)


_UNPROCESSED = (
    refresh_state.c.id,
    refresh_state.c.entity_ref,
    refresh_state.c.unprocessed,
    refresh_state.c.result_hash,
    refresh_state.c.state,
)


def _parents_of(connection: sa.Connection, ref: str) -> list[str]:
    parent = refresh_state.alias("parent")
    query = (
        sa.select(parent.c.entity_ref)
        .join(references, references.c.source_id == parent.c.id)
        .join(refresh_state, refresh_state.c.id == references.c.target_id)
        .where(refresh_state.c.entity_ref == ref)
        .order_by(parent.c.id)
    )
    return list(connection.execute(query).scalars())
