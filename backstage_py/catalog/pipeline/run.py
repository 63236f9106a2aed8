"""The state of one run: the entity's origin, what was emitted, and what is kept for the next run."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backstage_py.catalog.pipeline.collector import Collector
from backstage_py.catalog.pipeline.core import Subject
from backstage_py.catalog.pipeline.results import PipelineResult
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin.catalog import ProcessingContext, Processor

_ETAGS = "etags"
_CACHES = "caches"


@dataclass(slots=True)
class Run:
    """One entity on its way through reads and plugins.

    Attributes:
        conditional: the last result is still valid; when nothing has changed, say so and do no more.
        etags: of targets by location, as the last run remembered them; ``new_etags`` for the next one.
    """

    subject: Subject
    collector: Collector
    conditional: bool
    etags: Mapping[str, str]
    caches: Mapping[str, Mapping[str, Json]]
    new_etags: dict[str, str] = field(default_factory=dict)
    _new_caches: dict[str, dict[str, Json]] = field(default_factory=dict)

    @classmethod
    def of(cls, entity: JsonObject, subject: Subject, state: JsonObject, *, conditional: bool) -> "Run":
        """Begin with the state that the last run returned."""
        collector = Collector(entity, subject.ref)
        return cls(subject, collector, conditional, state.get(_ETAGS) or {}, state.get(_CACHES) or {})

    def context_for(self, processor: Processor) -> ProcessingContext:
        """Return what a processor of a plugin is given."""
        cache = self._new_caches.setdefault(processor.name, dict(self.caches.get(processor.name) or {}))
        return ProcessingContext(self.subject.location, self.subject.origin, self.collector, cache)

    def result(self, entity: JsonObject) -> PipelineResult:
        """Return what became of the entity."""
        return PipelineResult(
            entity=entity,
            faults=tuple(self.collector.errors),
            relations=tuple(self.collector.relations),
            emitted=tuple(self.collector.emitted),
            refresh_keys=tuple(self.collector.refresh_keys),
            state=self._new_state(),
        )

    def _new_state(self) -> JsonObject:
        state: JsonObject = {}
        if self.new_etags:
            state[_ETAGS] = self.new_etags
        if caches := {name: cache for name, cache in self._new_caches.items() if cache}:
            state[_CACHES] = caches
        return state
