"""Entities as plain JSON objects, the annotations that the catalog writes, and their stable text."""

import hashlib

import orjson

from backstage_py.model import location_ref
from backstage_py.model.json import Json, JsonObject, carried, normalise
from backstage_py.model.location_ref import LocationRef

MANAGED_BY = "backstage.io/managed-by-location"
ORIGIN = "backstage.io/managed-by-origin-location"
SOURCE = "backstage.io/source-location"
VIEW_URL = "backstage.io/view-url"
EDIT_URL = "backstage.io/edit-url"
ORPHAN = "backstage.io/orphan"

_STABLE = orjson.OPT_SORT_KEYS


def of_text(text: bytes) -> Json:
    """Return the value of JSON text that this service wrote; its numbers are normal already."""
    return orjson.loads(text)


def stable_text(value: Json) -> bytes:
    """Return JSON text with sorted keys: equal values have equal text."""
    try:
        return orjson.dumps(value, option=_STABLE)
    except TypeError:  # numbers beyond 64 bits, or halves of surrogate pairs
        return orjson.dumps(carried(normalise_large(value)), option=_STABLE)


def normalise_large(value: Json) -> Json:
    """Return the value with whole numbers that JSON parsers of JavaScript cannot hold as the nearest float."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**63 else float(value)
    if isinstance(value, dict):
        return {key: normalise_large(item) for key, item in value.items()}
    if isinstance(value, list):
        return [normalise_large(item) for item in value]
    return normalise(value)


def digest(*texts: bytes) -> str:
    """Return the SHA-1 of texts in 40 hex digits, as ETags of entities are."""
    sha = hashlib.sha1(usedforsecurity=False)
    for text in texts:
        sha.update(text)
    return sha.hexdigest()


def annotation(entity: JsonObject, name: str) -> Json:
    """Return an annotation, None when there is none."""
    annotations = entity["metadata"].get("annotations")
    return annotations.get(name) if isinstance(annotations, dict) else None


def location_entity(
    location: LocationRef, *, parent: JsonObject | None = None, presence: str | None = None, name: str | None = None
) -> JsonObject:
    """Return the Location entity that stands for a location.

    Args:
        location: what to read.
        parent: the entity that named the location; its own location and origin are inherited.
        presence: ``optional`` when nothing may be there.
        name: of the entity, when it must differ from the one made of the location.
    """
    own = annotation(parent, MANAGED_BY) if parent else str(location)
    origin = annotation(parent, ORIGIN) if parent else str(location)
    spec = {"type": location.type, "target": location.target}
    if presence:
        spec["presence"] = presence
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Location",
        "metadata": {
            "name": name or location_ref.generated_name(location.type, location.target),
            "annotations": {MANAGED_BY: own, ORIGIN: origin},
        },
        "spec": spec,
    }
