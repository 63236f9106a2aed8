"""What one run of the processors emitted besides the entity itself."""

from dataclasses import dataclass, field

import structlog

from backstage_py.catalog.faults import Fault
from backstage_py.catalog.sources import emitted
from backstage_py.catalog.sources.emitted import Emitted
from backstage_py.model import entity as entities
from backstage_py.model.entity_ref import EntityRef
from backstage_py.model.entity_relations import Relation
from backstage_py.model.json import JsonObject
from backstage_py.model.location_ref import LocationRef

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Collector:
    """Implements ``Emit``."""

    parent: JsonObject
    parent_ref: str
    errors: list[Fault] = field(default_factory=list)
    relations: dict[Relation, None] = field(default_factory=dict)
    emitted: list[Emitted] = field(default_factory=list)
    refresh_keys: dict[str, None] = field(default_factory=dict)

    def entity(self, entity: JsonObject, location: LocationRef) -> None:
        """Add another entity."""
        self.take(emitted.at(entity, location, str(entities.annotation(self.parent, entities.ORIGIN))))

    def take(self, found: Emitted | Fault) -> None:
        """Add an entity that was checked already, or report why it cannot be added."""
        if isinstance(found, Fault):
            self.errors.append(found)
        elif found.ref == self.parent_ref:
            _log.warning("entity_emitted_itself", entity_ref=found.ref)
        else:
            self.emitted.append(found)

    def location(self, location: LocationRef, *, optional: bool = False) -> None:
        """Add a location to be read."""
        made = entities.location_entity(location, parent=self.parent, presence="optional" if optional else "required")
        self.emitted.append(emitted.of(made, str(entities.annotation(made, entities.MANAGED_BY))))

    def relation(self, source: EntityRef, kind: str, target: EntityRef) -> None:
        """Add one directed relation."""
        self.relations[Relation(str(source), kind, str(target))] = None

    def error(self, message: str, *, name: str = "Error") -> None:
        """Report a problem."""
        self.errors.append(Fault(name, message))

    def refresh_key(self, key: str) -> None:
        """Name something that the entity was made from."""
        self.refresh_keys[key] = None
