"""Pipeline results as what the store writes, and the hash that tells whether there is anything to write."""

from collections.abc import Mapping

from backstage_py.catalog import placeholders
from backstage_py.catalog.collector import Brought
from backstage_py.catalog.pipeline import Pipeline, PipelineResult
from backstage_py.model import entity as entities
from backstage_py.model import json
from backstage_py.model.json import JsonObject
from backstage_py.storage.catalog.refresh_records import Child, Deferred, Known, Processed


def deferred(brought: Brought) -> Deferred:
    """Return an emitted entity as the store takes it."""
    return Deferred(brought.ref, brought.text, brought.hash, brought.location_key)


def of_entity(ref: str, entity: JsonObject, location_key: str | None) -> Deferred:
    """Return an entity as the store takes it."""
    return Deferred(ref, json.dumps(entity), entities.digest(entities.stable_text(entity)), location_key)


def processed(ref: str, result: PipelineResult, *, has_plugins: bool = False) -> Processed:
    """Return what to write for a result.

    Args:
        ref: the entity's reference.
        result: of the pipeline.
        has_plugins: whether processors of plugins took part, whose results may depend on anything.
    """
    is_location = ref.startswith("location:")
    errors = tuple(fault.as_json() for fault in result.faults)
    if result.is_ended or (not result.is_ok and not is_location):
        shown = json.dumps(result.entity) if is_location and _is_presentable(result) else None
        return Processed(
            ref=ref,
            text=shown,
            errors=errors,
            result_hash=entities.digest(json.dumps(errors), shown or b""),
            is_volatile=True,
            children=None,
        )
    text = json.dumps(result.entity)
    return Processed(
        ref=ref,
        text=text,
        relations=result.relations,
        errors=errors,
        result_hash=_hash(text, errors, result),
        state=json.dumps(result.state) if result.state else None,
        refresh_keys=result.refresh_keys,
        is_volatile=bool(result.refresh_keys or errors or has_plugins or is_location),
        children=[Child(deferred(one)) for one in result.brought],
        is_complete=result.is_ok,
    )


def _is_presentable(result: PipelineResult) -> bool:
    return isinstance(result.entity.get("spec"), dict) and "annotations" in result.entity.get("metadata", {})


def _hash(text: bytes, errors: tuple[JsonObject, ...], result: PipelineResult) -> str:
    parts = [
        sorted(f"{one.ref} {one.hash} {one.location_key}" for one in result.brought),
        sorted(f"{one.source} {one.type} {one.target}" for one in result.relations),
        sorted(result.refresh_keys),
        result.state,
        errors,
    ]
    return entities.digest(text, entities.stable_text(parts))


def is_plain(ref: str, text: bytes, pipeline: Pipeline) -> bool:
    """Say whether processing needs nothing but the entity itself."""
    return not pipeline.has_plugins and not ref.startswith("location:") and not placeholders.may_have(text)


def needs_processing(one: Deferred, known: Mapping[str, Known]) -> bool:
    """Say whether a source mentions something new, or something that it may change and has changed."""
    found = known.get(one.ref)
    if found is None:
        return True
    if found.location_key is not None and found.location_key != one.location_key:
        return False
    return found.hash != one.hash
