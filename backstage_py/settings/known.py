"""The described keys as a tree, in which the answer to any key of a configuration is looked up."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from backstage_py.model.json import JsonObject
from backstage_py.settings.description import Each, Key, Section, branch, keys_of
from backstage_py.settings.kinds import Kind
from backstage_py.settings.sections import Settings


@dataclass(slots=True)
class Node:
    """A place in the configuration.

    Attributes:
        key: what is said of it; None of a section that is only on the way to others.
        names: what may stand in it.
        any: what stands in it under every other name.
        items: what its array holds.
        is_closed: whether nothing else may stand in it.
    """

    key: Key | None = None
    names: dict[str, "Node"] = field(default_factory=dict)
    any: "Node | None" = None
    items: "Node | None" = None
    is_closed: bool = False

    @property
    def is_unread(self) -> bool:
        """Whether nothing here reads it; what is below may be read all the same."""
        return self.key is not None and bool(self.key.without_effect or self.key.owner)

    @property
    def is_opaque(self) -> bool:
        """Whether it is taken as it is, whatever it holds."""
        return self.key is not None and not (self.names or self.any or self.items or self.is_closed)

    def below(self, name: str | int) -> "Node | None":
        """Return what stands in it under a name or at an index."""
        return self.items if isinstance(name, int) else self.names.get(name, self.any)


@cache
def tree() -> Node:
    """Return the root; do not change it."""
    root = Node()
    _add(root, keys_of(Settings))
    return root


def node(path: Iterable[str | int]) -> Node | None:
    """Return the node of a path, or the one above it that answers for all below; None for what is not known."""
    found: Node | None = tree()
    for part in path:
        if found is None or (found.key is not None and (found.is_opaque or found.is_unread) and not found.names):
            return found
        found = found.below(part)
    return found


def _add(root: Node, keys: Iterable[Key]) -> None:
    for one in keys:
        place = root
        for part in one.path.split("."):
            name = part.removesuffix("[]")
            place = _any(place) if name == "*" else place.names.setdefault(name, Node())
            if part.endswith("[]"):
                place = _items(place)
        if place.key is None or place.is_unread:
            place.key = one
        _inside(place, one.kind)


def _inside(place: Node, kind: Kind[Any] | Section | Each) -> None:
    if isinstance(kind, Section):
        _add(place, keys_of(kind.cls))
        place.is_closed = kind.is_closed
    elif isinstance(kind, Each):
        items = _items(place)
        _add(items, keys_of(kind.cls))
        items.is_closed = kind.is_closed
        if kind.may_be_one:
            _add(place, keys_of(kind.cls))
    else:
        _shape(place, branch(kind.schema))


def _shape(place: Node, schema: JsonObject) -> None:
    """Add what the schema of a single value says about its inside: the units of a duration, a closed array."""
    for name in schema.get("properties", ()):
        place.names.setdefault(name, Node(Key(name)))
    place.is_closed |= schema.get("additionalProperties") is False
    if schema.get("items", {}).get("additionalProperties") is False:
        _items(place).is_closed = True


def _any(place: Node) -> Node:
    place.any = place.any or Node()
    return place.any


def _items(place: Node) -> Node:
    place.items = place.items or Node()
    return place.items
