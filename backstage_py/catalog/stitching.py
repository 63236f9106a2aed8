"""Processed entities and relations put together into what readers get; only what changed is written."""

import asyncio
import time
from collections.abc import Sequence

import structlog

from backstage_py.catalog import faults
from backstage_py.errors import InputError
from backstage_py.model import entity as entities
from backstage_py.model import json, location_ref, search_rows
from backstage_py.model.json import Json, JsonObject
from backstage_py.storage.catalog import catalog_marks
from backstage_py.storage.catalog.stitch_store import Final, Pieces, StitchStore
from backstage_py.storage.database import Database

_log = structlog.get_logger(__name__)

STATUS_TYPE = "backstage.io/catalog-processing"
_REJECTED = "https://backstage.io/annotation-rejected-for-security-reasons"
_BATCH = 1000
_PATIENCE = 5.0
_REST = 1.0
_LULL = 0.2
_MANY_RELATIONS = 30


def stitch(pieces: Pieces) -> Final:
    """Return the final entity, without a text when nothing has changed or there is nothing to show."""
    if pieces.processed is None:
        return _nothing(pieces)
    entity: JsonObject = entities.of_text(pieces.processed)
    metadata = entity["metadata"]
    if pieces.is_orphan:
        metadata["annotations"] = {**(metadata.get("annotations") or {}), entities.ORPHAN: "true"}
    _reject_scripts(metadata.get("annotations") or {})
    entity["relations"] = [{"type": kind, "targetRef": target} for kind, target in pieces.relations]
    if items := _status_items(pieces):
        status = entity.get("status") or {}
        entity["status"] = {**status, "items": [*(status.get("items") or []), *items]}
    hash_ = entities.digest(entities.stable_text(entity))
    if hash_ == pieces.previous_hash:
        return _nothing(pieces, hash_)
    metadata["uid"] = pieces.uid
    if not metadata.get("etag"):
        metadata["etag"] = hash_
    try:
        rows = search_rows.of(entity)
    except InputError as error:
        _log.warning("entity_not_stitched", entity_ref=pieces.ref, reason=error.message)
        return _nothing(pieces)
    return Final(pieces.id, pieces.ticket, pieces.ref, pieces.uid, hash_, json.dumps(entity), rows)


def _nothing(pieces: Pieces, hash_: str = "") -> Final:
    return Final(pieces.id, pieces.ticket, pieces.ref, pieces.uid, hash_, None, None)


def _status_items(pieces: Pieces) -> list[JsonObject]:
    own = [_status_item(f"{error['name']}: {error['message']}", error) for error in pieces.errors]
    children = [
        _status_item(f"{ref}: {error['name']}: {error['message']}", error) for ref, error in pieces.child_errors
    ]
    return own + children


def _status_item(message: str, error: JsonObject) -> JsonObject:
    return {"type": STATUS_TYPE, "level": "error", "message": message, "error": error}


def _reject_scripts(annotations: dict[str, Json]) -> None:
    for name in (entities.VIEW_URL, entities.EDIT_URL):
        value = annotations.get(name)
        if isinstance(value, str) and location_ref.is_script(value):
            annotations[name] = _REJECTED


class Stitcher:
    """Stitches what is marked, in batches, as soon as it is marked."""

    def __init__(self, database: Database, store: StitchStore) -> None:
        self._database = database
        self._store = store
        self._resting: dict[int, float] = {}

    async def run(self) -> None:
        """Work until cancelled.

        What has many relations rests for a second after it was stitched, or until a lull: while thousands of entities
        come in, each batch of them changes the same owners and systems.
        """
        with self._database.wakes.subscribe(catalog_marks.STITCH) as wake:
            while True:
                try:
                    if await self._drain():
                        await self._store.rest()
                except Exception as error:  # noqa: BLE001  # the processing loop's edge: recorded, and tried again
                    _log.exception("stitching_failed", error=str(faults.of(error)))
                    await asyncio.sleep(1)
                if not await wake.wait(_LULL if self._resting else _PATIENCE):
                    self._resting.clear()

    async def _drain(self) -> bool:
        """Stitch all that is marked, the next batch while the one before is written; False when nothing was marked."""
        finals = await self._next_batch(())
        found = bool(finals)
        while finals:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._store.write(finals))
                following = group.create_task(self._next_batch([final.id for final in finals]))
            finals = following.result() or await self._next_batch(())
        return found

    async def _next_batch(self, in_writing: Sequence[int]) -> list[Final]:
        """Return a batch put together, without what is being written: that may be marked again meanwhile."""
        now = time.monotonic()
        self._resting = {id_: until for id_, until in self._resting.items() if until > now}
        pieces = await self._store.marked(_BATCH, excluding=[*self._resting, *in_writing])
        until = time.monotonic() + _REST
        self._resting.update((one.id, until) for one in pieces if len(one.relations) > _MANY_RELATIONS)
        return await asyncio.to_thread(lambda: [stitch(one) for one in pieces]) if pieces else []
