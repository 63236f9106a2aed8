"""One entity through all processors: what ``core`` decides, with ``reads`` and ``plugins`` between."""

from collections.abc import Sequence

from backstage_py.catalog.faults import FaultError
from backstage_py.catalog.pipeline import core, processor_options
from backstage_py.catalog.pipeline.annotations import Annotator
from backstage_py.catalog.pipeline.core import Core
from backstage_py.catalog.pipeline.plugins import Plugins
from backstage_py.catalog.pipeline.reads import Reads, UnchangedError
from backstage_py.catalog.pipeline.results import PipelineResult
from backstage_py.catalog.pipeline.rules import Rules
from backstage_py.catalog.pipeline.run import Run
from backstage_py.model.json import JsonObject
from backstage_py.plugin.catalog import Processor
from backstage_py.plugin.services import ScmIntegrations, UrlReader
from backstage_py.settings.sections import ProcessorOptions

_ALL_PROCESSORS = ProcessorOptions()


class Pipeline:
    """Processes entities one by one.

    Args:
        url_reader: reads URLs, within what may be read.
        rules: decide which kinds may come from where.
        integrations: the git hosts, for annotations.
        processors: those of plugins, in any order.
        allowed_location_types: types of locations that may be registered.
        options: which processors take part, and their priorities.
        file_roots: folders within which placeholders in files of this machine may lead.
    """

    def __init__(
        self,
        url_reader: UrlReader,
        rules: Rules,
        *,
        integrations: ScmIntegrations | None = None,
        processors: Sequence[Processor] = (),
        allowed_location_types: Sequence[str] = ("url",),
        options: ProcessorOptions = _ALL_PROCESSORS,
        file_roots: Sequence[str] = (),
    ) -> None:
        disabled = frozenset(options.disabled)
        self._plugins = Plugins(processor_options.in_order(processors, options))
        self._reads = Reads(
            url_reader, self._plugins, allowed_types=allowed_location_types, disabled=disabled, file_roots=file_roots
        )
        self._core = Core(Annotator(integrations, url_reader), rules, disabled)

    @property
    def has_plugins(self) -> bool:
        """Whether processors of plugins take part; their results may depend on anything."""
        return bool(self._plugins)

    def is_plain(self, ref: str, text: bytes) -> bool:
        """Say whether processing needs nothing but the entity itself, so that ``process_plain`` is enough."""
        return not self._plugins and core.is_plain(ref, text)

    def process_plain(self, entity: JsonObject) -> PipelineResult:
        """Process an entity that needs nothing else. Safe in any thread."""
        return self._core.process(entity)

    async def process(
        self, entity: JsonObject, state: JsonObject | None = None, *, conditional: bool = False
    ) -> PipelineResult:
        """Process an entity as its source has it.

        Args:
            entity: with its location annotations.
            state: what the last run remembered.
            conditional: the last result is still valid; when nothing has changed, say so and do no more.
        """
        current, run = entity, None
        try:
            subject = self._core.open(entity)
            run = Run.of(entity, subject, state or {}, conditional=conditional)
            filled = self._core.fill(await self._reads.placeholders(entity, run), subject)
            current = await self._plugins.pre_process(filled, run)
            current = self._core.enforce_policy(current)
            recognised = self._core.check(current, subject)
            recognised = await self._plugins.validate(current, run) or recognised
            self._core.require_kind(subject, recognised=recognised)
            if current["kind"] == "Location":
                await self._reads.location(current, run)
            run.collector.relations.update(self._core.relate(current))
            current = await self._plugins.post_process(current, run)
            self._core.enforce_rules(run.collector.emitted, subject)
        except UnchangedError:
            return PipelineResult(current, is_unchanged=True)
        except FaultError as error:
            earlier = run.collector.errors if run else []
            return PipelineResult(current, (*earlier, error.fault), is_ended=True)
        return run.result(current)
