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
    listed = entities.annotation(entity, ANNOTATION)
    if not isinstance(listed, str):
        return
    ref = entity_ref.of(entity)
    for part in listed.split(",")[:_MOST]:
        found = _INCIDENT.fullmatch(part)
        opened = moment({"at": found[2]}, "at") if found else None
        if found is None or opened is None:
            continue
        yield _event(ref, found[1], opened, PlatformEventType.INCIDENT_OPENED)
        closed = moment({"at": found[3]}, "at")
        if closed is not None:
            yield _event(ref, found[1], closed, PlatformEventType.INCIDENT_CLOSED)


def _event(ref: str, id_: str, at: int, kind: PlatformEventType) -> PlatformEvent:
    return PlatformEvent(
        key=key_of("annotated", kind.value, ref, id_), type=kind, at=at, entity_ref=ref, subject=f"annotated {id_}"
    )
