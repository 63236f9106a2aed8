"""Running a template in this process, without server and store: as a dry run, against the sandbox, or for real."""

import contextlib
import functools
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from backstage_py.cli.local import form, pickers
from backstage_py.cli.local import trust as trusting
from backstage_py.cli.local.doubles import KNOWN_BY_SCHEMA, NOT_IN_SANDBOX, LocalDoubles
from backstage_py.cli.local.fixtures import Fixtures
from backstage_py.cli.local.template_file import LocalTemplate
from backstage_py.cli.local.trust import Trust
from backstage_py.errors import BackstageError, as_name
from backstage_py.lint.actions import Catalogue
from backstage_py.model import entity_ref
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin import Services, TemplateInfo
from backstage_py.scaffolder.face import dryrun, oneoff
from backstage_py.scaffolder.face.directory import DirectoryFile
from backstage_py.scaffolder.face.oneoff import OneOff, OneOffResult
from backstage_py.scaffolder.run import action_gate
from backstage_py.scaffolder.run import spec as specs
from backstage_py.scaffolder.run.equipment import Equipment
from backstage_py.scaffolder.run.journal import ListJournal
from backstage_py.scaffolder.run.rendering import Environment
from backstage_py.scaffolder.run.spec import steps_with_defaults
from backstage_py.scaffolder.run.steps import StepWatcher

if TYPE_CHECKING:
    from backstage_py.wiring.stand_in import StandIn

GUEST = "user:default/guest"

Listener = Callable[[JsonObject], None]
"""Takes an event as the stream of a task has it: ``{"type": "log", "body": {message, stepId?, status?}}``."""

_ENDED = frozenset({"completed", "failed", "skipped"})
_SKIPPING = "Skipping because "


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
        files: of the workspace at the end; after a failure as far as the run got.
        steps: the template's steps with ids and names.
        statuses: by step id: completed, skipped, failed; an action that does not support dry runs counts as skipped.
        error: why it failed, None if it did not; with places in the template's files.
        inputs: what stand-ins of actions were called with, by step id.
    """

    log: Sequence[JsonObject]
    files: Sequence[DirectoryFile]
    output: Json
    steps: Sequence[JsonObject]
    statuses: Mapping[str, str]
    error: BackstageError | None = None
    inputs: Mapping[str, Sequence[Json]] = field(default_factory=dict)

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
        known: gives what is known of actions that are not installed.
        makes_up: entities that are fetched and not there are made up.
        hosts: git hosts of the sandbox, with their ports.
    """

    equipment: Equipment
    working_directory: Path
    is_dry_run: bool
    known: Callable[[], Catalogue]
    fixtures: Fixtures
    makes_up: bool
    hosts: tuple[str, ...] = ()

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
        if self.fixtures.entities is not None:
            pickers.check(local.template.pages, values, self.fixtures.entities)
        steps = steps_with_defaults(local.template.steps)
        spec: JsonObject = {
            "apiVersion": local.entity["apiVersion"],
            "steps": steps,
            "output": local.template.output,
            "parameters": values,
            "user": {"ref": request.user, "entity": self._user(request.user)},
        }
        doubles = LocalDoubles(
            local,
            self.equipment.registry,
            self.fixtures,
            self.known,
            makes_up=self.makes_up,
            in_sandbox=bool(self.hosts),
        )
        equipment = replace(self.equipment, doubles=doubles, services=self._services(local))
        name = f"{'dry-run' if self.is_dry_run else 'local'}-{uuid.uuid4()}"
        shortened = _shortened(local, self.working_directory / name)
        journal = _StreamingJournal(listener, shortened)
        info = TemplateInfo(
            dryrun.TEMPLATE_REF if self.is_dry_run else local.template.ref,
            f"file://{local.path.resolve()}",
            {"metadata": local.template.metadata},
        )
        wanted = OneOff(
            name,
            replace(specs.parse(spec), template_info=info),
            request.secrets,
            is_dry_run=self.is_dry_run,
            keeps_failed=True,
            watcher=watcher,
        )
        result = await self._result(wanted, equipment, journal)
        error = result.error and result.error.reworded(shortened(result.error.message))
        return Outcome(journal.log, result.files, result.output, steps, _statuses(journal.log), error, doubles.inputs)

    async def _result(self, wanted: OneOff, equipment: Equipment, journal: ListJournal) -> OneOffResult:
        try:
            return await oneoff.run(
                wanted,
                equipment,
                gate=action_gate.for_author(),
                working_directory=self.working_directory,
                journal=journal,
            )
        except BackstageError as error:
            return OneOffResult((), {}, error)

    def _services(self, local: LocalTemplate) -> Services:
        """Return what actions may use, in which relative URLs lead as far as in the project's repository."""
        services = self.equipment.services
        config = dict(services.config or {})
        backend = dict(config.get("backend") or {})
        reading = dict(backend.get("reading") or {})
        roots = reading.get("fileRoots") or []
        roots = [roots] if isinstance(roots, str) else roots
        reading["fileRoots"] = [*roots, str(local.root)]
        return replace(services, config={**config, "backend": {**backend, "reading": reading}})

    def _user(self, ref: str) -> JsonObject:
        """Return the user's entity: that of the catalog, or one with a name and nothing else."""
        made = user_entity(ref)
        wanted = entity_ref.of(made)
        return next((one for one in self.fixtures.entities or () if entity_ref.of(one) == wanted), made)


class _StreamingJournal(ListJournal):
    """A journal that passes each event on at once, without paths of this machine."""

    def __init__(self, listener: Listener, shortened: Callable[[str], str]) -> None:
        super().__init__()
        self._listener = listener
        self._shortened = shortened

    def say(self, message: str, step_id: str | None = None, status: str | None = None) -> None:
        """Add a log event and pass it to the listener."""
        super().say(self._shortened(message), step_id, status)
        self._listener({"type": "log", **self.log[-1]})


def _shortened(local: LocalTemplate, workspace: Path) -> Callable[[str], str]:
    """Return what takes this machine's paths out of texts: the workspace is ``.``, and so is the template's folder."""
    folders = {str(one) for folder in (workspace, local.folder) for one in (folder, folder.resolve())}
    ordered = sorted(folders, key=len, reverse=True)

    def shorten(text: str) -> str:
        for folder in ordered:
            if folder in text:
                text = text.replace(f"{folder}/", "").replace(folder, ".")
        return text

    return shorten


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
    fixtures: Fixtures | None = None,
    catalog: Sequence[JsonObject] = (),
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
        fixtures: what stands in for actions, the catalog and Backstage.
        catalog: entities that are there besides; those that are not may still be made up.

    Raises:
        SettingsError: the configuration is wrong, or the sandbox cannot be started.
        InputError: the author's configuration is wrong, or an action of the project cannot be loaded.
    """
    from backstage_py import logging
    from backstage_py.cli.local import app_configs, known_actions, own_actions
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
        fixtures = fixtures or Fixtures()
        entities = (*(fixtures.entities or ()), *catalog)
        stand_ins = [StandIn(catalog=functools.partial(RunCatalog, entities=entities))]
        if sandbox:
            from backstage_py.sandbox import stand_in

            root = sandbox_root or folder / "sandbox"
            host = await stack.enter_async_context(
                stand_in.running(root, guard=_author, repositories=fixtures.repositories)
            )
            stand_ins.append(_for_every_github(host, settings.integrations))
        plugins = load_plugins()
        project_config = author_config.find(start)
        if own := own_actions.folder(project_config, trust, config):
            own_actions.add(plugins, own)
        found = await stack.enter_async_context(
            services(settings, stand_ins, plugins=plugins, backstage_url=backstage_url)
        )
        environment = Environment.of(settings.scaffolder.default_environment)
        yield LocalScaffolder(
            Equipment(plugins.actions, found, environment),
            folder,
            is_dry_run=dry and not sandbox,
            known=lambda: known_actions.declared(project_config, trust),
            fixtures=fixtures,
            makes_up=(dry or sandbox) and not backstage_url,
            hosts=tuple(host.host for one in stand_ins for host in one.hosts),
        )


def _for_every_github(stand_in: "StandIn", configured: Iterable[ScmIntegration]) -> "StandIn":
    """Return the sandbox in the place of each GitHub that the configuration has, so that a run writes to none."""
    known = {one.host: one for one in stand_in.hosts}
    others = [one for one in configured if one.type == "github" and one.host not in known]
    return replace(stand_in, hosts=(*stand_in.hosts, *(replace(known["github.com"], host=one.host) for one in others)))


async def _author(_request: object) -> str:
    return GUEST


def user_entity(ref: str) -> JsonObject:
    """Return a user with a name and nothing else, for templates that look at ``user.entity``.

    Raises:
        InputError: the reference is none of a user.
    """
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
        step, status = entry["body"].get("stepId"), entry["body"].get("status")
        if step and status in _ENDED:
            found[step] = str(status)
    return found


def reasons(log: Sequence[JsonObject]) -> Mapping[str, str]:
    """Return why steps were skipped whose actions are not implemented here, by step id."""
    bodies = [entry["body"] for entry in log if is_known_by_schema(entry["body"])]
    return {one["stepId"]: one["message"].removeprefix(_SKIPPING) for one in bodies}


def is_known_by_schema(body: JsonObject) -> bool:
    """Whether a log entry says that a step is skipped since its action cannot be run here."""
    return body.get("status") == "skipped" and any(one in body["message"] for one in (KNOWN_BY_SCHEMA, NOT_IN_SANDBOX))
