"""Running a template once, for real or as a dry run: no store, no queue, no server; the same steps as a task."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backstage_py import threads
from backstage_py.errors import BackstageError
from backstage_py.model.json import Json
from backstage_py.plugin import CancelSignal, short_work
from backstage_py.scaffolder.face import directory
from backstage_py.scaffolder.face.directory import DirectoryFile
from backstage_py.scaffolder.queue.removal import remove_folders
from backstage_py.scaffolder.run import context as contexts
from backstage_py.scaffolder.run.action_gate import ActionGate
from backstage_py.scaffolder.run.budget import RunBudget
from backstage_py.scaffolder.run.context import Hooks
from backstage_py.scaffolder.run.equipment import Equipment
from backstage_py.scaffolder.run.journal import ListJournal
from backstage_py.scaffolder.run.runner import Run, RunFailed
from backstage_py.scaffolder.run.spec import Spec
from backstage_py.scaffolder.run.steps import StepWatcher

_FEW = 64
_SMALL = 256 * 1024


@dataclass(frozen=True, slots=True)
class Content:
    """Files beside the template that are there as long as the run is, in a folder of their own."""

    folder: Path
    files: Sequence[DirectoryFile]


@dataclass(frozen=True, slots=True)
class OneOff:
    """What is to be run.

    Attributes:
        name: used as the task's id, and for the folder.
        spec: with ``template_info``, from which relative URLs start.
        secrets: as a task would get them.
        is_dry_run: actions with effects outside the workspace are explained, not run.
        keeps_failed: a dry run that fails gives the files that it has written, too; an answer of the service does not.
        watcher: told what goes into steps and comes out.
    """

    name: str
    spec: Spec
    secrets: Mapping[str, str] = field(repr=False)
    is_dry_run: bool = False
    keeps_failed: bool = False
    content: Content | None = None
    watcher: StepWatcher | None = None


@dataclass(frozen=True, slots=True)
class OneOffResult:
    """The result of a run.

    Attributes:
        files: of the workspace at the end; after a failure as far as a real run got.
        error: of the first step that failed, its texts redacted.
    """

    files: Sequence[DirectoryFile]
    output: Json
    error: BackstageError | None = None


async def run(
    wanted: OneOff,
    equipment: Equipment,
    *,
    gate: ActionGate,
    working_directory: Path,
    journal: ListJournal,
    signal: CancelSignal | None = None,
    budget: RunBudget | None = None,
) -> OneOffResult:
    """Run it in a folder that is removed afterwards.

    Args:
        wanted: what to run.
        equipment: the actions, and what they may use.
        gate: says which actions may run.
        working_directory: where the run has its folder.
        journal: where to write.
        signal: ends the run.
        budget: what the run may use up; the default limits without one.

    Raises:
        BackstageError: the run could not begin, or its files may not be taken out.
    """
    workspace = working_directory / wanted.name
    drawn = budget or RunBudget()
    context = await contexts.prepare(
        wanted.name,
        wanted.spec,
        workspace,
        secrets=wanted.secrets,
        equipment=equipment,
        journal=journal,
        signal=signal or CancelSignal(),
        gate=gate,
        budget=drawn,
        is_dry_run=wanted.is_dry_run,
        hooks=Hooks(watcher=wanted.watcher),
    )
    output: Json = {}
    error: BackstageError | None = None
    try:
        workspace.mkdir(parents=True)
        if wanted.content:
            await _write(wanted.content)
        try:
            output = await Run(context).run()
        except RunFailed as failure:
            error = failure.error
        if wanted.is_dry_run and error and not wanted.keeps_failed:
            return OneOffResult((), output, error)
        if wanted.is_dry_run:
            gate.check_extraction()
        files = _within(drawn, directory.files(workspace)) if wanted.is_dry_run else directory.files(workspace)
        return OneOffResult(await short_work.collect(files), output, error)
    finally:
        await asyncio.shield(remove_folders([workspace, *([wanted.content.folder] if wanted.content else [])]))


def _within(budget: RunBudget, files: Iterator[DirectoryFile]) -> Iterator[DirectoryFile]:
    """Yield files of an answer as long as the budget has bytes for them."""
    for file in files:
        budget.spend_output(len(file.content))
        yield file


async def _write(content: Content) -> None:
    """Write the files; a few small ones at once, since handing them to a thread would take longer.

    Without files there is no folder, as in Backstage: making one takes as long as some steps do.
    """
    if not content.files:
        return
    if len(content.files) <= _FEW and sum(len(one.content) for one in content.files) <= _SMALL:
        directory.write(content.folder, content.files)
    else:
        await threads.file_work(directory.write, content.folder, content.files)
