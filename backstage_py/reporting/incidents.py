"""Incidents that entities carry as an annotation, and their components' repositories.

``backstage-py.io/incidents: INC-7 2026-05-01T10:00Z/2026-05-01T12:30Z, INC-8 2026-06-02T08:00Z/`` names each with the
moments at which it was opened and closed; nothing stands behind the slash while it is open.
"""

import re
from collections.abc import Iterator

from backstage_py.model import entity as entities
from backstage_py.model import entity_ref
from backstage_py.model.json import JsonObject
from backstage_py.model.platform_event import PlatformEvent, PlatformEventType, key_of
from backstage_py.reporting.deliveries.reading import moment

ANNOTATION = "backstage-py.io/incidents"
_MOST = 200
_INCIDENT = re.compile(r"\s*(\S+)\s+([^\s/]+)/(\S*)\s*")


def events(entity: JsonObject) -> Iterator[PlatformEvent]:
    """Yield what the annotation of an entity says; parts that are not of the form say nothing."""
    ref = entity_ref.of(entity)
    for id_, opened, closed in _listed(entity):
        yield _event(ref, id_, opened, PlatformEventType.INCIDENT_OPENED)
        if closed is not None:
            yield _event(ref, id_, closed, PlatformEventType.INCIDENT_CLOSED)


def taken_back(entity: JsonObject) -> list[str]:
    """Return the keys of events that may have been read from an earlier annotation, and that it says no more."""
    ref = entity_ref.of(entity)
    return [_key(PlatformEventType.INCIDENT_CLOSED, ref, id_) for id_, _, closed in _listed(entity) if closed is None]


def _listed(entity: JsonObject) -> Iterator[tuple[str, int, int | None]]:
    """Yield each incident with the moments at which it was opened and closed."""
    listed = entities.annotation(entity, ANNOTATION)
    for part in listed.split(",")[:_MOST] if isinstance(listed, str) else ():
        found = _INCIDENT.fullmatch(part)
        opened = moment({"at": found[2]}, "at") if found else None
        if found and opened is not None:
            yield found[1], opened, moment({"at": found[3]}, "at")


def _event(ref: str, id_: str, at: int, kind: PlatformEventType) -> PlatformEvent:
    return PlatformEvent(key=_key(kind, ref, id_), type=kind, at=at, entity_ref=ref, subject=f"annotated {id_}")


def _key(kind: PlatformEventType, ref: str, id_: str) -> str:
    return key_of("annotated", kind.value, ref, id_)
