"""Running a template in this process, without server and store: as a dry run, against the sandbox, or for real."""

import contextlib
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from backstage_py.cli.local import form
from backstage_py.cli.local import trust as trusting
from backstage_py.cli.local.template_file import LocalTemplate
from backstage_py.cli.local.trust import Trust
from backstage_py.errors import BackstageError, as_name
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin import TemplateInfo
from backstage_py.scaffolder.face import dryrun, oneoff
from backstage_py.scaffolder.face.directory import DirectoryFile
from backstage_py.scaffolder.face.dryrun import DryRun
from backstage_py.scaffolder.face.oneoff import OneOff
from backstage_py.scaffolder.run import action_gate
from backstage_py.scaffolder.run import spec as specs
from backstage_py.scaffolder.run.equipment import Equipment
from backstage_py.scaffolder.run.journal import ListJournal
from backstage_py.scaffolder.run.rendering import Environment
from backstage_py.scaffolder.run.spec import steps_with_defaults
from backstage_py.scaffolder.run.steps import StepWatcher

GUEST = "user:default/guest"

Listener = Callable[[JsonObject], None]
"""Takes an event as the stream of a task has it: ``{"type": "log", "body": {message, stepId?, status?}}``."""

_ENDED = frozenset({"completed", "failed", "skipped"})
_DRY_SKIP = "does not support dry-run"


@dataclass(frozen=True, slots=True)
class Request:
    """What to run a template with. ``user`` is an entity reference."""

    values: JsonObject
    secrets: Mapping[str, str] = field(default_factory=dict)
    user: str = GUEST


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a run.

    Attributes:
        log: entries ``{"body": {message, stepId?, status?}}``.
        files: of the workspace at the end; also after a failure, as far as a real run got.
        steps: the template's steps with ids and names.
        statuses: by step id: completed, skipped, failed; an action that does not support dry runs counts as skipped.
        error: why it failed, None if it did not.
    """

    log: Sequence[JsonObject]
    files: Sequence[DirectoryFile]
    output: Json
    steps: Sequence[JsonObject]
    statuses: Mapping[str, str]
    error: BackstageError | None = None

    def as_json(self) -> JsonObject:
        """Return the outcome in the form of ``POST /v2/dry-run``, with ``error`` after a failure."""
        answer: JsonObject = {
            "log": list(self.log),
            "directoryContents": [file.as_json() for file in self.files],
            "output": self.output,
            "steps": list(self.steps),
        }
        if self.error:
            answer["error"] = {"name": as_name(self.error), "message": self.error.message}
        return answer


@dataclass(frozen=True, slots=True)
class LocalScaffolder:
    """Runs templates in this process; made by ``opened``.

    Attributes:
        is_dry_run: actions with effects outside the workspace are explained, not run.
    """

    equipment: Equipment
    working_directory: Path
    is_dry_run: bool

    async def run(
        self,
        local: LocalTemplate,
        request: Request,
        listener: Listener = lambda _event: None,
        watcher: StepWatcher | None = None,
    ) -> Outcome:
        """Run a template. What fails while it runs is in the outcome.

        Args:
            local: the template.
            request: what to run it with.
            listener: takes the events as they come.
            watcher: told what goes into steps and comes out.

        Raises:
            InputError: the values or secrets do not fit the form.
        """
        values = form.check(local, request.values, request.secrets)
        steps = steps_with_defaults(local.template.steps)
        spec: JsonObject = {
            "apiVersion": local.entity["apiVersion"],
            "steps": steps,
            "output": local.template.output,
            "parameters": values,
            "user": {"ref": request.user, "entity": user_entity(request.user)},
        }
        journal = _StreamingJournal(listener)
        files: Sequence[DirectoryFile] = ()
        output: Json = {}
        error: BackstageError | None = None
        try:
            if self.is_dry_run:
                files, output = await self._dry(local, spec, request, journal, watcher)
            else:
                files, output, error = await self._real(local, spec, request, journal, watcher)
        except BackstageError as failure:
            error = failure
        return Outcome(journal.log, files, output, steps, _statuses(journal.log), error)

    async def _dry(
        self,
        local: LocalTemplate,
        spec: JsonObject,
        request: Request,
        journal: ListJournal,
        watcher: StepWatcher | None,
    ) -> tuple[Sequence[DirectoryFile], Json]:
        wanted = DryRun(spec, local.template.metadata, request.secrets, local.folder, watcher)
        result = await dryrun.run(
            wanted,
            self.equipment,
            gate=action_gate.for_author(),
            working_directory=self.working_directory,
            journal=journal,
        )
        return result.files, result.output

    async def _real(
        self,
        local: LocalTemplate,
        raw: JsonObject,
        request: Request,
        journal: ListJournal,
        watcher: StepWatcher | None,
    ) -> tuple[Sequence[DirectoryFile], Json, BackstageError | None]:
        info = TemplateInfo(local.template.ref, f"file://{local.path.resolve()}", {"metadata": local.template.metadata})
        spec = replace(specs.parse(raw), template_info=info)
        result = await oneoff.run(
            OneOff(f"local-{uuid.uuid4()}", spec, request.secrets, watcher=watcher),
            self.equipment,
            gate=action_gate.for_author(),
            working_directory=self.working_directory,
            journal=journal,
        )
        return result.files, result.output, result.error


class _StreamingJournal(ListJournal):
    """A journal that passes each event on at once."""

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener

    def say(self, message: str, step_id: str | None = None, status: str | None = None) -> None:
        """Add a log event and pass it to the listener."""
        super().say(message, step_id, status)
        self._listener({"type": "log", **self.log[-1]})


@contextlib.asynccontextmanager
async def opened(
    *,
    config: Sequence[Path] = (),
    start: Path = Path(),
    sandbox: bool = False,
    sandbox_root: Path | None = None,
    dry: bool = True,
    backstage_url: str | None = None,
    trust: Trust | None = None,
) -> AsyncIterator[LocalScaffolder]:
    """Open one until the block is left.

    Args:
        config: app-config files, for ``integrations``, ``backend.reading`` and ``scaffolder.defaultEnvironment``.
        start: the template, or where the author's configuration is looked for; it may name an actions folder.
        sandbox: run external actions against a git host on this machine that takes the place of github.com.
        sandbox_root: where that host keeps its repositories; a temporary folder by default.
        dry: a dry run; with ``sandbox`` it is a real one, whose effects stay in the sandbox.
        backstage_url: a Backstage backend whose catalog and plugins the run uses.
        trust: what files of the project may do; by default what the environment says.

    Raises:
        SettingsError: the configuration is wrong, or the sandbox cannot be started.
        InputError: the author's configuration is wrong, or an action of the project cannot be loaded.
    """
    from backstage_py import logging
    from backstage_py.cli.local import app_configs, own_actions
    from backstage_py.lint import config as author_config
    from backstage_py.plugin import load_plugins
    from backstage_py.wiring.run_catalog import RunCatalog
    from backstage_py.wiring.services import services
    from backstage_py.wiring.stand_in import StandIn

    logging.configure("error")
    trust = trust or trusting.of_environment()
    settings = app_configs.load(config, trust)
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="backstage-py-run-")))
        stand_ins = [StandIn(catalog=RunCatalog)]
        if sandbox:
            from backstage_py.sandbox import stand_in

            root = sandbox_root or folder / "sandbox"
            stand_ins.append(await stack.enter_async_context(stand_in.running(root, guard=_author)))
        plugins = load_plugins()
        if own := own_actions.folder(author_config.find(start), trust, config):
            own_actions.add(plugins, own)
        found = await stack.enter_async_context(
            services(settings, stand_ins, plugins=plugins, backstage_url=backstage_url)
        )
        environment = Environment.of(settings.scaffolder.default_environment)
        yield LocalScaffolder(Equipment(plugins.actions, found, environment), folder, is_dry_run=dry and not sandbox)


async def _author(_request: object) -> str:
    return GUEST


def user_entity(ref: str) -> JsonObject:
    """Return a user with a name and nothing else, for templates that look at ``user.entity``.

    Raises:
        InputError: the reference is none of a user.
    """
    from backstage_py.model import entity_ref

    parsed = entity_ref.parse(ref, default_kind="User", default_namespace="default")
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "User",
        "metadata": {"name": parsed.name, "namespace": parsed.namespace},
        "spec": {"memberOf": []},
    }


def _statuses(log: Sequence[JsonObject]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for entry in log:
        body = entry["body"]
        step, status = body.get("stepId"), body.get("status")
        if not step:
            continue
        if _DRY_SKIP in body.get("message", "") or (status in _ENDED and found.get(step) != "skipped"):
            found[step] = "skipped" if _DRY_SKIP in body.get("message", "") else str(status)
    return found
