"""Placeholders such as ``{$yaml: ./steps.yaml}``: the catalog replaces them before anything looks at the entity.

Their values are in another file, so they are neither checked nor reported as missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from backstage_py.lint.rule import Path
from backstage_py.model.json import Json, JsonObject

_MARKS = frozenset({"$text", "$json", "$yaml", "$openapi", "$asyncapi", "$graphql", "$grpc"})


@dataclass(frozen=True, slots=True)
class Pruned:
    """An entity without the list items that are placeholders.

    Attributes:
        kept: by the path of a list that has lost items, the positions of those that are left.
    """

    value: JsonObject
    kept: Mapping[Path, tuple[int, ...]]

    def original(self, path: Path) -> Path:
        """Return where in the whole entity something of this one stands."""
        found: Path = ()
        for part in path:
            positions = self.kept.get(found)
            known = positions is not None and isinstance(part, int) and part < len(positions)
            found = (*found, positions[part] if positions is not None and known and isinstance(part, int) else part)
        return found


def is_placeholder(value: Json) -> bool:
    """Say whether a value stands for the content of another file."""
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in _MARKS


def within(value: Json) -> bool:
    """Say whether a value is, or has somewhere below it, a placeholder."""
    if isinstance(value, list):
        return any(within(item) for item in value)
    return isinstance(value, dict) and (is_placeholder(value) or any(within(item) for item in value.values()))


def leads_to_placeholder(value: Json, path: Path) -> bool:
    """Say whether a path leads to, or through, a placeholder."""
    for part in path:
        if is_placeholder(value):
            return True
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return False
    return is_placeholder(value)


def pruned(entity: JsonObject) -> Pruned:
    """Return an entity for a schema to look at; placeholders that are values of a key stay where they are."""
    kept: dict[Path, tuple[int, ...]] = {}
    value: JsonObject = _prune(entity, (), kept) if within(entity) else entity
    return Pruned(value, kept)


def _prune(value: Json, path: Path, kept: dict[Path, tuple[int, ...]]) -> Json:
    if isinstance(value, dict):
        return {key: _prune(item, (*path, key), kept) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    positions = tuple(index for index, item in enumerate(value) if not is_placeholder(item))
    if len(positions) < len(value):
        kept[path] = positions
    return [_prune(value[index], (*path, index), kept) for index in positions]
