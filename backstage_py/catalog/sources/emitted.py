"""An entity as a source brings it: JSON text with its location annotations, and who may change it later."""

from dataclasses import dataclass

from backstage_py.catalog.faults import Fault
from backstage_py.js.text import scalar
from backstage_py.model import entity as entities
from backstage_py.model import entity_ref, entity_schema, json, location_ref
from backstage_py.model.json import JsonObject
from backstage_py.model.location_ref import LocationRef
from backstage_py.storage.catalog.records import Deferred


@dataclass(frozen=True, slots=True)
class Emitted:
    """An entity that was emitted, as JSON text with its location annotations, and who may change it later.

    Text and not an object: a location may bring ten thousand of them.
    """

    ref: str
    kind: str
    spec_type: str | None
    text: bytes
    hash: str
    location_key: str

    def deferred(self) -> Deferred:
        """Return it as the store takes it."""
        return Deferred(self.ref, self.text, self.hash, self.location_key)

    def entity(self) -> JsonObject:
        """Return the entity as an object of its own."""
        parsed: JsonObject = entities.of_text(self.text)
        return parsed


def at(entity: JsonObject, location: LocationRef, origin: str) -> Emitted | Fault:
    """Return an entity that was found at a location, or why it cannot be accepted. Safe in any thread.

    No file may take the name of a location that somebody registers later.
    """
    if problem := entity_schema.envelope_problem(entity):
        return Fault("TypeError", problem.full_message())
    if location_ref.is_generated(ref := entity_ref.of(entity)):
        return Fault("NotAllowedError", f"{ref} is a name of locations that are registered; give yours another one")
    annotations = entity["metadata"].get("annotations") or {}
    if not isinstance(annotations, dict):
        return Fault("Error", "metadata.annotations must be a valid object")
    key = str(location)
    own = {**annotations, entities.ORIGIN: origin, entities.MANAGED_BY: key}
    return of({**entity, "metadata": {**entity["metadata"], "annotations": own}}, key)


def of(entity: JsonObject, location_key: str) -> Emitted:
    """Return an entity that is known to be one."""
    spec = entity.get("spec")
    spec_type = spec.get("type") if isinstance(spec, dict) else None
    return Emitted(
        ref=scalar(entity_ref.of(entity)),
        kind=entity["kind"],
        spec_type=spec_type if isinstance(spec_type, str) else None,
        text=json.dumps(entity),
        hash=entities.digest(entities.stable_text(entity)),
        location_key=location_key,
    )


def deferred(entity: JsonObject, location_key: str | None) -> Deferred:
    """Return the entity of a provider as the store takes it."""
    digest = entities.digest(entities.stable_text(entity))
    return Deferred(scalar(entity_ref.of(entity)), json.dumps(entity), digest, location_key)


def keyed(entity: JsonObject, location_key: str | None) -> Deferred:
    """Do as ``deferred``; without a key, that is where the entity is managed."""
    return deferred(entity, location_key or entities.annotation(entity, entities.MANAGED_BY))
