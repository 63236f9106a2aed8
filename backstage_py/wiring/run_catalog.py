"""The catalog of one run: the entities that it was given and what it registers, and nothing else."""

import hashlib
from collections.abc import Iterable, Sequence

from backstage_py.errors import ConflictError, InputError
from backstage_py.model import entity_ref, yaml
from backstage_py.model.json import JsonObject
from backstage_py.plugin.services import UrlReader


class RunCatalog:
    """Implements ``backstage_py.plugin.services.CatalogClient`` in memory.

    Args:
        reader: reads what is registered.
        entities: that are there from the beginning.
    """

    def __init__(self, reader: UrlReader, *, entities: Iterable[JsonObject] = ()) -> None:
        self._reader = reader
        self._entities: dict[str, JsonObject] = {entity_ref.of(one): one for one in entities}
        self._locations: set[str] = set()

    async def entities_by_refs(self, refs: Sequence[str], *, token: str | None) -> list[JsonObject | None]:  # noqa: ARG002  # one user
        """Return what is there."""
        return [self._entities.get(ref.lower()) for ref in refs]

    async def add_location(self, target: str, *, token: str | None, type: str = "url") -> JsonObject:  # noqa: A002
        """Read a catalog file and keep its entities."""
        if target in self._locations:
            raise ConflictError(f"Location {type}:{target} already exists")
        answer = await self.preview_location(target, token=token, type=type)
        self._locations.add(target)
        self._entities |= {entity_ref.of(one): one for one in answer["entities"]}
        return answer

    async def preview_location(self, target: str, *, token: str | None, type: str = "url") -> JsonObject:  # noqa: A002, ARG002  # the protocol's names
        """Read a catalog file."""
        content = await self._reader.read(target)
        entities = _entities(content.content if content else b"", target)
        location = {"id": hashlib.sha256(target.encode()).hexdigest()[:32], "type": type, "target": target}
        return {"exists": target in self._locations, "location": location, "entities": entities}

    async def refresh(self, entity_ref: str, *, token: str | None) -> None:
        """Do nothing: what is here is as fresh as it was read."""


def _entities(data: bytes, target: str) -> list[JsonObject]:
    found: list[JsonObject] = []
    for document in yaml.load_all(data, filename=target):
        if (error := document.error()) is not None:
            raise InputError(str(error))
        if isinstance(document.value, dict):
            found.append(document.value)
    return found
