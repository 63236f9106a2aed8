"""Misspelled keys: those that are nobody's and look like one of ours."""

import difflib
from collections.abc import Iterable, Iterator

from backstage_py import bundled
from backstage_py.model.json import Json, JsonObject
from backstage_py.settings.merged import Merged, Path
from backstage_py.settings.reading import dotted

_LIKE = 0.8  # of difflib's ratio; below it a key is taken for another plugin's


def warnings(merged: Merged) -> tuple[str, ...]:
    """Return a sentence for each key that is not known and close to a known one."""
    return tuple(_walk(merged, merged.data, bundled.schema("app-config"), ()))


def _walk(merged: Merged, data: Json, schema: JsonObject, path: Path) -> Iterator[str]:
    if isinstance(data, list):
        for index, item in enumerate(data):
            yield from _walk(merged, item, _inner(schema).get("items", {}), (*path, index))
        return
    known = _inner(schema).get("properties")
    if not isinstance(data, dict) or known is None:
        return
    closed = _inner(schema).get("additionalProperties") is False
    for key, value in data.items():
        if key in known:
            yield from _walk(merged, value, known[key], (*path, key))
            continue
        near = nearest(key, known, 0.0 if closed else _LIKE)
        if near:
            place = merged.where((*path, key))
            yield f"Configuration key '{dotted((*path, key))}' in {place} is not known; did you mean '{near}'?"


def nearest(key: str, known: Iterable[str], least: float = _LIKE) -> str | None:
    """Return the known key that another one is taken for a misspelling of."""
    found = difflib.get_close_matches(key, list(known), 1, least)
    return found[0] if found else None


def _inner(schema: JsonObject) -> JsonObject:
    """Return the branch of a schema that describes an object or array."""
    branches = schema.get("anyOf", ())
    return next((one for one in branches if "properties" in one or "items" in one), schema)
