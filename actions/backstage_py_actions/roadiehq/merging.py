"""Merging plain data as the original does with lodash's ``mergeWith``: objects by key, lists by one of two rules."""

from backstage_py.plugin import InputError, Json, JsonObject


def merged(target: Json, addition: Json, *, append: bool) -> Json:
    """Merge ``addition`` into ``target`` and return it; the target is changed.

    Objects are merged member by member. Where the target has a list, the addition takes its place, or with ``append``
    what is not in it yet is put at its end: equal texts and numbers once, objects and lists always, as the original
    compares those by identity. At the top, lists are merged index by index.

    Raises:
        InputError: one is a list at the top and the other is not, the addition is neither object nor list, or both
        are nested too deeply.
    """
    try:
        return _merged(target, addition, append=append)
    except RecursionError as error:
        raise InputError("The data is nested too deeply to be merged") from error


def _merged(target: Json, addition: Json, *, append: bool) -> Json:
    if addition is None:
        return target
    if target is None:
        target = [] if isinstance(addition, list) else {}
    if isinstance(target, dict) and isinstance(addition, dict):
        _into(target, addition, append=append)
    elif isinstance(target, list) and isinstance(addition, list):
        for index, item in enumerate(addition):
            if index < len(target):
                target[index] = _member(target[index], item, append=append)
            else:
                target.append(item)
    else:
        raise InputError(f"The content cannot be merged: the file holds {_kind(target)}, the content {_kind(addition)}")
    return target


def _into(target: JsonObject, addition: JsonObject, *, append: bool) -> None:
    for name, value in addition.items():
        target[name] = _member(target[name], value, append=append) if name in target else value


def _member(old: Json, new: Json, *, append: bool) -> Json:
    if isinstance(old, list):
        return _appended(old, new if isinstance(new, list) else [new]) if append else new
    if isinstance(old, dict) and isinstance(new, dict):
        _into(old, new, append=append)
        return old
    return new


def _appended(old: list[Json], new: list[Json]) -> list[Json]:
    """Add to a list in place, so that what else hangs on it (comments) stays; drop equal scalars, also old ones."""
    seen: set[tuple[type, Json]] = set()
    kept: list[Json] = []
    for item in (*old, *new):
        if isinstance(item, dict | list):
            kept.append(item)
            continue
        key = (bool if isinstance(item, bool) else str if isinstance(item, str) else float, item)
        if key not in seen:
            seen.add(key)
            kept.append(item)
    if kept[: len(old)] == old:
        old.extend(kept[len(old) :])
    else:
        old[:] = kept
    return old


def _kind(value: Json) -> str:
    return "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else "a single value"
