"""Writes what came of processing, for as long as the lease is held, however long the database takes."""

import asyncio
from collections.abc import Sequence

import structlog

from backstage_py.catalog import faults
from backstage_py.catalog.outages import patiently
from backstage_py.catalog.pipeline import results
from backstage_py.catalog.pipeline.results import PipelineResult
from backstage_py.storage.catalog.lease import Lease, LeaseLostError
from backstage_py.storage.catalog.records import Child, Known, Outcome
from backstage_py.storage.catalog.refresh import RefreshStore

_log = structlog.get_logger(__name__)


class Recorder:
    """The writes of one engine. Results that wait for the same moment share a transaction.

    Args:
        store: the refresh state.
        lease: under which the entities were claimed.
    """

    def __init__(self, store: RefreshStore, lease: Lease) -> None:
        self._store = store
        self._lease = lease
        self._writing = asyncio.Lock()
        self._gathered: list[Outcome] = []

    async def commit(self, *outcomes: Outcome) -> None:
        """Write results.

        Raises:
            LeaseLostError: others have these entities by now.
        """
        gathered = self._gathered
        gathered += outcomes
        async with self._writing:
            if gathered is self._gathered:  # whoever comes first writes for all
                self._gathered = []
                await self._commit(gathered)

    async def known(self, refs: Sequence[str]) -> dict[str, Known]:
        """Return what is known about entities that a source mentions."""
        return await patiently(lambda: self._store.known(refs))

    async def write_children(self, entity_id: int, emitted: Sequence[Child]) -> None:
        """Write entities that another one brings.

        Raises:
            LeaseLostError: others have the entity by now.
        """
        await patiently(lambda: self._store.write_children(self._lease, entity_id, emitted))

    async def _commit(self, outcomes: Sequence[Outcome]) -> None:
        try:
            await patiently(lambda: self._store.commit(self._lease, outcomes))
        except LeaseLostError:
            raise
        except Exception as error:  # noqa: BLE001  # the processing loop's edge: one that cannot be stored stops no other
            if len(outcomes) == 1:
                await self._commit_failure(outcomes[0], error)
                return
            for one in outcomes:
                await self._commit([one])

    async def _commit_failure(self, outcome: Outcome, error: Exception) -> None:
        """Show at an entity that its result cannot be stored, which also takes it out of the queue."""
        ref = outcome.result.ref
        _log.error("processing_result_refused", entity_ref=ref, error=str(faults.of(error)), exc_info=error)
        failed = results.processed(ref, PipelineResult({}, (faults.of(error),), is_ended=True))
        shown = Outcome(outcome.entity_id, outcome.ticket, outcome.source_hash, failed)
        await patiently(lambda: self._store.commit(self._lease, [shown]))
