"""Running a template without consequences: no store, no queue, no server; the same steps as for real.

Actions that support a dry run really run, in a folder that is removed afterwards; the rest are explained by an
example of their output. The environment's secrets are not resolved.
"""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from backstage_py import threads
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin import ActionRegistry, CancelSignal, Services, TemplateInfo, Workspace, brief
from backstage_py.scaffolder.face import directory
from backstage_py.scaffolder.face.directory import DirectoryFile
from backstage_py.scaffolder.queue.workspaces import remove_folders
from backstage_py.scaffolder.run import spec as specs
from backstage_py.scaffolder.run.action_gate import ActionGate
from backstage_py.scaffolder.run.journal import ListJournal
from backstage_py.scaffolder.run.rendering import Environment, StepRenderer
from backstage_py.scaffolder.run.runner import Run, RunContext, RunFailed

_FEW = 64
_SMALL = 256 * 1024
TEMPLATE_REF = "template:default/dry-run"


@dataclass(frozen=True, slots=True)
class DryRun:
    """What is to be tried.

    Attributes:
        spec: ``apiVersion, steps, output, parameters, user``; steps have ids and names.
        metadata: of the template.
        secrets: as a task would get them.
        source: the files beside the template: a list, or the folder in which the template's file lies.
    """

    spec: Mapping[str, Json]
    metadata: JsonObject
    secrets: Mapping[str, str] = field(repr=False)
    source: Sequence[DirectoryFile] | Path


@dataclass(frozen=True, slots=True)
class DryRunResult:
    """What would have been. ``log`` holds ``{"body": {message, stepId?, status?}}``."""

    log: Sequence[JsonObject]
    files: Sequence[DirectoryFile]
    output: Json


async def run(
    wanted: DryRun,
    *,
    registry: ActionRegistry,
    services: Services,
    environment: Environment,
    working_directory: Path,
    signal: CancelSignal | None = None,
    journal: ListJournal | None = None,
    gate: ActionGate | None = None,
) -> DryRunResult:
    """Try a template.

    Args:
        wanted: what to try.
        registry: the actions.
        services: what they may use.
        environment: the default environment.
        working_directory: where the run has its folders.
        signal: ends the run.
        journal: where to write, for a caller that follows the run or wants the log of a failure.
        gate: says which actions may run; all of them without one.

    Raises:
        BackstageError: a step failed; the error is the step's, its texts are redacted.
    """
    name = f"dry-run-{uuid.uuid4()}"
    workspace = working_directory / name
    content = working_directory / f"dry-run-content-{uuid.uuid4()}"
    written = not isinstance(wanted.source, Path)
    base = wanted.source if isinstance(wanted.source, Path) else content
    info = TemplateInfo(TEMPLATE_REF, (base.resolve() / "template.yaml").as_uri(), {"metadata": wanted.metadata})
    spec = replace(specs.parse(wanted.spec), template_info=info)
    journal = journal or ListJournal()
    context = RunContext(
        task_id=name,
        spec=spec,
        journal=journal,
        registry=registry,
        renderer=StepRenderer(spec, name, environment, services),
        workspace=Workspace(workspace),
        services=services,
        secrets=wanted.secrets,
        signal=signal or CancelSignal(),
        is_dry_run=True,
        gate=gate,
    )
    folders = [workspace, *([content] if written else [])]
    try:
        await _prepare(workspace, content, wanted.source)
        output = await Run(context).run()
        if gate:
            gate.check_extraction()
        files = await brief.collect(directory.files(workspace))
    except RunFailed as failure:
        raise failure.error from failure
    finally:
        await asyncio.shield(remove_folders(folders))
    return DryRunResult(journal.log, files, output)


async def _prepare(workspace: Path, content: Path, source: Sequence[DirectoryFile] | Path) -> None:
    """Make the folders; a few small files are written at once, since handing them to a thread would take longer."""

    def prepare() -> None:
        workspace.mkdir(parents=True)
        if not isinstance(source, Path):
            directory.write(content, source)

    few = isinstance(source, Path) or (len(source) <= _FEW and sum(len(one.content) for one in source) <= _SMALL)
    if few:
        prepare()
    else:
        await threads.file_work(prepare)
