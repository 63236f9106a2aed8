"""All that a run works with, made in one way for tasks, one-off runs and dry runs."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backstage_py.model.json import Json
from backstage_py.model.task import StepResult
from backstage_py.plugin import CancelSignal, Workspace
from backstage_py.scaffolder.run import action_call
from backstage_py.scaffolder.run.action_gate import ActionGate
from backstage_py.scaffolder.run.budget import RunBudget
from backstage_py.scaffolder.run.equipment import Equipment
from backstage_py.scaffolder.run.journal import Journal
from backstage_py.scaffolder.run.rendering import StepRenderer
from backstage_py.scaffolder.run.spec import Spec
from backstage_py.scaffolder.run.steps import StepWatcher

SaveCheckpoint = Callable[[str, Json], Awaitable[None]]


class WorkerStopping(Exception):  # noqa: N818  # a way out, not a fault
    """The worker stops: the task goes back into the queue before its next step."""


@dataclass(frozen=True, slots=True)
class EarlierProgress:
    """What earlier attempts at the task finished: ended steps by position, checkpoints and effects by key."""

    steps: Mapping[int, StepResult] = field(default_factory=dict)
    checkpoints: Mapping[str, Json] = field(default_factory=dict)


async def _keep_nothing(_key: str, _value: Json) -> None:
    """Store no checkpoint: a one-off run is never resumed."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a queue, or whoever watches, has a run do besides.

    Attributes:
        earlier: what is not run again.
        before_step: called before each step begins; raises WorkerStopping when the worker stops.
        before_effect: awaited before each step, each call of an action and each checkpoint's function; raises
            ClaimLost when the task is another attempt's by now.
        after_step: awaited when a step has completed and before that is recorded, with its position.
        save_checkpoint: stores a value for later runs.
        watcher: told what goes into steps and comes out, without secrets.
    """

    earlier: EarlierProgress = EarlierProgress()
    before_step: Callable[[], None] = lambda: None
    before_effect: Callable[[], Awaitable[None]] = action_call.go_on
    after_step: Callable[[int], Awaitable[None]] | None = None
    save_checkpoint: SaveCheckpoint = _keep_nothing
    watcher: StepWatcher | None = None


@dataclass(frozen=True, slots=True)
class RunContext:
    """All that a run works with.

    Attributes:
        secrets: by name, as actions see them.
        gate: says which actions may run.
        budget: what the run may use up.
        claim: the number of the attempt at the task; None for a run that is none.
    """

    task_id: str
    spec: Spec
    journal: Journal
    equipment: Equipment
    renderer: StepRenderer
    workspace: Workspace
    secrets: Mapping[str, str] = field(repr=False)
    signal: CancelSignal
    gate: ActionGate
    budget: RunBudget
    is_dry_run: bool
    hooks: Hooks
    claim: int | None = None


async def prepare(
    task_id: str,
    spec: Spec,
    folder: Path,
    *,
    secrets: Mapping[str, str],
    equipment: Equipment,
    journal: Journal,
    signal: CancelSignal,
    gate: ActionGate,
    budget: RunBudget,
    is_dry_run: bool = False,
    hooks: Hooks = Hooks(),  # frozen
    claim: int | None = None,
) -> RunContext:
    """Return the context of a run in a folder, which is there when the first step begins.

    Raises:
        InputError: the values hold a name that templates may not use, or are too large.
    """
    renderer = await equipment.renderer(spec, task_id, budget)
    workspace = Workspace(folder)
    return RunContext(
        task_id, spec, journal, equipment, renderer, workspace, secrets, signal, gate, budget, is_dry_run, hooks, claim
    )
