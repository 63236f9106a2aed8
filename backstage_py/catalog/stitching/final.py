"""A processed entity, relations and problems put together into what readers get. Pure."""

import structlog

from backstage_py.errors import InputError
from backstage_py.model import entity as entities
from backstage_py.model import json, location_ref, search_rows
from backstage_py.model.json import Json, JsonObject
from backstage_py.storage.catalog.stitching import Final, Pieces

_log = structlog.get_logger(__name__)

STATUS_TYPE = "backstage.io/catalog-processing"
_REJECTED = "https://backstage.io/annotation-rejected-for-security-reasons"


def of(pieces: Pieces) -> Final:
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
