"""Running one action by itself: no template, no task. Its input is final, so nothing in it is rendered.

This is how other backends call our actions and how the test kit runs one; a step goes through ``runner``.
"""

import asyncio
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backstage_py import threads
from backstage_py.errors import BackstageError, InputError
from backstage_py.execution.outputs import output_json
from backstage_py.js.budget import Exceeded
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin import (
    Action,
    ActionContext,
    ActionLogger,
    CancelSignal,
    Clock,
    Services,
    StepInfo,
    SystemClock,
    TemplateInfo,
    User,
    Workspace,
)
from backstage_py.plugin import schema as schemas
from backstage_py.scaffolder.executors.choice import LOCAL, Executors, RunFacts
from backstage_py.scaffolder.face import directory
from backstage_py.scaffolder.face.directory import DirectoryFile
from backstage_py.scaffolder.queue.removal import remove_tree
from backstage_py.scaffolder.run import action_call
from backstage_py.scaffolder.run.action_call import Cancelled
from backstage_py.scaffolder.run.action_gate import ActionGate
from backstage_py.scaffolder.run.budget import RunBudget, is_small, refusal
from backstage_py.scaffolder.run.input_checks import validator_of
from backstage_py.scaffolder.run.policies import Policies
from backstage_py.settings.sections import LimitSettings


@dataclass(frozen=True, slots=True)
class Invocation:
    """What to run, and on whose behalf.

    Attributes:
        gate: says whether the caller may run it.
        offered_as: the action's id where the caller sees it, if it is another than in templates.
        checkpoints: of earlier calls; those of this one are added.
        effects: the states of effects of earlier calls, by key; those of this one are added.
        name: what ``ctx.task_id`` is.
        executors: run it.
    """

    action: Action
    input: JsonObject
    gate: ActionGate
    logger: ActionLogger
    services: Services = field(default_factory=Services)
    secrets: Mapping[str, str] = field(default_factory=dict)
    user: User = field(default_factory=User)
    template_info: TemplateInfo | None = None
    is_dry_run: bool = False
    signal: CancelSignal = field(default_factory=CancelSignal)
    clock: Clock = field(default_factory=SystemClock)
    checkpoints: JsonObject = field(default_factory=dict)
    effects: MutableMapping[str, JsonObject] = field(default_factory=dict)
    name: str = field(default_factory=lambda: f"action-{uuid.uuid4()}")
    offered_as: str | None = None
    limits: LimitSettings = field(default_factory=LimitSettings)
    executors: Executors = LOCAL


async def in_folder(wanted: Invocation, folder: Path) -> JsonObject:
    """Run an action in a workspace that exists, and return its outputs.

    Raises:
        InputError: the input does not fit the action's schema.
        NotAllowedError: the caller may not run it with this input.
        BackstageError: the action failed, or its output is no JSON.
    """
    given = {name: value for name, value in wanted.input.items() if name not in wanted.action.ignored_inputs}
    budget = RunBudget(wanted.limits)
    await budget.compute(lambda: _check(wanted.action, given), is_small=is_small(given))
    await wanted.gate.open()
    wanted.gate.check(wanted.action.id, given, offered_as=wanted.offered_as)
    await wanted.gate.check_resources(wanted.action.id)
    asked = Policies(wanted.services.config or {}, {"parameters": {}, "user": wanted.user.ref}, {})
    await asked.admit(wanted.action, [given], folder, wanted.logger, is_dry_run=wanted.is_dry_run)
    sink = _Sink(wanted.checkpoints, wanted.effects, budget)
    template = wanted.template_info.entity_ref if wanted.template_info else None
    executors = wanted.executors.of_run(RunFacts(wanted.name, template, wanted.user.ref))
    context: ActionContext[Any] = ActionContext(
        input=given,
        logger=wanted.logger,
        workspace=Workspace(folder),
        task_id=wanted.name,
        step=StepInfo("step", wanted.action.id),
        sink=sink,
        services=wanted.services,
        secrets=wanted.secrets,
        user=wanted.user,
        template_info=wanted.template_info,
        is_dry_run=wanted.is_dry_run,
        signal=wanted.signal,
        clock=wanted.clock,
    )
    try:
        with budget.in_force():
            executor = await executors.of(wanted.action)
            await action_call.call(wanted.action, context, executor, patience=action_call.REQUEST_PATIENCE)
    except Cancelled as error:
        raise BackstageError(f"The action {wanted.action.id} was cancelled") from error
    except Exceeded as error:
        raise refusal(error) from None
    finally:
        sink.close()
        await asyncio.shield(executors.close())
    return sink.outputs


async def with_files(
    wanted: Invocation, files: Sequence[DirectoryFile], working_directory: Path, *, most_left: int
) -> tuple[JsonObject, Sequence[DirectoryFile]]:
    """Run an action in a new workspace that holds ``files``; return its outputs and the files that it left.

    Args:
        wanted: what to run.
        files: what the workspace holds at first.
        working_directory: where the workspace is made.
        most_left: bytes that the files at the end may have; 0 when nobody wants them.

    Raises:
        NotAllowedError: a path leads out of the workspace.
        BackstageError: as ``in_folder``, or there is more left than allowed.
    """
    outer = Path(await threads.file_work(tempfile.mkdtemp, prefix="action-", dir=working_directory))
    folder = outer / "workspace"
    try:
        await threads.file_work(directory.write, folder, files)
        outputs = await in_folder(wanted, folder)
        left: Sequence[DirectoryFile] = await threads.file_work(_files_left, folder, most_left) if most_left else ()
    finally:
        await asyncio.shield(threads.file_work(remove_tree, outer))
    return outputs, left


def _files_left(folder: Path, most: int) -> Sequence[DirectoryFile]:
    size = sum(path.lstat().st_size for path in Workspace(folder).files())
    if size > most:
        raise BackstageError(
            f"The workspace holds {size / 2**20:.1f} MiB, more than the {most // 2**20} MiB that an action returns to "
            "another backend; run the template here, where files need not travel"
        )
    return directory.read(folder)


def _check(action: Action, given: JsonObject) -> None:
    if problems := validator_of(action).problems(given):
        raise InputError(f"Invalid input passed to action {action.id}, {', '.join(map(str, problems))}")


class _Sink:
    """Takes outputs, checkpoints and effects; closed when the call is over, whatever a thread still does."""

    def __init__(self, checkpoints: JsonObject, effects: MutableMapping[str, JsonObject], budget: RunBudget) -> None:
        self.outputs: JsonObject = {}
        self._budget = budget
        self._checkpoints = checkpoints
        self._effects = effects
        self._closed = False

    def output(self, name: str, value: Json) -> None:
        """Record an output.

        Raises:
            BackstageError: it is no JSON, or more than the budget has left.
        """
        if self._closed:
            return
        text = output_json(name, value)
        self._budget.spend_value(text)
        self.outputs[name] = json.parse(text)

    async def checkpoint(self, key: str, function: Callable[[], Awaitable[Json]]) -> Json:
        """Return the stored value of ``key``, or that of ``function`` once it is stored."""
        if key not in self._checkpoints:
            value = schemas.dump(await function())
            self._budget.spend_value(json.dumps(value))
            self._checkpoints[key] = value
        return self._checkpoints[key]

    def recall(self, key: str) -> JsonObject | None:
        """Return the state of an effect."""
        return self._effects.get(key)

    async def note(self, key: str, state: JsonObject) -> None:
        """Keep the state of an effect.

        Raises:
            BackstageError: the call is over, or the budget used up.
        """
        if self._closed:
            raise BackstageError(f"The call has ended; '{key}' is too late")
        self._budget.spend_value(json.dumps(state))
        self._effects[key] = state

    def close(self) -> None:
        """Take nothing more."""
        self._closed = True
