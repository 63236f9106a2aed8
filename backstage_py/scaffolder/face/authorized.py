"""The scaffolder for callers who may not do everything; what may do everything uses ``ScaffolderService`` itself."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from backstage_py.errors import AuthenticationError, NotAllowedError
from backstage_py.identity.principals import Credentials, NonePrincipal
from backstage_py.model.entity_filter import Filter
from backstage_py.model.entity_ref import EntityRef
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.task import Task, TaskEvent
from backstage_py.model.template import Template
from backstage_py.permissions import criteria, names
from backstage_py.permissions.authority import Authority
from backstage_py.permissions.conditions import ResourceType
from backstage_py.permissions.decisions import Conditional, Verdict, is_allowed
from backstage_py.permissions.names import Permission
from backstage_py.permissions.scaffolder_rules import ACTION_RULES, TASK_RULES, TEMPLATE_RULES, TaskOwner
from backstage_py.scaffolder.face import delegation
from backstage_py.scaffolder.face.service import ScaffolderService
from backstage_py.scaffolder.face.templates import Narrow
from backstage_py.scaffolder.run.action_gate import ActionGate

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AuthorizedScaffolder:
    """The operations of ``ScaffolderService``, each within what its caller may do.

    Every method raises NotAllowedError when the policy says no, and a BackstageError when it cannot be asked.

    Attributes:
        ask_again: seconds for which the right to follow a task is taken for granted while its events are streamed.
    """

    service: ScaffolderService
    authority: Authority
    ask_again: float = 30.0

    async def parameter_schema(self, ref: EntityRef, credentials: Credentials) -> JsonObject:
        """Return the part of a template's form that the caller may see."""
        self._check_delegation(credentials)
        return await self.service.parameter_schema(ref, credentials, self._narrow(credentials))

    async def actions(self, credentials: Credentials) -> Sequence[JsonObject]:
        """Return the installed actions; everybody may see them."""
        return await self.service.actions(credentials)

    def templating_extensions(self) -> Json:
        """Return the filters and globals of templates; everybody may see them."""
        return self.service.templating_extensions()

    async def create(
        self, template_ref: str, values: JsonObject, secrets: Mapping[str, str], credentials: Credentials
    ) -> str:
        """Start a task with the steps that the caller may see. Returns its id."""
        await self._require(credentials, names.TASK_CREATE)
        self._check_delegation(credentials)
        return await self.service.create(template_ref, values, secrets, credentials, self._narrow(credentials))

    async def get(self, task_id: str, credentials: Credentials) -> Task:
        """Return a task."""
        task = await self.service.get(task_id)
        await self._require_for(task, credentials, names.TASK_READ)
        return task

    async def list(
        self,
        credentials: Credentials,
        *,
        created_by: Sequence[str] = (),
        status: Sequence[str] = (),
        order: Sequence[str] = (),
        limit: int | None = None,
        offset: int | None = None,
    ) -> tuple[Sequence[Task], int]:
        """Return a page of the tasks that the caller may read, and the number of all of those that match."""
        visible = await self._visible(credentials)
        return await self.service.list(
            created_by=created_by, status=status, order=order, limit=limit, offset=offset, visible=visible
        )

    async def cancel(self, task_id: str, credentials: Credentials) -> None:
        """Ask a task to end."""
        task = await self.service.get(task_id)
        await self._require_for(task, credentials, names.TASK_CANCEL, names.TASK_READ)
        await self.service.cancel(task_id)

    async def retry(self, task_id: str, secrets: Mapping[str, str], credentials: Credentials) -> None:
        """Run an ended task again, for the caller."""
        task = await self.service.get(task_id)
        await self._require(credentials, names.TASK_CREATE)
        await self._require_for(task, credentials, names.TASK_READ)
        self._check_delegation(credentials)
        await self.service.retry(task_id, secrets, credentials)

    async def event_list(
        self, task_id: str, after: int | None, credentials: Credentials
    ) -> Sequence[tuple[TaskEvent, bool]]:
        """Return the events of a task behind ``after``, waiting for the first one."""
        known = await self.get(task_id, credentials)
        return await self.service.event_list(task_id, after, known)

    async def past_events(self, task_id: str, after: int | None, credentials: Credentials) -> Sequence[TaskEvent]:
        """Return the events of a task behind ``after`` that there are by now."""
        known = await self.get(task_id, credentials)
        return await self.service.past_events(task_id, after, known)

    async def event_stream(
        self, task_id: str, after: int | None, credentials: Credentials
    ) -> AsyncGenerator[Sequence[tuple[TaskEvent, bool]]]:
        """Return the batches of a task's events as they come, until the caller may no longer read them."""
        task = await self.get(task_id, credentials)
        batches = await self.service.event_stream(task_id, after, task)
        return batches if self.authority.allows_all(credentials) else self._while_readable(task, batches, credentials)

    async def _while_readable(
        self, task: Task, batches: AsyncGenerator[Sequence[tuple[TaskEvent, bool]]], credentials: Credentials
    ) -> AsyncGenerator[Sequence[tuple[TaskEvent, bool]]]:
        """Yield the batches; a no of the policy ends them.

        Without an answer (its backend is away, the caller's token has expired) they break off, which makes Backstage's
        frontend come again with a new token.
        """
        now = asyncio.get_running_loop().time
        asked = now()
        async with contextlib.aclosing(batches):
            async for batch in batches:
                if now() - asked >= self.ask_again:
                    try:
                        await self._require_for(task, credentials, names.TASK_READ)
                    except NotAllowedError:
                        _log.info("event_stream_ended", task_id=task.id, caller=credentials.subject)
                        return
                    asked = now()
                yield batch

    async def dry_run(self, body: JsonObject, credentials: Credentials) -> JsonObject:
        """Try a template that comes with the request."""
        await self._require(credentials, names.TASK_CREATE, names.DRY_RUN)
        self._refuse_nobody(credentials)
        return await self.service.dry_run(body, credentials, ActionGate(self.authority, credentials))

    async def complete(
        self, provider: str, resource: str, token: str, context: Mapping[str, str]
    ) -> Sequence[JsonObject]:
        """Return completions for a form field; the token in the request decides what there is to see."""
        return await self.service.complete(provider, resource, token, context)

    def resource_types(self) -> Sequence[ResourceType[Json] | ResourceType[TaskOwner]]:
        """Return what a permission backend may have conditions applied to: tasks. The rest has no references."""

        async def find(refs: Sequence[str]) -> Sequence[TaskOwner | None]:
            return [TaskOwner((await self.service.get(ref)).created_by) for ref in refs]

        return ResourceType(TEMPLATE_RULES), ResourceType(ACTION_RULES), ResourceType(TASK_RULES, find)

    def _check_delegation(self, credentials: Credentials) -> None:
        """Go on only if we may read the catalog for the caller."""
        delegation.check(credentials, delegation.CATALOG)
        self._refuse_nobody(credentials)

    def _refuse_nobody(self, credentials: Credentials) -> None:
        """Refuse nobody where a policy decides: without a token, the catalog would take the caller for ourselves."""
        if isinstance(credentials.principal, NonePrincipal) and not self.authority.allows_all(credentials):
            raise AuthenticationError("Missing credentials")

    async def _require(self, credentials: Credentials, *permissions: Permission) -> None:
        if not self.authority.allows_all(credentials):
            await self.authority.require(credentials, *permissions)

    async def _require_for(self, task: Task, credentials: Credentials, *permissions: Permission) -> None:
        if self.authority.allows_all(credentials):
            return
        owner = TaskOwner(task.created_by)
        for decision in await self.authority.decide(permissions, credentials):
            if not is_allowed(decision, owner, TASK_RULES):
                raise NotAllowedError("")

    async def _visible(self, credentials: Credentials) -> Filter | None:
        """Return what the caller's list of tasks is filtered by, None when nothing is hidden."""
        if self.authority.allows_all(credentials):
            return None
        decision = (await self.authority.decide([names.TASK_READ], credentials))[0]
        if decision is Verdict.DENY:
            raise NotAllowedError("")
        return criteria.as_filter(decision.criteria, TASK_RULES) if isinstance(decision, Conditional) else None

    def _narrow(self, credentials: Credentials) -> Narrow | None:
        """Return what leaves only those pages and steps of a template that the caller may see."""
        if self.authority.allows_all(credentials):
            return None

        async def narrow(template: Template) -> Template:
            pages, steps = await self.authority.decide([names.PARAMETER_READ, names.STEP_READ], credentials)
            return replace(
                template,
                pages=[page for page in template.pages if is_allowed(pages, page, TEMPLATE_RULES)],
                steps=[step for step in template.steps if is_allowed(steps, step, TEMPLATE_RULES)],
            )

        return narrow
