"""The store of processing: what is to be processed, and what came of it, each commit being all or nothing."""

from collections.abc import Collection, Iterable, Sequence
from functools import partial

import sqlalchemy as sa

from backstage_py.metrics.catalog import QUEUE_DELAY
from backstage_py.storage import bulk, clock
from backstage_py.storage.catalog import children, claims, marks, queues, removal, results
from backstage_py.storage.catalog.claims import Claims
from backstage_py.storage.catalog.due import Due
from backstage_py.storage.catalog.lease import Lease
from backstage_py.storage.catalog.records import Changes, Child, Deferred, Known, Outcome, Processed, Unprocessed
from backstage_py.storage.catalog.tables import process_queue, references, refresh_keys, refresh_state
from backstage_py.storage.database import Database, Transaction


class RefreshStore:
    """Reads and writes the refresh state.

    Args:
        database: an open database with the catalog's tables.
        keep_orphans: ``catalog.orphanStrategy: keep``; entities that nothing names any more stay.
        interval: seconds after which volatile entities are processed again, half as much more at random; None never.
    """

    def __init__(self, database: Database, *, keep_orphans: bool = False, interval: float | None = None) -> None:
        self._database = database
        self._keep_orphans = keep_orphans
        self._interval = interval

    async def claim(self, lease: Lease, most: int, *, busy: Collection[int] = ()) -> list[Unprocessed]:
        """Claim entities that are marked to be processed, without those that are under way here."""
        tickets = await self._database.write(
            lambda transaction: queues.claim(transaction.connection, process_queue, lease, most, busy),
            is_statement=True,
            is_repeatable=True,
        )
        if not tickets:
            return []
        query = sa.select(*_UNPROCESSED).where(bulk.is_in(refresh_state.c.id, list(tickets)))
        rows = await self._database.read(
            lambda connection: connection.execute(query.order_by(refresh_state.c.id)).all()
        )
        return [Unprocessed(*row, ticket=tickets[row.id]) for row in rows]

    async def hand_back(self, lease: Lease, ids: Sequence[int]) -> None:
        """Let others claim what was claimed and is not begun."""
        await self._database.write(
            lambda transaction: queues.free(transaction, process_queue, lease, ids),
            is_statement=True,
            is_repeatable=True,
        )

    async def is_idle(self) -> bool:
        """Say whether nothing is marked to be processed."""
        query = sa.select(process_queue.c.entity_id).limit(1)
        return await self._database.read(lambda connection: connection.execute(query).first() is None)

    async def seconds_until_due(self) -> float | None:
        """Return after how many seconds the next entity is due to be processed again; None when there is none."""
        query = sa.select(sa.func.min(refresh_state.c.due_at) - clock.now()).where(refresh_state.c.is_volatile)
        wait = await self._database.read(lambda connection: connection.execute(query).scalar())
        return None if wait is None else wait / 1000

    async def mark_due(self, lease: Lease, most: int) -> None:
        """Mark entities that are due, and set when they are the next time; once, however many processes look."""
        columns = refresh_state.c
        waits = clock.now() - columns.due_at
        due = sa.select(columns.id, sa.case((columns.due_at > 0, waits))).where(
            columns.is_volatile, columns.due_at <= clock.now()
        )
        due = due.order_by(columns.due_at)

        def run(transaction: Transaction) -> None:
            connection = transaction.connection
            following = Due(connection, self._interval)
            found = [(row[0], row[1]) for row in connection.execute(due.limit(most))]
            bulk.update(connection, refresh_state, ("due_at",), "id", [(following.next(), id_) for id_, _ in found])
            marks.write(transaction, Changes(process={id_ for id_, _ in found}))
            for wait in (wait for _, wait in found if wait is not None):
                transaction.after_commit(partial(QUEUE_DELAY.observe, wait / 1000))

        await marks.exclusively(self._database, run, lease=lease)

    async def known(self, refs: Iterable[str]) -> dict[str, Known]:
        """Return what is known about entities that a source mentions."""
        listed = list(refs)
        return await self._database.read(lambda connection: claims.known(connection, listed)) if listed else {}

    async def holders(self, ref: str) -> list[str]:
        """Return the references of the entities that bring an entity."""
        return await self._database.read(lambda connection: _parents_of(connection, ref))

    async def commit(self, lease: Lease, outcomes: Sequence[Outcome]) -> None:
        """Write results, the entities they bring, and the marks that follow, in one transaction.

        Raises:
            LeaseLostError: others may process these entities by now; nothing was written.
        """
        await marks.exclusively(
            self._database, lambda transaction: self._commit(transaction, lease, outcomes), lease=lease
        )

    async def write_children(self, lease: Lease, entity_id: int, emitted: Sequence[Child]) -> None:
        """Write entities that another one brings, ahead of that one's own result.

        What another source keeps is left out; ``commit`` of the result tells about it.

        Raises:
            LeaseLostError: others may process this entity by now; nothing was written.
        """
        await marks.exclusively(
            self._database, lambda transaction: self._write_children(transaction, entity_id, emitted), lease=lease
        )

    async def apply_full(self, lease: Lease, source_key: str, items: Sequence[Deferred]) -> None:
        """Make ``items`` all that a provider names.

        Raises:
            LeaseLostError: the provider is another process's by now; nothing was written.
        """

        def run(transaction: Transaction) -> None:
            before = sa.select(references.c.target_id).where(
                references.c.source_id == 0, references.c.source_key == source_key
            )
            self._apply(transaction, source_key, items, set(transaction.connection.execute(before).scalars()))

        await marks.exclusively(self._database, run, lease=lease)

    async def apply_delta(
        self, lease: Lease, source_key: str, added: Sequence[Deferred], removed: Sequence[str]
    ) -> None:
        """Add entities to what a provider names and take others away.

        Raises:
            LeaseLostError: the provider is another process's by now; nothing was written.
        """
        await marks.exclusively(
            self._database, lambda transaction: self.delta(transaction, source_key, added, removed), lease=lease
        )

    def delta(
        self, transaction: Transaction, source_key: str, added: Sequence[Deferred], removed: Sequence[str]
    ) -> None:
        """Do as ``apply_delta`` within a transaction."""
        self._apply(transaction, source_key, added, marks.ids_of(transaction.connection, removed))

    async def request_refresh(self, refs: Sequence[str]) -> int:
        """Mark entities to be processed soon, and return how many there are."""
        return await marks.exclusively(
            self._database, lambda transaction: self.mark(transaction, refs), is_repeatable=True
        )

    def mark(self, transaction: Transaction, refs: Sequence[str], *, force: bool = False) -> int:
        """Do as ``request_refresh`` within a transaction; ``force`` ignores what is remembered."""
        ids = marks.ids_of(transaction.connection, refs)
        if force:
            bulk.update(transaction.connection, refresh_state, ("result_hash",), "id", [(None, id_) for id_ in ids])
        marks.write(transaction, Changes(process=set(ids)))
        return len(ids)

    async def refresh_by_keys(self, lease: Lease, keys: Sequence[str]) -> None:
        """Mark the entities that were made from something that has changed, as a provider says."""

        def run(transaction: Transaction) -> None:
            query = sa.select(refresh_keys.c.entity_id).where(bulk.is_in(refresh_keys.c.key, keys))
            ids = set(transaction.connection.execute(query).scalars())
            marks.write(transaction, Changes(process=ids))

        await marks.exclusively(self._database, run, lease=lease)

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
            if parents:  # it stays theirs; whom they refused it comes after them
                changes.process.clear()
            marks.write(transaction, changes)
            self.mark(transaction, parents, force=True)

        await marks.exclusively(self._database, run)

    async def evict_other_providers(self, lease: Lease, source_keys: Sequence[str]) -> None:
        """Forget providers that are no longer there, and what only they named."""

        def run(transaction: Transaction) -> None:
            query = sa.select(references.c.source_key).where(references.c.source_id == 0).distinct()
            for key in set(transaction.connection.execute(query).scalars()).difference(source_keys):
                gone = sa.select(references.c.target_id).where(
                    references.c.source_id == 0, references.c.source_key == key
                )
                self._apply(transaction, key, (), set(transaction.connection.execute(gone).scalars()))

        await marks.exclusively(self._database, run, lease=lease)

    def _commit(self, transaction: Transaction, lease: Lease, outcomes: Sequence[Outcome]) -> None:
        connection, changes = transaction.connection, Changes()
        due = Due(connection, self._interval)
        rows = results.alive(connection, [outcome.entity_id for outcome in outcomes])
        alive = [
            one for one in outcomes if one.entity_id in rows and rows[one.entity_id].source_hash == one.source_hash
        ]
        claimed = Claims(connection, [child.deferred.ref for one in alive for child in one.result.children or ()])
        found: dict[int, Processed] = {}
        brought: list[tuple[Outcome, list[int]]] = []
        for outcome in alive:
            targets, conflicts = children.claim_all(outcome.result.children or (), claimed, found, changes)
            found[outcome.entity_id] = children.with_conflicts(outcome.result, conflicts)
            brought.append((outcome, targets))
        claimed.flush(found, due)
        gone: set[int] = set()
        for outcome, targets in brought:
            gone |= children.sync_references(connection, outcome, targets, changes)
        results.write(connection, found, claimed, rows, changes, due)
        self._drop(transaction, gone, changes)
        queues.finish(transaction, process_queue, lease, [(one.entity_id, one.ticket) for one in outcomes])
        marks.write(transaction, changes)
        transaction.wake(marks.PROCESSED)

    def _write_children(self, transaction: Transaction, entity_id: int, emitted: Sequence[Child]) -> None:
        connection, changes = transaction.connection, Changes()
        if not results.alive(connection, [entity_id]):
            return  # it was removed meanwhile
        claimed = Claims(connection, [child.deferred.ref for child in emitted])
        found: dict[int, Processed] = {}
        targets, _ = children.claim_all(emitted, claimed, found, changes)
        due = Due(connection, self._interval)
        claimed.flush(found, due)
        bulk.insert(connection, references, [(entity_id, "", id_) for id_ in sorted(set(targets))], ignore=True)
        results.write(connection, found, claimed, {}, changes, due)
        marks.write(transaction, changes)

    def _apply(
        self, transaction: Transaction, source_key: str, items: Sequence[Deferred], candidates: set[int]
    ) -> None:
        connection, changes = transaction.connection, Changes()
        claimed = Claims(connection, [item.ref for item in items])
        own = [(item, claimed.claim(item)) for item in items]
        named = {claim.id for _, claim in own if claim.id is not None}
        refused = [item for item, claim in own if claim.id is None]
        replaced = [item for item in refused if self._is_own(connection, source_key, item.ref)]
        changes.process.update(claim.id for _, claim in own if claim.id is not None and claim.has_changed)
        claimed.flush({}, Due(connection, self._interval))
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
        there = claims.known(connection, [item.ref for item in refused]) if gone else ()
        if gone and (freed := [item for item in refused if item.ref not in there]):
            self._apply(transaction, source_key, freed, set())  # it was below what the provider has just taken away

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
    refresh_state.c.unprocessed_hash,
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
