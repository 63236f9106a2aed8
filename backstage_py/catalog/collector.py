"""What one run of the processors emitted besides the entity itself."""

from dataclasses import dataclass, field

import structlog

from backstage_py.catalog.faults import Fault
from backstage_py.model import entity as entities
from backstage_py.model import entity_ref, entity_schema, json
from backstage_py.model.entity_ref import EntityRef
from backstage_py.model.entity_relations import Relation
from backstage_py.model.json import JsonObject
from backstage_py.model.location_ref import LocationRef

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Brought:
    """An entity that was emitted, as JSON text with its location annotations, and who may change it later.

    Text and not an object: a location may bring ten thousand of them.
    """

    ref: str
    kind: str
    spec_type: str | None
    text: bytes
    hash: str
    location_key: str

    def entity(self) -> JsonObject:
        """Return the entity as an object of its own."""
        parsed: JsonObject = entities.of_text(self.text)
        return parsed


def bring(entity: JsonObject, location: LocationRef, origin: str) -> Brought | Fault:
    """Return an entity that was found at a location as it is taken in, or why it cannot be. Safe in any thread."""
    if problem := entity_schema.envelope_problem(entity):
        return Fault("TypeError", problem.in_full())
    annotations = entity["metadata"].get("annotations") or {}
    if not isinstance(annotations, dict):
        return Fault("Error", "metadata.annotations must be a valid object")
    key = str(location)
    own = {**annotations, entities.ORIGIN: origin, entities.MANAGED_BY: key}
    return _brought({**entity, "metadata": {**entity["metadata"], "annotations": own}}, key)


def _brought(entity: JsonObject, location_key: str) -> Brought:
    spec = entity.get("spec")
    spec_type = spec.get("type") if isinstance(spec, dict) else None
    return Brought(
        ref=entity_ref.of(entity),
        kind=entity["kind"],
        spec_type=spec_type if isinstance(spec_type, str) else None,
        text=json.dumps(entity),
        hash=entities.digest(entities.stable_text(entity)),
        location_key=location_key,
    )


@dataclass(slots=True)
class Collector:
    """Implements ``Emit``."""

    parent: JsonObject
    parent_ref: str
    errors: list[Fault] = field(default_factory=list)
    relations: dict[Relation, None] = field(default_factory=dict)
    brought: list[Brought] = field(default_factory=list)
    refresh_keys: dict[str, None] = field(default_factory=dict)

    def entity(self, entity: JsonObject, location: LocationRef) -> None:
        """Bring another entity."""
        self.take(bring(entity, location, str(entities.annotation(self.parent, entities.ORIGIN))))

    def take(self, found: Brought | Fault) -> None:
        """Bring an entity that is ready, or report why it is not."""
        if isinstance(found, Fault):
            self.errors.append(found)
        elif found.ref == self.parent_ref:
            _log.warning("entity_emitted_itself", entity_ref=found.ref)
        else:
            self.brought.append(found)

    def location(self, location: LocationRef, *, optional: bool = False) -> None:
        """Bring a location to be read."""
        made = entities.location_entity(location, parent=self.parent, presence="optional" if optional else "required")
        self.brought.append(_brought(made, str(entities.annotation(made, entities.MANAGED_BY))))

    def relation(self, source: EntityRef, kind: str, target: EntityRef) -> None:
        """Add one directed relation."""
        self.relations[Relation(str(source), kind, str(target))] = None

    def error(self, message: str, *, name: str = "Error") -> None:
        """Report a problem."""
        self.errors.append(Fault(name, message))

    def refresh_key(self, key: str) -> None:
        """Name something that the entity was made from."""
        self.refresh_keys[key] = None
