"""Running one action against a temporary workspace: the same checks, retries and timeouts as in a step."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from backstage_py import threads
from backstage_py.errors import BackstageError
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin import Action, CancelSignal, Clock, SystemClock, TemplateInfo, User
from backstage_py.scaffolder.executors import in_thread
from backstage_py.scaffolder.face import invocation
from backstage_py.scaffolder.face.invocation import Invocation
from backstage_py.scaffolder.run import action_gate
from backstage_py.scaffolder.run.input_checks import validator
from backstage_py.scaffolder.run.redaction import Redactor
from backstage_py.settings import without_files
from backstage_py.testing import failures
from backstage_py.testing.awaiting import all_awaited
from backstage_py.testing.clock import FakeClock
from backstage_py.testing.effects import Effects
from backstage_py.wiring.services import services
from backstage_py.wiring.stand_in import StandIn

T = TypeVar("T")


@dataclass(slots=True)
class Log:
    """What an action said, as ``(level, message)``; levels are debug, info, warning and error.

    Secrets of the task are masked, as in the log of a task; ``shown`` does it.
    """

    entries: list[tuple[str, str]] = field(default_factory=list)
    shown: Callable[[str], str] = field(default=str, repr=False)

    def debug(self, message: str) -> None:
        """Note a line."""
        self._note("debug", message)

    def info(self, message: str) -> None:
        """Note a line."""
        self._note("info", message)

    def warning(self, message: str) -> None:
        """Note a line."""
        self._note("warning", message)

    def error(self, message: str) -> None:
        """Note a line."""
        self._note("error", message)

    def _note(self, level: str, message: str) -> None:
        self.entries.append((level, self.shown(str(message))))

    @property
    def lines(self) -> list[str]:
        """The messages alone."""
        return [message for _, message in self.entries]

    def __contains__(self, text: object) -> bool:
        return any(str(text) in line for line in self.lines)

    def __iter__(self) -> Iterator[str]:
        return iter(self.lines)


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What an action left.

    Attributes:
        outputs: by name, as later steps see them: JSON, with JSON names.
        log: what it said.
        workspace: the folder, as long as the runner's folder is there.
    """

    outputs: JsonObject
    log: Log
    workspace: Path

    @property
    def files(self) -> dict[str, str]:
        """The files of the workspace as text, by path with ``/``; what is in ``.git`` is left out."""
        return {
            path.relative_to(self.workspace).as_posix(): path.read_text(encoding="utf-8", errors="replace")
            for path in sorted(self.workspace.rglob("*"))
            if path.is_file() and ".git" not in path.relative_to(self.workspace).parts
        }


@dataclass(slots=True)
class ActionRunner:
    """Runs actions in one workspace, one after the other, like the steps of a task.

    Call it from a plain test: ``runner(action, {…})``; from an ``async`` one: ``await runner.run(action, {…})``.

    Attributes:
        folder: where the workspace and the template's folder are.
        config: what ``ctx.services.config`` is, e.g. ``vault.config`` of a fake.
        backstage_url: a Backstage to talk to, e.g. ``FakeBackstage().url``.
        integrations: git hosts, e.g. of ``git_host``.
        secrets: of the task; ``backstageToken`` is the user's token.
        user: who started the task; a guest by default.
        signal: ``runner.signal.set()`` cancels the running action.
        checkpoints: what checkpoints have stored, by key; kept from run to run, as after a crash.
        effects: what external effects came to, likewise; it also loses answers when told to.
        clock: moved by the test; None takes the machine's.
        log: of the last action, also when it failed.
    """

    folder: Path
    config: Mapping[str, Json] = field(default_factory=dict)
    backstage_url: str | None = None
    integrations: Sequence[ScmIntegration] = ()
    secrets: dict[str, str] = field(default_factory=lambda: {"backstageToken": "token-of-the-test"})
    user: User = field(default_factory=lambda: User("user:default/guest"))
    clock: Clock | None = field(default_factory=FakeClock)
    signal: CancelSignal = field(default_factory=CancelSignal)
    log: Log = field(default_factory=Log)
    checkpoints: JsonObject = field(default_factory=dict)
    effects: Effects = field(default_factory=Effects)

    def __post_init__(self) -> None:
        for path in (self.workspace, self.template):
            path.mkdir(parents=True, exist_ok=True)

    @property
    def workspace(self) -> Path:
        """The folder that actions work in."""
        return self.folder / "workspace"

    @property
    def template(self) -> Path:
        """The folder of the template, from which relative URLs start."""
        return self.folder / "template"

    def write(self, path: str, content: str | bytes) -> Path:
        """Put a file into the workspace."""
        return _write(self.workspace / path, content)

    def write_template(self, path: str, content: str | bytes) -> Path:
        """Put a file beside the template."""
        return _write(self.template / path, content)

    def __call__(
        self,
        action: Action,
        input: JsonObject | None = None,  # noqa: A002  # the word of templates
        *,
        dry_run: bool = False,
        secrets: Mapping[str, str] | None = None,
        user: User | str | None = None,
    ) -> ActionResult:
        """Run an action from a plain test; see ``run``."""
        __tracebackhide__ = True
        try:
            return _run_now(self._run(action, input, dry_run=dry_run, secrets=secrets, user=user))
        except (BackstageError, AssertionError) as error:
            failure = failures.trimmed(error)
        raise failure

    async def run(
        self,
        action: Action,
        input: JsonObject | None = None,  # noqa: A002  # as above
        *,
        dry_run: bool = False,
        secrets: Mapping[str, str] | None = None,
        user: User | str | None = None,
    ) -> ActionResult:
        """Run an action.

        Args:
            action: what ``@action`` made.
            input: as a template gives it, with JSON names.
            dry_run: as ``ctx.is_dry_run``.
            secrets: of the task, this time, in addition to those of the runner.
            user: who started the task, this time: an entity reference, or a user with an entity.

        Raises:
            InputError: the input does not fit the action's schema.
            BackstageError: the action failed; foreign errors are turned into one, as in a task.
            AssertionError: an output is not what the action's output schema says, or an ``await`` is missing.
        """
        __tracebackhide__ = True
        try:
            return await self._run(action, input, dry_run=dry_run, secrets=secrets, user=user)
        except (BackstageError, AssertionError) as error:
            failure = failures.trimmed(error)
        raise failure

    async def _run(
        self,
        action: Action,
        input: JsonObject | None,  # noqa: A002  # as above
        *,
        dry_run: bool,
        secrets: Mapping[str, str] | None,
        user: User | str | None,
    ) -> ActionResult:
        if not isinstance(action, Action):
            raise TypeError(f"{action!r:.80} is no action; put '@action(\"acme:greet\", Input)' above the function")
        given = {**self.secrets, **(secrets or {})}
        self.log = Log(shown=Redactor(given.values()).text)
        async with AsyncExitStack() as stack:
            stack.enter_context(all_awaited(action.id))
            stack.enter_context(in_thread.shown_by_caller())
            # fakes are on loopback, so any address may be contacted
            stand_in = StandIn(hosts=self.integrations, listed=lambda _host, _port: True)
            opened = services(without_files(self.config), [stand_in], backstage_url=self.backstage_url)
            wanted = Invocation(
                action,
                dict(input or {}),
                action_gate.for_author(),
                self.log,
                await stack.enter_async_context(opened),
                given,
                User(user) if isinstance(user, str) else user or self.user,
                TemplateInfo("template:default/test", (self.template / "template.yaml").as_uri()),
                is_dry_run=dry_run,
                signal=self.signal,
                clock=self.clock or SystemClock(),
                checkpoints=self.checkpoints,
                effects=self.effects,
            )
            outputs = await invocation.in_folder(wanted, self.workspace)
        if not dry_run and (problems := validator(action.output_schema).problems(outputs)):
            raise AssertionError(
                f"The outputs of {action.id} do not fit its schema: {', '.join(map(str, problems))}; "
                "change what it returns, or its output class"
            )
        return ActionResult(outputs, self.log, self.workspace)


async def run_action(
    action: Action,
    input: JsonObject | None = None,  # noqa: A002  # the word of templates
    *,
    files: Mapping[str, str] | None = None,
    folder: Path | None = None,
    dry_run: bool = False,
    **options: Any,
) -> ActionResult:
    """Run one action once in a workspace of its own.

    Args:
        action: what ``@action`` made.
        input: as a template gives it, with JSON names.
        files: texts by path, put into the workspace first.
        folder: where the workspace lies; a temporary folder by default, which is left to look at.
        dry_run: as ``ctx.is_dry_run``.
        options: the fields of ``ActionRunner``.

    Raises:
        BackstageError: see ``ActionRunner.run``.
    """
    runner = ActionRunner(folder or Path(tempfile.mkdtemp(prefix="action-test-")), **options)
    for path, content in (files or {}).items():
        runner.write(path, content)
    return await runner.run(action, input, dry_run=dry_run)


def _run_now(work: Coroutine[Any, Any, T]) -> T:
    if not threads.is_on_a_loop():
        return asyncio.run(work)
    work.close()
    raise BackstageError("This test is 'async': write 'await action_runner.run(…)'")


def _write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
