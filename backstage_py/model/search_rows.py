"""What of an entity can be searched: flat keys and values in lower case, as Backstage's search table holds them."""

from dataclasses import dataclass

from backstage_py.errors import InputError
from backstage_py.js.convert import to_string
from backstage_py.model.entity_ref import DEFAULT_NAMESPACE
from backstage_py.model.json import Json, JsonObject

LONGEST = 200
"""Longest key, and longest value in characters; of a longer value only the presence is searchable."""

_NUL = "\0"  # no database looks for it, and PostgreSQL does not even store it

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
    rows = _Rows()
    for name, value in entity.items():
        rows.walk(name, value)
    rows.add("metadata.name", metadata["name"])
    rows.add("metadata.namespace", metadata.get("namespace") or DEFAULT_NAMESPACE)
    rows.add("metadata.uid", metadata.get("uid"))
    for relation in entity.get("relations") or ():
        rows.add(f"relations.{relation['type']}", relation["targetRef"])
    if rows.twins:
        twins = ", ".join(f"'{key}'" for key in rows.twins)
        raise InputError(f"Entity has duplicate keys that vary only in casing, {twins}")
    return SearchRows([(key, value, text) for (key, value), text in rows.values.items()], list(rows.nulls))


class _Rows:
    def __init__(self) -> None:
        self.values: dict[tuple[str, str], str] = {}
        self.nulls: dict[str, None] = {}
        self.twins: dict[str, None] = {}
        self._written: dict[str, str] = {}  # key in lower case -> as it was written first
        self._listed: set[str] = set()

    def walk(self, path: str, value: Json) -> None:
        if path in _NOT_WALKED:
            return
        if isinstance(value, dict):
            for key, item in value.items():
                self.walk(f"{path}.{key}", item)
        elif isinstance(value, list):
            for item in value:
                self.walk(path, item)
                if isinstance(item, str):
                    self._add_listed(f"{path}.{item}")
        else:
            self.add(path, value)

    def _add_listed(self, path: str) -> None:
        key = path.lower()
        if key not in self._listed:
            self._listed.add(key)
            self.add(path, value=True)

    def add(self, path: str, value: Json) -> None:
        key = path.lower()
        if self._written.setdefault(key, path) != path:
            self.twins[key] = None
        if len(key) > LONGEST or _NUL in key:
            return
        if value is None:
            self.nulls[key] = None
            return
        text = value if isinstance(value, str) else to_string(value)
        if len(text) > LONGEST or _NUL in text:
            self.nulls[key] = None
        else:
            self.values.setdefault((key, text.lower()), text)
