"""Running a template without consequences; the same steps as for real (``oneoff``).

Actions that support a dry run really run, in a folder that is removed afterwards; the rest are explained by an
example of their output. The environment's secrets are not resolved.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin import CancelSignal, TemplateInfo
from backstage_py.scaffolder.face import oneoff
from backstage_py.scaffolder.face.directory import DirectoryFile
from backstage_py.scaffolder.face.oneoff import Content, OneOff
from backstage_py.scaffolder.run import spec as specs
from backstage_py.scaffolder.run.action_gate import ActionGate
from backstage_py.scaffolder.run.budget import RunBudget
from backstage_py.scaffolder.run.equipment import Equipment
from backstage_py.scaffolder.run.journal import ListJournal
from backstage_py.scaffolder.run.steps import StepWatcher

TEMPLATE_REF = "template:default/dry-run"


@dataclass(frozen=True, slots=True)
class DryRun:
    """What is to be tried.

    Attributes:
        spec: ``apiVersion, steps, output, parameters, user``; steps have ids and names.
        metadata: of the template.
        secrets: as a task would get them.
        source: the files beside the template: a list, or the folder in which the template's file lies.
        watcher: told what goes into steps and comes out.
    """

    spec: Mapping[str, Json]
    metadata: JsonObject
    secrets: Mapping[str, str] = field(repr=False)
    source: Sequence[DirectoryFile] | Path
    watcher: StepWatcher | None = None


@dataclass(frozen=True, slots=True)
class DryRunResult:
    """The result of a dry run. ``log`` holds ``{"body": {message, stepId?, status?}}``."""

    log: Sequence[JsonObject]
    files: Sequence[DirectoryFile]
    output: Json


async def run(
    wanted: DryRun,
    equipment: Equipment,
    *,
    gate: ActionGate,
    working_directory: Path,
    signal: CancelSignal | None = None,
    journal: ListJournal | None = None,
    budget: RunBudget | None = None,
) -> DryRunResult:
    """Try a template.

    Args:
        wanted: what to try.
        equipment: the actions, and what they may use.
        gate: says which actions may run.
        working_directory: where the run has its folders.
        signal: ends the run.
        journal: where to write, for a caller that follows the run or wants the log of a failure.
        budget: what the dry run, its log and its files may use up; the default limits without one.

    Raises:
        BackstageError: a step failed; the error is the step's, its texts are redacted.
    """
    run_id = uuid.uuid4()
    source, content = wanted.source, None
    if not isinstance(source, Path):
        content = Content(working_directory / f"dry-run-content-{run_id}", source)
        source = content.folder
    info = TemplateInfo(TEMPLATE_REF, f"file://{source.resolve() / 'template.yaml'}", {"metadata": wanted.metadata})
    spec = replace(specs.parse(wanted.spec), template_info=info)
    budget = budget or RunBudget()
    journal = journal or ListJournal(budget.spend_output)
    result = await oneoff.run(
        OneOff(f"dry-run-{run_id}", spec, wanted.secrets, is_dry_run=True, content=content, watcher=wanted.watcher),
        equipment,
        working_directory=working_directory,
        journal=journal,
        signal=signal,
        gate=gate,
        budget=budget,
    )
    if result.error:
        raise result.error
    return DryRunResult(journal.log, result.files, result.output)
