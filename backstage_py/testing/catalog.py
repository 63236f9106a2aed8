"""A test kit for catalog plugins: one entity through the real pipeline, without a database or a network.

::

    result = await process(entity, processors=[MyProcessor()], files={"https://host/other.yaml": "…"})
    assert result.relations == {("component:default/web", "ownedBy", "group:default/team-a")}
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from backstage_py.catalog.pipeline.processing import Pipeline
from backstage_py.catalog.pipeline.rules import Rules
from backstage_py.errors import NotFoundError
from backstage_py.model import entity as entities
from backstage_py.model.http import UrlContent
from backstage_py.model.json import JsonObject
from backstage_py.model.location_ref import LocationRef
from backstage_py.plugin.catalog import Processor

__all__ = ["LOCATION", "ProcessedEntity", "process"]

LOCATION = "url:https://host.example/catalog-info.yaml"
"""Where an entity is read from unless its annotations say otherwise."""


@dataclass(frozen=True, slots=True)
class ProcessedEntity:
    """What became of the entity.

    Attributes:
        entity: after all processors.
        problems: messages of what went wrong, ``Name: message``.
        relations: (source, type, target).
        brought: further entities.
    """

    entity: JsonObject
    problems: list[str]
    relations: set[tuple[str, str, str]]
    brought: list[JsonObject]


async def process(
    entity: JsonObject, *, processors: Sequence[Processor] = (), files: Mapping[str, str] | None = None
) -> ProcessedEntity:
    """Process one entity as the catalog does; every kind may come from everywhere.

    Args:
        entity: as it would stand in a file.
        processors: those to test, beside the built-in ones.
        files: texts by URL, for locations and placeholders.

    Problems of the entity are in the answer; a processor that fails is one of them.
    """
    reader = _Files(files or {})
    pipeline = Pipeline(reader, _Everything([]), processors=processors)
    metadata = entity["metadata"]
    place = {entities.MANAGED_BY: LOCATION, entities.ORIGIN: LOCATION}
    annotations = {**place, **(metadata.get("annotations") or {})}
    result = await pipeline.process({**entity, "metadata": {**metadata, "annotations": annotations}})
    return ProcessedEntity(
        entity=result.entity,
        problems=[str(fault) for fault in result.faults],
        relations={(one.source, one.type, one.target) for one in result.relations},
        brought=[one.entity() for one in result.emitted],
    )


class _Everything(Rules):
    def allows(self, kind: str, spec_type: str | None, origin: LocationRef) -> bool:
        del kind, spec_type, origin
        return True


class _Files:
    """Implements ``UrlReader`` over texts."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    async def read(self, url: str, *, etag: str | None = None, token: str | None = None) -> UrlContent | None:
        del etag, token
        if url not in self._files:
            raise NotFoundError(f"The test has no file {url}")
        return UrlContent(self._files[url].encode())

    async def read_tree(
        self, url: str, target: Path, *, etag: str | None = None, token: str | None = None
    ) -> str | None:
        del url, target, etag, token
        raise NotFoundError("The test kit has files only, no folders")

    def resolve(self, url: str, base: str) -> str:
        return urljoin(base, url)

    def same_repository(self, url: str, base: str) -> bool:
        return urljoin(base, url).startswith(urljoin(base, "/"))
