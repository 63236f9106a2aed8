"""What a location would bring, without storing anything: ``POST /locations?dryRun=true``."""

import asyncio

from backstage_py.catalog.pipeline.processing import Pipeline
from backstage_py.errors import InputError
from backstage_py.model import entity as entities
from backstage_py.model import entity_ref
from backstage_py.model.json import JsonObject
from backstage_py.model.location_ref import LocationRef

MOST_READS = 200
"""How many files one request for a preview may have read."""

_MOST = 10_000
_SECONDS = 60.0


async def entities_of(pipeline: Pipeline, location: LocationRef) -> list[JsonObject]:
    """Return the processed entities, the Location entity first.

    Raises:
        InputError: anything is wrong with any of them, or reading them takes longer than a minute.
    """
    try:
        async with asyncio.timeout(_SECONDS):
            return await _entities_of(pipeline, location)
    except TimeoutError as error:
        raise InputError(f"Reading what the location brings takes longer than {_SECONDS:.0f} seconds") from error


async def _entities_of(pipeline: Pipeline, location: LocationRef) -> list[JsonObject]:
    root = entities.location_entity(location)
    root["metadata"] = {
        "name": root["metadata"]["name"],
        "namespace": entity_ref.DEFAULT_NAMESPACE,
        "annotations": root["metadata"]["annotations"],
    }
    waiting: list[JsonObject] = [root]
    found: dict[str, JsonObject] = {}
    while waiting:
        result = await pipeline.process(waiting.pop())
        if result.faults:
            raise InputError(", ".join(map(str, result.faults)))
        ref = entity_ref.of(result.entity)
        if ref in found:
            raise InputError(f"Duplicate nested entity: {ref}")
        found[ref] = result.entity
        if len(found) > _MOST:
            raise InputError(f"The location brings more than {_MOST} entities; register it without a preview")
        waiting += [one.entity() for one in result.emitted]
    return list(found.values())
