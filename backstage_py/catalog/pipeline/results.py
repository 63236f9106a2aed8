"""The result of processing an entity, as the store writes it, with the hash that shows whether it has changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backstage_py.catalog.faults import Fault
from backstage_py.catalog.sources.emitted import Emitted
from backstage_py.model import entity as entities
from backstage_py.model import json
from backstage_py.model.entity_relations import Relation
from backstage_py.model.json import JsonObject
from backstage_py.storage.catalog.records import Child, Known, Processed


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """What became of an entity.

    Attributes:
        entity: the processed entity; as far as it came when ``faults`` ended its processing.
        faults: what went wrong.
        is_ended: a fault ended processing, so that nothing else can be said.
        is_unchanged: nothing that it was made from has changed; all else is empty.
    """

    entity: JsonObject
    faults: tuple[Fault, ...] = ()
    relations: tuple[Relation, ...] = ()
    emitted: tuple[Emitted, ...] = ()
    refresh_keys: tuple[str, ...] = ()
    state: JsonObject = field(default_factory=dict)
    is_ended: bool = False
    is_unchanged: bool = False

    @property
    def is_ok(self) -> bool:
        """Whether everything went well."""
        return not self.faults


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
        children=[Child(one.deferred()) for one in result.emitted],
        is_complete=result.is_ok,
    )


def _is_presentable(result: PipelineResult) -> bool:
    return isinstance(result.entity.get("spec"), dict) and "annotations" in result.entity.get("metadata", {})


def _hash(text: bytes, errors: tuple[JsonObject, ...], result: PipelineResult) -> str:
    parts = [
        sorted(f"{one.ref} {one.hash} {one.location_key}" for one in result.emitted),
        sorted(f"{one.source} {one.type} {one.target}" for one in result.relations),
        sorted(result.refresh_keys),
        result.state,
        errors,
    ]
    return entities.digest(text, entities.stable_text(parts))


def needs_processing(one: Emitted, known: Mapping[str, Known]) -> bool:
    """Say whether a source mentions something new, or something that it may change and has changed."""
    found = known.get(one.ref)
    if found is None:
        return True
    if found.location_key is not None and found.location_key != one.location_key:
        return False
    return found.hash != one.hash
