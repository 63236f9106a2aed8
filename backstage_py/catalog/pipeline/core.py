"""Decisions about one entity, without I/O: fill in, check, find relations, enforce rules.

The built-in processors are functions here. Their names in error texts are those of Backstage, since people search for
them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from backstage_py.catalog import faults
from backstage_py.catalog.faults import Fault, FaultError
from backstage_py.catalog.pipeline import processor_options
from backstage_py.catalog.pipeline.annotations import Annotator
from backstage_py.catalog.pipeline.results import PipelineResult
from backstage_py.catalog.pipeline.rules import Rules
from backstage_py.catalog.sources import placeholders
from backstage_py.catalog.sources.emitted import Emitted
from backstage_py.errors import InputError
from backstage_py.model import entity as entities
from backstage_py.model import entity_ref, entity_relations, entity_schema, location_ref
from backstage_py.model.entity_relations import Relation
from backstage_py.model.json import JsonObject
from backstage_py.model.location_ref import LocationRef


@dataclass(frozen=True, slots=True)
class Subject:
    """Which entity is processed, and where it comes from."""

    ref: str
    location: LocationRef
    origin: LocationRef


def is_plain(ref: str, text: bytes) -> bool:
    """Say whether the built-in processors need nothing but the entity itself."""
    return not ref.startswith("location:") and not placeholders.may_have(text)


class Core:
    """The decisions, as methods in the order in which they are made.

    Args:
        annotator: adds annotations.
        rules: decide which kinds may come from where.
        disabled: names of built-in processors that do not take part.
    """

    def __init__(self, annotator: Annotator, rules: Rules, disabled: frozenset[str]) -> None:
        self._annotator = annotator
        self._rules = rules
        self._disabled = disabled

    def process(self, entity: JsonObject) -> PipelineResult:
        """Process a plain entity. Safe in any thread."""
        current = entity
        try:
            subject = self.open(entity)
            current = self.fill(entity, subject)
            current = self.enforce_policy(current)
            self.require_kind(subject, recognised=self.check(current, subject))
            relations = self.relate(current)
        except FaultError as error:
            return PipelineResult(current, (error.fault,), is_ended=True)
        return PipelineResult(current, relations=tuple(relations))

    def open(self, entity: JsonObject) -> Subject:
        """Return which entity this is.

        Raises:
            FaultError: it is no entity, or does not say where it comes from.
        """
        if problem := entity_schema.envelope_problem(entity):
            raise faults.caused(
                "InputError",
                "Entity envelope failed validation before processing",
                Fault("TypeError", problem.full_message()),
            )
        ref = entity_ref.of(entity)
        return Subject(ref, _location(entity, ref, entities.MANAGED_BY), _location(entity, ref, entities.ORIGIN))

    def fill(self, entity: JsonObject, subject: Subject) -> JsonObject:
        """Return the entity with sorted references and annotations."""
        entity = _sort_references(entity)
        if processor_options.ANNOTATIONS in self._disabled:
            return entity
        return self._annotator.annotate(entity, subject.location, subject.origin)

    def enforce_policy(self, entity: JsonObject) -> JsonObject:
        """Return the entity with a namespace.

        Raises:
            FaultError: a field is not as the policy wants it.
        """
        ref = entity_ref.of(entity)
        if "namespace" not in entity["metadata"]:
            entity = {**entity, "metadata": {"namespace": entity_ref.DEFAULT_NAMESPACE, **entity["metadata"]}}
        if problem := entity_schema.policy_problem(entity):
            raise faults.caused("InputError", f"Policy check failed for {ref}", Fault("Error", problem))
        return entity

    def check(self, entity: JsonObject, subject: Subject) -> bool:
        """Say whether the kind is a built-in one.

        Raises:
            FaultError: it is and the entity is wrong, or this is another entity than before.
        """
        if entity_ref.of(entity) != subject.ref:
            raise FaultError(
                Fault("ConflictError", "Fatal: The entity kind, namespace, or name changed during processing")
            )
        name = _processor(entity)
        if name in self._disabled:
            return False
        try:
            problem = entity_schema.kind_problem(entity)
        except LookupError:
            return False
        if problem:
            raise invalid(name, subject.ref, Fault("TypeError", problem.full_message()))
        return True

    def require_kind(self, subject: Subject, *, recognised: bool) -> None:
        """Raise FaultError if nobody knows the kind."""
        if not recognised:
            raise FaultError(
                Fault(
                    "InputError",
                    f"No processor recognized the entity {subject.ref} as valid, possibly caused by a foreign kind or "
                    "apiVersion",
                )
            )

    def relate(self, entity: JsonObject) -> dict[Relation, None]:
        """Return the relations of a built-in kind, in both directions.

        Raises:
            FaultError: a field that names another entity cannot be read.
        """
        name = _processor(entity)
        if name in self._disabled:
            return {}
        try:
            return dict.fromkeys(entity_relations.of(entity))
        except InputError as error:
            kind = "TypeError" if "was not on the form" in error.message else "Error"
            raise threw(name, "postprocessing", Fault(kind, error.message)) from error

    def enforce_rules(self, emitted: Iterable[Emitted], subject: Subject) -> None:
        """Raise FaultError if an entity may not come from there."""
        for one in emitted:
            if not self._rules.allows(one.kind, one.spec_type, subject.origin):
                raise FaultError(
                    Fault(
                        "NotAllowedError",
                        f"Entity {one.ref} at {subject.location}, originated at {subject.origin}, is not of an allowed "
                        "kind for that location",
                    )
                )


def invalid(processor: str, ref: str, cause: Fault) -> FaultError:
    """Return the fault of an entity that a processor knows and finds wrong."""
    if cause.name == "Error":
        cause = Fault("TypeError", cause.message, cause.cause)
    return faults.caused("InputError", f"Processor {processor} threw an error while validating the entity {ref}", cause)


def threw(processor: str, step: str, error: Exception | Fault) -> FaultError:
    """Return the fault of a processor that failed."""
    cause = error if isinstance(error, Fault) else faults.of(error)
    return faults.caused("InputError", f"Processor {processor} threw an error while {step}", cause)


def _processor(entity: JsonObject) -> str:
    return processor_options.TEMPLATES if entity["kind"] == "Template" else processor_options.BUILTIN_KINDS


def _location(entity: JsonObject, ref: str, annotation: str) -> LocationRef:
    text = entities.annotation(entity, annotation)
    if not text:
        raise FaultError(Fault("InputError", f"Entity '{ref}' does not have the annotation {annotation}"))
    try:
        return location_ref.parse(text)
    except ValueError as error:
        raise FaultError(Fault("TypeError", str(error))) from error


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
