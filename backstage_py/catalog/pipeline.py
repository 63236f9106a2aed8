"""One entity through all processors: read what it points to, fill in, validate, find its relations.

The built-in processors are steps here. Their names in error texts are those of Backstage, since people search for them.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from backstage_py.catalog import faults, processor_options
from backstage_py.catalog.annotations import Annotator
from backstage_py.catalog.collector import Brought, Collector
from backstage_py.catalog.faults import Fault, FaultError
from backstage_py.catalog.placeholders import PlaceholderError, Placeholders
from backstage_py.catalog.reading import TargetContent, TargetReader
from backstage_py.catalog.rules import Rules
from backstage_py.errors import BackstageError, InputError
from backstage_py.model import entity as entities
from backstage_py.model import entity_ref, entity_relations, entity_schema, location_ref
from backstage_py.model.entity_relations import Relation
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.location_ref import LocationRef
from backstage_py.plugin.catalog import ProcessingContext, Processor
from backstage_py.plugin.services import UrlReader
from backstage_py.settings.sections import ProcessorOptions

_log = structlog.get_logger(__name__)

_ALL_PROCESSORS = ProcessorOptions()
_ETAGS = "etags"
_CACHES = "caches"


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """What became of an entity.

    Attributes:
        entity: the processed entity; as far as it came when ``faults`` ended its processing.
        faults: what went wrong.
        is_ended: a fault ended processing, so that nothing else can be said.
        is_unchanged: nothing that it was made from has changed; all else is empty.
    """

    entity: JsonObject
    faults: tuple[Fault, ...] = ()
    relations: tuple[Relation, ...] = ()
    brought: tuple[Brought, ...] = ()
    refresh_keys: tuple[str, ...] = ()
    state: JsonObject = field(default_factory=dict)
    is_ended: bool = False
    is_unchanged: bool = False

    @property
    def is_ok(self) -> bool:
        """Whether everything went well."""
        return not self.faults


class _UnchangedError(Exception):
    """Every target of a location says that it has not changed."""


class Pipeline:
    """Processes entities one by one.

    Args:
        reader: reads the targets of locations.
        placeholders: replaces placeholders.
        annotator: adds annotations.
        rules: decide which kinds may come from where.
        url_reader: resolves targets relative to their location.
        processors: those of plugins, in any order.
        options: which processors take part, and their priorities.
    """

    def __init__(
        self,
        *,
        reader: TargetReader,
        placeholders: Placeholders,
        annotator: Annotator,
        rules: Rules,
        url_reader: UrlReader,
        processors: Sequence[Processor] = (),
        allowed_location_types: Sequence[str] = ("url",),
        options: ProcessorOptions = _ALL_PROCESSORS,
    ) -> None:
        self._reader = reader
        self._placeholders = placeholders
        self._annotator = annotator
        self._rules = rules
        self._urls = url_reader
        self._processors = processor_options.in_order(processors, options)
        self._disabled = options.disabled
        self._readable = {type_ for type_, name in processor_options.READERS.items() if name not in options.disabled}
        self._allowed_types = tuple(allowed_location_types)

    @property
    def has_plugins(self) -> bool:
        """Whether processors of plugins take part; their results may depend on anything."""
        return bool(self._processors)

    async def process(
        self,
        entity: JsonObject,
        state: JsonObject | None = None,
        *,
        conditional: bool = False,
        placeholders: bool = True,
    ) -> PipelineResult:
        """Process an entity as its source has it.

        Args:
            entity: with its location annotations.
            state: what the last run remembered.
            conditional: the last result still stands; only tell that nothing has changed, if so.
            placeholders: whether there may be any.
        """
        run = _Run(state or {}, conditional=conditional, placeholders=placeholders)
        current = entity
        try:
            if problem := entity_schema.envelope_problem(entity):
                raise faults.caused(
                    "InputError",
                    "Entity envelope failed validation before processing",
                    Fault("TypeError", problem.in_full()),
                )
            collector = Collector(entity, entity_ref.of(entity))
            run.collector = collector
            location, origin = _locations(entity, collector.parent_ref)
            context = ProcessingContext(location, origin, collector, {})
            current = await self._pre_process(entity, context, run)
            current = _enforce_policy(current)
            await self._validate(current, collector.parent_ref)
            if current["kind"] == "Location":
                await self._read_location(current, context, run)
            current = await self._post_process(current, context, run)
            self._enforce_rules(collector.brought, context)
        except _UnchangedError:
            return PipelineResult(current, is_unchanged=True)
        except FaultError as error:
            earlier = run.collector.errors if run.collector else []
            return PipelineResult(current, (*earlier, error.fault), is_ended=True)
        return PipelineResult(
            entity=current,
            faults=tuple(collector.errors),
            relations=tuple(collector.relations),
            brought=tuple(collector.brought),
            refresh_keys=tuple(collector.refresh_keys),
            state=run.new_state(),
        )

    async def _pre_process(self, entity: JsonObject, context: ProcessingContext, run: "_Run") -> JsonObject:
        result = entity
        if run.placeholders and processor_options.PLACEHOLDERS not in self._disabled:
            try:
                result = await self._placeholders.resolve(entity, context.location, context.emit)
            except PlaceholderError as error:
                raise _threw("PlaceholderProcessor", "preprocessing", error) from error
        result = _sort_references(result)
        if processor_options.ANNOTATIONS not in self._disabled:
            result = self._annotator.annotate(result, context.location, context.origin)
        for processor in self._processors:
            try:
                result = _entity(
                    await processor.pre_process(result, run.context_for(processor, context)), "pre_process"
                )
            except Exception as error:
                raise _threw_in_plugin(processor, "preprocessing", error) from error
        return result

    async def _validate(self, entity: JsonObject, ref: str) -> None:
        if entity_ref.of(entity) != ref:
            raise FaultError(
                Fault("ConflictError", "Fatal: The entity kind, namespace, or name changed during processing")
            )
        recognised = _builtin(entity) not in self._disabled and _validate_builtin(entity, ref)
        for processor in self._processors:
            try:
                recognised = await processor.validate_kind(entity) or recognised
            except Exception as error:
                raise _invalid(processor.name, ref, faults.of(error)) from error
        if not recognised:
            raise FaultError(
                Fault(
                    "InputError",
                    f"No processor recognized the entity {ref} as valid, possibly caused by a foreign kind or "
                    "apiVersion",
                )
            )

    async def _read_location(self, entity: JsonObject, context: ProcessingContext, run: "_Run") -> None:
        spec = entity["spec"]
        type_ = spec.get("type") or context.location.type
        optional = spec.get("presence") == "optional"
        if type_ != context.location.type and type_ not in self._allowed_types:
            listed = ",".join(f'"{one}"' for one in self._allowed_types)
            context.emit.error(f"Registered locations must be of an allowed type [{listed}]", name="InputError")
            return
        targets = [*([spec["target"]] if spec.get("target") else []), *(spec.get("targets") or [])]
        locations = []
        for target in targets:
            if type_ == "file" and target.endswith(os.sep):
                context.emit.error(
                    f"LocationEntityProcessor cannot handle {type_} type location with target "
                    f"{context.location.target} that ends with a path separator",
                    name="InputError",
                )
            else:
                locations.append(LocationRef(type_, self._absolute(context.location, type_, target)))
        if type_ in self._readable:
            await self._read_targets(locations, context, run, optional=optional)
            return
        for location in locations:
            await self._read_by_plugin(location, context, run, optional=optional)

    async def _read_targets(
        self, locations: Sequence[LocationRef], context: ProcessingContext, run: "_Run", *, optional: bool
    ) -> None:
        read = partial(_gather, self._reader, origin=str(context.origin), optional=optional)
        contents = await read(locations, run.etags if run.conditional else {})
        if run.conditional and locations and all(content.unchanged for content in contents):
            raise _UnchangedError
        missed = [location for location, content in zip(locations, contents, strict=True) if content.unchanged]
        again = dict(zip(missed, await read(missed, {}), strict=True))
        for location, content in zip(locations, contents, strict=True):
            self._take(location, again.get(location, content), run.collected(), run)

    @staticmethod
    def _take(location: LocationRef, content: TargetContent, collector: Collector, run: "_Run") -> None:
        if content.fault:
            collector.take(content.fault)
        for file in content.files:
            for one in file.documents:
                collector.take(one)
            collector.refresh_key(str(file.location))
        collector.refresh_key(str(location))
        if content.etag:
            run.new_etags[str(location)] = content.etag

    async def _read_by_plugin(
        self, location: LocationRef, context: ProcessingContext, run: "_Run", *, optional: bool
    ) -> None:
        for processor in self._processors:
            try:
                if await processor.read_location(
                    location, optional=optional, context=run.context_for(processor, context)
                ):
                    return
            except Exception as error:
                raise faults.caused(
                    "InputError",
                    f"Processor {processor.name} threw an error while reading {location}",
                    faults.of(error),
                ) from error
        raise FaultError(Fault("InputError", f"No processor was able to handle reading of {location}"))

    def _absolute(self, base: LocationRef, type_: str, target: str) -> str:
        if base.type != type_:
            return target
        if type_ == "file":
            return os.path.normpath(f"{os.path.dirname(base.target)}/{target}") if target.startswith(".") else target  # noqa: PTH120  # glob patterns are no paths
        if type_ != "url":
            return target
        try:
            return self._urls.resolve(target, base.target)
        except (BackstageError, ValueError):
            return target  # reading it says what is wrong

    async def _post_process(self, entity: JsonObject, context: ProcessingContext, run: "_Run") -> JsonObject:
        collector = run.collected()
        name = _builtin(entity)
        try:
            found = {} if name in self._disabled else dict.fromkeys(entity_relations.of(entity))
        except InputError as error:
            kind = "TypeError" if "was not on the form" in error.message else "Error"
            raise _threw(name, "postprocessing", Fault(kind, error.message)) from error
        collector.relations.update(found)
        for processor in self._processors:
            try:
                entity = _entity(
                    await processor.post_process(entity, run.context_for(processor, context)), "post_process"
                )
            except Exception as error:
                raise _threw_in_plugin(processor, "postprocessing", error) from error
        return entity

    def _enforce_rules(self, brought: Sequence[Brought], context: ProcessingContext) -> None:
        for one in brought:
            if not self._rules.allows(one.kind, one.spec_type, context.origin):
                raise FaultError(
                    Fault(
                        "NotAllowedError",
                        f"Entity {one.ref} at {context.location}, originated at {context.origin}, is not of an allowed "
                        "kind for that location",
                    )
                )


class _Run:
    """What one run carries along."""

    def __init__(self, state: JsonObject, *, conditional: bool, placeholders: bool) -> None:
        self.conditional = conditional
        self.placeholders = placeholders
        self.collector: Collector | None = None
        self.etags: dict[str, str] = state.get(_ETAGS) or {}
        self.new_etags: dict[str, str] = {}
        self._caches: JsonObject = state.get(_CACHES) or {}
        self._new_caches: dict[str, dict[str, Json]] = {}

    def collected(self) -> Collector:
        """Return the collector, which is there as soon as the entity has a reference."""
        if self.collector is None:
            raise RuntimeError("Nothing can be collected before the entity has a reference")
        return self.collector

    def context_for(self, processor: Processor, context: ProcessingContext) -> ProcessingContext:
        cache = self._new_caches.setdefault(processor.name, dict(self._caches.get(processor.name) or {}))
        return ProcessingContext(context.location, context.origin, context.emit, cache)

    def new_state(self) -> JsonObject:
        state: JsonObject = {}
        if self.new_etags:
            state[_ETAGS] = self.new_etags
        if caches := {name: cache for name, cache in self._new_caches.items() if cache}:
            state[_CACHES] = caches
        return state


async def _gather(
    reader: TargetReader, locations: Sequence[LocationRef], etags: dict[str, str], *, origin: str, optional: bool
) -> list[TargetContent]:
    return await asyncio.gather(
        *(
            reader.read(location, origin=origin, optional=optional, etag=etags.get(str(location)))
            for location in locations
        )
    )


def _locations(entity: JsonObject, ref: str) -> tuple[LocationRef, LocationRef]:
    found = []
    for name in (entities.MANAGED_BY, entities.ORIGIN):
        text = entities.annotation(entity, name)
        if not text:
            raise FaultError(Fault("InputError", f"Entity '{ref}' does not have the annotation {name}"))
        try:
            found.append(location_ref.parse(text))
        except ValueError as error:
            raise FaultError(Fault("TypeError", str(error))) from error
    return found[0], found[1]


def _sort_references(entity: JsonObject) -> JsonObject:
    spec = entity.get("spec")
    if not isinstance(spec, dict):
        return entity
    changed = {
        name: sorted(spec[name])
        for name in entity_relations.SORTED_FIELDS
        if isinstance(spec.get(name), list) and all(isinstance(item, str) for item in spec[name])
    }
    return {**entity, "spec": {**spec, **changed}} if changed else entity


def _enforce_policy(entity: JsonObject) -> JsonObject:
    ref = entity_ref.of(entity)
    if "namespace" not in entity["metadata"]:
        entity = {**entity, "metadata": {"namespace": entity_ref.DEFAULT_NAMESPACE, **entity["metadata"]}}
    if problem := entity_schema.policy_problem(entity):
        raise faults.caused("InputError", f"Policy check failed for {ref}", Fault("Error", problem))
    return entity


def _validate_builtin(entity: JsonObject, ref: str) -> bool:
    try:
        problem = entity_schema.kind_problem(entity)
    except LookupError:
        return False
    if problem:
        raise _invalid(_builtin(entity), ref, Fault("TypeError", problem.in_full()))
    return True


def _entity(returned: Json, method: str) -> JsonObject:
    """Return what a plugin's method returned; forgetting to return is the mistake that is made most."""
    if not isinstance(returned, dict):
        raise TypeError(f"{method} must return the entity, but it returned {type(returned).__name__}")
    entity: JsonObject = returned
    return entity


def _threw_in_plugin(processor: Processor, step: str, error: Exception) -> FaultError:
    """Return the fault for the entity's status; a mistake in the plugin is also logged with its place in the code."""
    if not isinstance(error, BackstageError | ValueError | FaultError):
        _log.warning("processor_failed", processor=processor.name, step=step, exc_info=error)
    return _threw(processor.name, step, error)


def _builtin(entity: JsonObject) -> str:
    return processor_options.TEMPLATES if entity["kind"] == "Template" else processor_options.BUILTIN_KINDS


def _invalid(processor: str, ref: str, cause: Fault) -> FaultError:
    if cause.name == "Error":
        cause = Fault("TypeError", cause.message, cause.cause)
    return faults.caused("InputError", f"Processor {processor} threw an error while validating the entity {ref}", cause)


def _threw(processor: str, step: str, error: Exception | Fault) -> FaultError:
    cause = error if isinstance(error, Fault) else faults.of(error)
    return faults.caused("InputError", f"Processor {processor} threw an error while {step}", cause)
