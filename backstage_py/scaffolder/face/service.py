"""What the scaffolder offers to its callers: HTTP, the command line, the actions registry."""

import contextlib
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backstage_py.errors import InputError
from backstage_py.identity.principals import Credentials
from backstage_py.model import template
from backstage_py.model.entity_filter import Filter
from backstage_py.model.entity_ref import EntityRef
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.task import Task, TaskEvent, TaskFilter
from backstage_py.plugin import TemplateFilter, TemplateFunction
from backstage_py.plugin.services import required
from backstage_py.scaffolder.face import autocomplete, delegation, directory, dryrun, scratch, template_forms, templates
from backstage_py.scaffolder.face.autocomplete import AutocompleteHandler
from backstage_py.scaffolder.face.dryrun import DryRun
from backstage_py.scaffolder.face.events import TaskEvents
from backstage_py.scaffolder.face.templates import Narrow, RequestTemplates, Templates
from backstage_py.scaffolder.run import action_gate, initiator
from backstage_py.scaffolder.run.action_gate import ActionGate
from backstage_py.scaffolder.run.budget import SMALL, RunBudget, is_small
from backstage_py.scaffolder.run.equipment import Equipment
from backstage_py.scaffolder.run.spec import steps_with_defaults
from backstage_py.settings.sections import LimitSettings
from backstage_py.storage.scaffolder.tasks import TaskStore
from backstage_py.templating import engine

_ORDER = re.compile(r"(asc|desc):(.+)", re.DOTALL)
_ORDER_FIELDS = {"created_at", "status", "created_by"}
_STREAM_HEARTBEAT = 15.0
_POLL_PATIENCE = 30.0


@dataclass(slots=True)
class ScaffolderService:
    """Every operation of the scaffolder's API.

    Attributes:
        store: the tasks.
        events: what they say.
        equipment: of its runs; the catalog is needed here, too.
        working_directory: where dry runs have their folders.
        resume_on_retry: a retry goes on behind the completed steps instead of starting again.
        autocompletes: by provider.
        limits: of the budget that each check of a form and each dry run gets.
    """

    store: TaskStore
    events: TaskEvents
    equipment: Equipment
    working_directory: Path
    resume_on_retry: bool = False
    autocompletes: Mapping[str, AutocompleteHandler] = field(default_factory=dict)
    limits: LimitSettings = field(default_factory=LimitSettings)
    _templates: Templates | None = None
    _request_templates: RequestTemplates = field(default_factory=RequestTemplates)

    async def parameter_schema(
        self, ref: EntityRef, credentials: Credentials, narrow: Narrow | None = None
    ) -> JsonObject:
        """Return a template's form."""
        known, _ = await self._catalog_templates().get(ref, token=credentials.token)
        return (await known.narrowed(narrow)).template.form

    async def actions(self, credentials: Credentials) -> Sequence[JsonObject]:
        """Return the installed actions by their ids, and behind them what other plugins offer to the caller."""
        await self.equipment.registry.complete()
        found = [action.describe() for action in self.equipment.registry]
        remote_actions = delegation.services_for(self.equipment.services, credentials).remote_actions
        if remote_actions:
            remote = await remote_actions.list(token=credentials.token)
            found += [action.describe() for action in remote if action.id not in self.equipment.registry]
        return found

    def templating_extensions(self) -> Json:
        """Return the filters and globals that templates may use besides the language's own."""
        services = self.equipment.services
        filters, found, texts = services.filters, services.globals, services.global_descriptions
        return {
            "filters": {
                **{name: described.as_json() for name, described in engine.DESCRIPTIONS.items()},
                **{name: _described(one) for name, one in filters.items()},
            },
            "globals": {
                "functions": {name: _described(value) for name, value in found.items() if callable(value)},
                "values": {
                    name: {**({"description": texts[name]} if name in texts else {}), "value": value}
                    for name, value in found.items()
                    if not callable(value)
                },
            },
        }

    async def create(
        self,
        template_ref: str,
        values: JsonObject,
        secrets: Mapping[str, str],
        credentials: Credentials,
        narrow: Narrow | None = None,
    ) -> str:
        """Check values and secrets, store a task and wake a worker. Returns the task's id.

        Raises:
            FormProblems: values or secrets do not fit the template.
            InputError: the reference is wrong.
            NotFoundError: there is no such template.
            DiskFullError: there is no room for a task.
        """
        self.equipment.quota.check_room(self.working_directory)
        ref = templates.parse_reference(template_ref)
        user_ref = credentials.user_ref
        beside = [user_ref] if user_ref else []
        known, users = await self._catalog_templates().get(ref, token=credentials.token, beside=beside)
        known = await known.narrowed(narrow)
        budget = RunBudget(self.limits)
        shown = await template_forms.check(known.template, values, secrets, budget)
        return await self.store.create(
            known.spec_text(shown, _user(user_ref, users)),
            created_by=user_ref,
            secrets=initiator.add_to(secrets, credentials),
            starts_over=known.template.starts_over,
        )

    async def get(self, task_id: str) -> Task:
        """Return a task. Raises NotFoundError."""
        return await self.store.get(task_id)

    async def list(
        self,
        *,
        created_by: Sequence[str] = (),
        status: Sequence[str] = (),
        order: Sequence[str] = (),
        limit: int | None = None,
        offset: int | None = None,
        visible: Filter | None = None,
    ) -> tuple[Sequence[Task], int]:
        """Return a page of tasks and the number of all that match; ``visible`` hides those that it does not match.

        Raises:
            InputError: an order is not ``asc|desc:<field>``, or its field is unknown.
        """
        orders = tuple(_parse_order(text) for text in order)
        wanted = TaskFilter(tuple(created_by), tuple(status), orders, limit, offset, visible)
        return await self.store.list(wanted)

    async def cancel(self, task_id: str) -> None:
        """Ask a task to end. Raises NotFoundError."""
        await self.store.cancel(task_id)

    async def retry(self, task_id: str, secrets: Mapping[str, str], credentials: Credentials) -> None:
        """Run an ended task again.

        Raises:
            NotFoundError: the task or its template does not exist.
            FormProblems: the template needs secrets, and these do not fit.
            ConflictError: the task has not ended.
            UnsealError: it could not use its secrets, none are given, and their key is missing still.
        """
        task = await self.store.get(task_id)
        if not secrets and task.created_by == credentials.user_ref:
            secrets = await self.store.secrets_left(task_id)
        if ref := (task.spec.get("templateInfo") or {}).get("entityRef"):
            known, _ = await self._catalog_templates().get(templates.parse_reference(ref), token=credentials.token)
            await template_forms.check_secrets_alone(known.template, secrets, RunBudget(self.limits))
        await self.store.retry(task_id, initiator.add_to(secrets, credentials), resume=self.resume_on_retry)

    async def event_list(
        self, task_id: str, after: int | None, known: Task | None = None
    ) -> Sequence[tuple[TaskEvent, bool]]:
        """Return the events behind ``after``, waiting up to 30 s for the first one."""
        task = known or await self.store.get(task_id)
        events = await self.events.first(task_id, after, starts_over=task.starts_over, patience=_POLL_PATIENCE)
        return [(event, task.starts_over) for event in events]

    async def past_events(
        self, task_id: str, after: int | None = None, known: Task | None = None
    ) -> Sequence[TaskEvent]:
        """Return the events behind ``after`` that there are by now. Raises NotFoundError."""
        task = known or await self.store.get(task_id)
        return await self.events.list(task_id, after, starts_over=task.starts_over)

    async def event_stream(
        self, task_id: str, after: int | None, known: Task | None = None
    ) -> AsyncGenerator[Sequence[tuple[TaskEvent, bool]]]:
        """Return the batches of a task's events as they come; an empty one is a sign of life. Raises NotFoundError."""
        task = known or await self.store.get(task_id)

        async def batches() -> AsyncGenerator[Sequence[tuple[TaskEvent, bool]]]:
            following = self.events.follow(task_id, after, starts_over=task.starts_over, heartbeat=_STREAM_HEARTBEAT)
            async with contextlib.aclosing(following):
                async for batch in following:
                    yield [(event, task.starts_over) for event in batch]

        return batches()

    async def dry_run(self, body: JsonObject, credentials: Credentials, gate: ActionGate | None = None) -> JsonObject:
        """Try a template that comes with the request; ``gate`` says which actions may run, by default all.

        Raises:
            FormProblems: values or secrets do not fit.
            BackstageError: the request is wrong, or a step failed.
        """
        budget = RunBudget(self.limits)
        parsed = await budget.compute(
            lambda: self._request_templates.parse(body["template"]), is_small=is_small(body["template"])
        )
        files = await budget.compute(
            lambda: directory.parse(body["directoryContents"]), is_small=is_small(body["directoryContents"])
        )
        secrets = body.get("secrets") or {}
        values = await template_forms.check(parsed, body["values"], secrets, budget)
        budget.expect_steps(len(parsed.steps))
        steps = steps_with_defaults(parsed.steps)
        spec = {
            "apiVersion": template.API_VERSION,
            "steps": steps,
            "output": parsed.output,
            "parameters": values,
            "user": await self._user(credentials),
        }
        wanted = DryRun(spec, parsed.metadata, initiator.add_to(secrets, credentials), files)
        result = await dryrun.run(
            wanted,
            delegation.equipment_for(self.equipment, credentials),
            working_directory=scratch.folder(self.working_directory),
            gate=gate or action_gate.for_author(),
            budget=budget,
        )
        size = sum(len(file.content) for file in result.files)
        return {
            "log": list(result.log),
            "directoryContents": await budget.compute(
                lambda: [file.as_json() for file in result.files], is_small=size <= SMALL
            ),
            "output": result.output,
            "steps": steps,
        }

    async def complete(
        self, provider: str, resource: str, token: str, context: Mapping[str, str]
    ) -> Sequence[JsonObject]:
        """Return completions for a form field."""
        return await autocomplete.complete(self.autocompletes, provider, resource, token, context)

    async def _user(self, credentials: Credentials) -> JsonObject:
        if not credentials.user_ref:
            return {}
        catalog = required(self.equipment.services.catalog, "catalog")
        found = await catalog.entities_by_refs([credentials.user_ref], token=credentials.token)
        return _user(credentials.user_ref, found)

    def _catalog_templates(self) -> Templates:
        if self._templates is None:
            self._templates = Templates(required(self.equipment.services.catalog, "catalog"))
        return self._templates


def _described(extension: Callable[..., Json]) -> JsonObject:
    return extension.as_json() if isinstance(extension, TemplateFilter | TemplateFunction) else {}


def _user(ref: str | None, found: Sequence[JsonObject | None]) -> JsonObject:
    user: JsonObject = {}
    if found and found[0] is not None:
        user["entity"] = found[0]
    if ref:
        user["ref"] = ref
    return user


def _parse_order(text: str) -> tuple[str, bool]:
    found = _ORDER.fullmatch(text)
    if not found:
        raise InputError(f'Invalid order parameter "{text}", expected "<asc or desc>:<field name>"')
    if found[2] not in _ORDER_FIELDS:
        raise InputError(f'Invalid order field "{found[2]}"')
    return found[2], found[1] == "desc"
