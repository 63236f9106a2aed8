"""The entities that a form's pickers offer and runs find: those of test files or catalog files, else made-up."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from backstage_py.errors import InputError
from backstage_py.lint import files
from backstage_py.lint.discovery import candidates
from backstage_py.model import entity_ref, search_rows, yaml
from backstage_py.model.json import Json, JsonObject

_MOST = 2_000
_NO_CHOICE = frozenset({"template", "location"})
_MADE_UP = {
    "group": (("platform", "Platform"), ("payments", "Payments"), ("web", "Web")),
    "user": (("guest", "Guest"), ("jane.doe", "Jane Doe")),
    "component": (("shop", "Shop"), ("checkout", "Checkout")),
    "system": (("commerce", "Commerce"),),
    "domain": (("retail", "Retail"),),
    "api": (("orders", "Orders API"),),
    "resource": (("orders-db", "Orders database"),),
}
_KINDS = {"api": "API"}


def offered(known: Sequence[JsonObject], wanted: Json) -> JsonObject:
    """Return the entities that a picker offers.

    Args:
        known: all that there are.
        wanted: ``catalogFilter`` of the picker: an object of keys and values, or a list of such; None for all.

    Returns:
        ``entities``, each ``{ref, title, description, type, tags}``, and ``madeUp``: none is like that.

    Raises:
        InputError: the filter has another shape.
    """
    filters = _filters(wanted)
    found = [one for one in known if _is_wanted(one, filters)][:_MOST]
    made_up = [] if found else [one for one in _made_up() if _is_kind(one, filters)]
    return {"entities": [_shown(one) for one in found or made_up], "madeUp": bool(made_up)}


def of(folder: Path) -> Iterator[JsonObject]:
    """Yield the entities of a folder's catalog files; what cannot be read is left to ``validate``."""
    for one in candidates([folder]):
        read = files.read_text(one.path, one.file)
        if one.template or read.unreadable:
            continue
        for document in yaml.load_all(read.text):
            value = document.value
            if not document.errors and _is_entity(value) and value["kind"].lower() not in _NO_CHOICE:
                yield value


def _is_entity(value: Json) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        return False
    metadata = value.get("metadata")
    return isinstance(metadata, dict) and isinstance(metadata.get("name"), str)


def _filters(wanted: Json) -> list[JsonObject]:
    listed = wanted if isinstance(wanted, list) else [] if wanted is None else [wanted]
    if not all(isinstance(one, dict) for one in listed):
        raise InputError("catalogFilter must be an object, or a list of objects")
    return listed


def _is_wanted(entity: JsonObject, filters: Sequence[JsonObject]) -> bool:
    try:
        rows = search_rows.of(entity)
    except InputError:  # a file that validate complains about
        return False
    values: dict[str, set[str]] = {}
    for key, value, _ in rows.values:
        values.setdefault(key, set()).add(value)
    known = values.keys() | set(rows.nulls)
    return not filters or any(
        all(_holds(values.get(key.lower(), set()), key.lower() in known, value) for key, value in one.items())
        for one in filters
    )


def _holds(values: set[str], is_there: bool, wanted: Json) -> bool:  # noqa: FBT001  # private
    if isinstance(wanted, dict):
        return is_there is (wanted.get("exists") is not False)
    listed = wanted if isinstance(wanted, list) else [wanted]
    return any(str(one).lower() in values for one in listed)


def _is_kind(entity: JsonObject, filters: Sequence[JsonObject]) -> bool:
    """Whether a made-up entity has a kind that is asked for; the other conditions are taken to hold."""
    kinds = [{"kind": one["kind"]} if "kind" in one else {} for one in filters]
    return _is_wanted(entity, kinds)


def _made_up() -> Iterator[JsonObject]:
    for kind, listed in _MADE_UP.items():
        for name, title in listed:
            yield {"kind": _KINDS.get(kind, kind.capitalize()), "metadata": {"name": name, "title": title}}


def _shown(entity: JsonObject) -> JsonObject:
    metadata, spec = entity["metadata"], _object(entity.get("spec"))
    profile = _object(spec.get("profile"))
    return {
        "ref": entity_ref.of(entity),
        "title": metadata.get("title") or profile.get("displayName"),
        "description": metadata.get("description"),
        "type": spec.get("type"),
        "tags": metadata.get("tags") or [],
    }


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}
