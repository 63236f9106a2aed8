"""The processors of plugins, asked in their order. Whatever they raise becomes the entity's fault, with their name."""

from collections.abc import Sequence

import structlog

from backstage_py.catalog import faults
from backstage_py.catalog.faults import Fault, FaultError
from backstage_py.catalog.pipeline import core
from backstage_py.catalog.pipeline.run import Run
from backstage_py.errors import BackstageError
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.location_ref import LocationRef
from backstage_py.plugin.catalog import Processor

_log = structlog.get_logger(__name__)


class Plugins:
    """Asks processors, which are given in their order."""

    def __init__(self, processors: Sequence[Processor]) -> None:
        self._processors = processors

    def __bool__(self) -> bool:
        return bool(self._processors)

    async def pre_process(self, entity: JsonObject, run: Run) -> JsonObject:
        """Return the entity as the processors changed it before validation.

        Raises:
            FaultError: one failed, as for the other methods.
        """
        for processor in self._processors:
            try:
                entity = _entity(await processor.pre_process(entity, run.context_for(processor)), "pre_process")
            except Exception as error:
                raise _threw(processor, "preprocessing", error) from error
        return entity

    async def validate(self, entity: JsonObject, run: Run) -> bool:
        """Say whether a processor knows the kind."""
        recognised = False
        for processor in self._processors:
            try:
                recognised = await processor.validate_kind(entity) or recognised
            except Exception as error:
                raise core.invalid(processor.name, run.subject.ref, faults.of(error)) from error
        return recognised

    async def read(self, location: LocationRef, run: Run, *, optional: bool) -> None:
        """Have a location read by the first processor that can."""
        for processor in self._processors:
            try:
                if await processor.read_location(location, optional=optional, context=run.context_for(processor)):
                    return
            except Exception as error:
                raise faults.caused(
                    "InputError",
                    f"Processor {processor.name} threw an error while reading {location}",
                    faults.of(error),
                ) from error
        raise FaultError(Fault("InputError", f"No processor was able to handle reading of {location}"))

    async def post_process(self, entity: JsonObject, run: Run) -> JsonObject:
        """Return the entity as the processors changed it after validation."""
        for processor in self._processors:
            try:
                entity = _entity(await processor.post_process(entity, run.context_for(processor)), "post_process")
            except Exception as error:
                raise _threw(processor, "postprocessing", error) from error
        return entity


def _entity(returned: Json, method: str) -> JsonObject:
    """Return what a plugin's method returned; the most common mistake is a missing ``return``."""
    if not isinstance(returned, dict):
        raise TypeError(f"{method} must return the entity, but it returned {type(returned).__name__}")
    entity: JsonObject = returned
    return entity


def _threw(processor: Processor, step: str, error: Exception) -> FaultError:
    """Return the fault for the entity's status; a mistake in the plugin is also logged with its place in the code."""
    if not isinstance(error, BackstageError | ValueError | FaultError):
        _log.warning("processor_failed", processor=processor.name, step=step, exc_info=error)
    return core.threw(processor.name, step, error)
