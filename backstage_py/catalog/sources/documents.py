"""YAML text to entities, with the problems that Backstage reports for it."""

from collections.abc import Iterator

from backstage_py.catalog.faults import Fault
from backstage_py.catalog.sources import emitted
from backstage_py.catalog.sources.emitted import Emitted
from backstage_py.js.convert import typeof
from backstage_py.model import yaml
from backstage_py.model.json import JsonObject
from backstage_py.model.location_ref import LocationRef

LARGEST = 10 * 1024 * 1024
"""Bytes of a file with entities; a larger one is refused before it is parsed."""


def parse(content: bytes, location: LocationRef, origin: str) -> list[Emitted | Fault]:
    """Return the entities of a file and its problems, in the order of its documents. Slow: run it in a thread.

    Args:
        content: of the file.
        location: of the file.
        origin: location reference of what somebody registered.
    """
    if len(content) > LARGEST:
        return [too_large(location, len(content))]
    documents = _documents(content.decode("utf-8", errors="replace"), location)
    return [one if isinstance(one, Fault) else emitted.at(one, location, origin) for one in documents]


def too_large(location: LocationRef, size: int) -> Fault:
    """Return the problem of a file that is too large."""
    return Fault(
        "InputError",
        f"The file at {location} has {size / 1024 / 1024:.0f} MiB, and a file with entities may have "
        f"{LARGEST // 1024 // 1024} MiB; split it and list the parts in a Location",
    )


def _documents(text: str, location: LocationRef) -> Iterator[JsonObject | Fault]:
    for document in yaml.load_all(text, filename=str(location)):
        if document.errors:
            yield Fault("Error", f"YAML error at {location}, {document.errors[0]}")
        elif isinstance(document.value, dict):
            yield document.value
        elif document.value is not None:
            yield Fault("Error", f"Expected object at root, got {typeof(document.value)}")
