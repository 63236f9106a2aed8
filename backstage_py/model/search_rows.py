"""What of an entity can be searched: flat keys and values in lower case, as Backstage's search table holds them."""

from collections.abc import Iterator
from dataclasses import dataclass

from backstage_py.errors import InputError
from backstage_py.model.entity_ref import DEFAULT_NAMESPACE
from backstage_py.model.json import Json, JsonObject

LONGEST = 200
"""Longest key, and longest value in characters; of a longer value only the presence is searchable."""

_NOT_WALKED = frozenset(
    {
        "attachments",
        "relations",
        "status",
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "metadata.etag",
    }
)


@dataclass(frozen=True, slots=True)
class SearchRows:
    """``values``: (key, value in lower case, value as written); ``nulls``: keys that are there without a value."""

    values: list[tuple[str, str, str]]
    nulls: list[str]


def of(entity: JsonObject) -> SearchRows:
    """Return the rows of a stitched entity.

    Raises:
        InputError: two keys differ in case only, so that a filter could not tell them apart.
    """
    metadata = entity["metadata"]
    flat: list[tuple[str, Json]] = []
    _walk("", entity, flat, set())
    flat.append(("metadata.name", metadata["name"]))
    flat.append(("metadata.namespace", metadata.get("namespace") or DEFAULT_NAMESPACE))
    flat.append(("metadata.uid", metadata.get("uid")))
    flat.extend((f"relations.{relation['type']}", relation["targetRef"]) for relation in entity.get("relations") or ())
    _refuse_case_twins([key for key, _ in flat])
    values: dict[tuple[str, str], str] = {}
    nulls: dict[str, None] = {}
    for written_key, value in flat:
        key = written_key.lower()
        if len(key) > LONGEST:
            continue
        text = None if value is None else js_text(value)
        if text is None or len(text) > LONGEST:
            nulls[key] = None
        else:
            values.setdefault((key, text.lower()), text)
    return SearchRows([(key, value, text) for (key, value), text in values.items()], list(nulls))


def js_text(value: Json) -> str:
    """Return a string, number or boolean as ``String(value)`` of JavaScript."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:  # noqa: PLR2004  # then JavaScript turns to exponents
        return str(int(value))
    return str(value)


def _walk(path: str, value: Json, flat: list[tuple[str, Json]], seen: set[str]) -> None:
    if path in _NOT_WALKED:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            _walk(f"{path}.{key}" if path else key, item, flat, seen)
    elif isinstance(value, list):
        for item in value:
            _walk(path, item, flat, seen)
            if isinstance(item, str):
                key = f"{path}.{item}"
                if key.lower() not in seen:
                    seen.add(key.lower())
                    flat.append((key, True))
    else:
        flat.append((path, value))


def _refuse_case_twins(keys: list[str]) -> None:
    distinct = dict.fromkeys(keys)
    if len({key.lower() for key in distinct}) == len(distinct):
        return
    twins = ", ".join(f"'{key}'" for key in _twins(distinct))
    raise InputError(f"Entity has duplicate keys that vary only in casing, {twins}")


def _twins(keys: dict[str, None]) -> Iterator[str]:
    seen: set[str] = set()
    for key in keys:
        lower = key.lower()
        if lower in seen:
            yield lower
        seen.add(lower)
