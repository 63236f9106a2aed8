"""Misspelled keys: those that are nobody's and look like one of ours."""

from collections.abc import Iterable, Iterator

from backstage_py.model.json import Json, JsonObject
from backstage_py.settings import schema
from backstage_py.settings.description import branch
from backstage_py.settings.merged import Merged, Path
from backstage_py.settings.reading import dotted

_LIKE = 0.8  # of difflib's ratio; below it a key is taken for another plugin's


def warnings(merged: Merged) -> tuple[str, ...]:
    """Return a sentence for each key that is not known and close to a known one."""
    return tuple(_walk(merged, merged.data, schema.app_config(), ()))


def _walk(merged: Merged, data: Json, described: JsonObject, path: Path) -> Iterator[str]:
    if isinstance(data, list):
        for index, item in enumerate(data):
            yield from _walk(merged, item, branch(described).get("items", {}), (*path, index))
        return
    known = branch(described).get("properties")
    if not isinstance(data, dict) or known is None:
        return
    closed = branch(described).get("additionalProperties") is False
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
    import difflib

    found = difflib.get_close_matches(key, list(known), 1, least)
    return found[0] if found else None
