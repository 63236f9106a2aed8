"""An Argo CD of the configuration as the template of a step may use it, and ``argocd:*`` by its API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from backstage_py.integrations import origins
from backstage_py.integrations.argocd import instances, server
from backstage_py.integrations.argocd import waiting as looking
from backstage_py.integrations.argocd.instances import Instance
from backstage_py.integrations.argocd.server import Caller
from backstage_py.integrations.gitops import applications
from backstage_py.integrations.kubernetes.readiness import Judge
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.integrations.origins import Origin
from backstage_py.plugin import ActionContext, InputError, JsonObject, NotAllowedError
from backstage_py_actions.kubernetes import cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """An Application and where it is: on a cluster, or on an Argo CD whose API is called."""

    name: str
    namespace: str = "argocd"
    cluster_name: str | None = None
    token: str | None = None
    argo_instance: str | None = None
    project: str | None = None

    @property
    def ref(self) -> Ref:
        """What names it."""
        return applications.ref(self.name, self.namespace)


async def origin(ctx: ActionContext[Any], instance: Instance) -> Origin | None:
    """Return what the operator's rules are asked about: the step's template; None where there is none."""
    template = ctx.template_info
    if template is None:
        return None
    owners = await origins.owners(ctx.services.catalog, template.entity_ref) if instance.needs_owners else ()
    return Origin(owners, template.base_url)


async def refuse_unless_allowed(ctx: ActionContext[Any], instance: Instance, project: str, namespace: str) -> None:
    """Return when an Application may be made: rules count where the operator wrote some, else the token alone does.

    Raises:
        NotAllowedError: a rule that would let it is missing.
    """
    if instance.rules is not None:
        instance.refuse_unless_allowed(await origin(ctx, instance), project, namespace)


@dataclass(frozen=True, slots=True)
class ByApi:
    """An Application on an Argo CD, looked at and changed within the operator's rules."""

    caller: Caller
    asks: Origin | None
    name: str
    namespace: str
    project: str | None

    def __str__(self) -> str:
        """As the log shows it."""
        return f"Application/{self.namespace}/{self.name}"

    async def look(self, *, refresh: bool = False) -> JsonObject | None:
        """Return it as it is; None where there is none.

        Raises:
            NotAllowedError: by the operator's rules, or by Argo CD, which says so of one that is not there, too, unless
                its project is named.
        """
        try:
            value = await self.caller.application(self.name, self.namespace, self.project, refresh=refresh)
        except NotAllowedError as error:
            hint = "" if self.project else "; it says so, too, where there is none: name its 'project' to have it told"
            raise NotAllowedError(f"{error.message}{hint}") from error
        if value is not None:
            spec = value["spec"]
            to = str((spec.get("destination") or {}).get("namespace") or "")
            self.caller.instance.refuse_unless_allowed(self.asks, str(spec.get("project") or "default"), to)
        return value

    async def until(
        self, ctx: ActionContext[Any], judge: Judge, seconds: float, *, looks: int = 1
    ) -> JsonObject | None:
        """Wait for a verdict, unless the task is cancelled."""
        waits = looking.until(self.look, judge, str(self), tell=ctx.logger.info, seconds=seconds, looks=looks)
        return await cluster.unless_cancelled(ctx, waits)


@asynccontextmanager
async def opened(ctx: ActionContext[Any], which: Which) -> AsyncIterator[ByApi]:
    """Open an Application on an Argo CD of the configuration; with a ``token``, as whom that is.

    Raises:
        NotFoundError, SettingsError: there is no such instance. NotAllowedError: it is not open to templates.
    """
    if which.cluster_name:
        raise InputError("Give 'clusterName' or 'argoInstance', not both")
    instance = instances.find(ctx.services.config or {}, str(which.argo_instance), token=which.token)
    asks = await origin(ctx, instance)
    instance.refuse_unless_open(asks)
    async with server.opened(instance) as caller:
        yield ByApi(caller, asks, which.name, which.namespace, which.project)
