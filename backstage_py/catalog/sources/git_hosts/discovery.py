"""What the providers of repositories share: entities of locations, tests of names, and texts deep in events."""

from collections.abc import Callable

from backstage_py.js import regex
from backstage_py.model import entity as entities
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.location_ref import LocationRef


def location(url: str, presence: str | None = None) -> JsonObject:
    """Return the entity that stands for a file."""
    return entities.location_entity(LocationRef("url", url), presence=presence)


def whole(pattern: str | None) -> Callable[[str], bool]:
    """Return the test of whether a pattern fits a whole text; without one, anything does."""
    if pattern is None:
        return lambda _: True
    start = "" if pattern.startswith("^") else "^"
    end = "" if pattern.endswith("$") else "$"
    return regex.tester(f"{start}{pattern}{end}")


def part(pattern: str | None) -> Callable[[str], bool]:
    """Return the test of whether a pattern fits somewhere in a text; without one, anything does."""
    return regex.tester(pattern) if pattern is not None else lambda _: True


def named(told: Json, *path: str) -> str:
    """Return a text or number that is deep in an event as text; empty when it is not there."""
    for one in path:
        told = told.get(one) if isinstance(told, dict) else None
    return str(told) if isinstance(told, str | int) and not isinstance(told, bool) else ""


def listed(told: Json, *path: str) -> list[Json]:
    """Return a list that is deep in an event; empty when it is not there."""
    for one in path:
        told = told.get(one) if isinstance(told, dict) else None
    return told if isinstance(told, list) else []
