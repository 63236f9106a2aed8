"""``argocd:application:create``."""

from dataclasses import dataclass
from typing import Any

from backstage_py.integrations.argocd import instances, server
from backstage_py.integrations.gitops import applications
from backstage_py.integrations.gitops.applications import Application
from backstage_py.integrations.kubernetes import refs
from backstage_py.integrations.kubernetes.api import Api
from backstage_py.plugin import Action, ActionAttributes, ActionContext, ConflictError, InputError, JsonObject
from backstage_py_actions._builtin import builtin
from backstage_py_actions.gitops import instance
from backstage_py_actions.kubernetes import cluster, placing

_AUTOMATED = {"automated": {"prune": True, "selfHeal": True}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """What is deployed where, by which Argo CD; ``namespace`` is the one in which that finds the Application."""

    name: str
    repo_url: str
    destination_namespace: str
    namespace: str = "argocd"
    cluster_name: str | None = None
    token: str | None = None
    argo_instance: str | None = None
    manifest_path: str | None = None
    project: str = "default"
    create_project: bool = False
    path: str | None = None
    chart: str | None = None
    target_revision: str | None = None
    helm: JsonObject | None = None
    kustomize: JsonObject | None = None
    destination_server: str | None = None
    destination_name: str | None = None
    sync_policy: JsonObject | None = None
    cascade: bool = True
    labels: dict[str, str] | None = None
    update: bool = False
    force: bool = False

    def application(self) -> Application:
        """Return the Application."""
        if bool(self.path) == bool(self.chart):
            raise InputError("Give 'path', a folder of the repository, or 'chart', a chart of a Helm repository")
        if self.destination_server and self.destination_name:
            raise InputError("Give 'destinationServer' or 'destinationName', not both")
        if self.argo_instance and self.update:
            raise InputError("'update' goes through a cluster, whose rules say who may change what; not by an API")
        if self.create_project and self.project == "default":
            raise InputError("'createProject' needs 'project', a name other than default")
        return Application(
            name=self.name,
            namespace=self.namespace,
            project=self.project,
            source=self._source(),
            destination=self._destination(),
            sync_policy=_AUTOMATED if self.sync_policy is None else self.sync_policy,
            cascade=self.cascade,
            labels=self.labels or {},
        )

    def _source(self) -> JsonObject:
        source = {
            "repoURL": self.repo_url,
            "path": self.path,
            "chart": self.chart,
            "targetRevision": self.target_revision or ("*" if self.chart else "HEAD"),
            "helm": self.helm,
            "kustomize": self.kustomize,
        }
        return {key: value for key, value in source.items() if value}

    def _destination(self) -> JsonObject:
        if self.destination_name:
            return {"name": self.destination_name, "namespace": self.destination_namespace}
        server = self.destination_server or applications.LOCAL_CLUSTER
        return {"server": server, "namespace": self.destination_namespace}


@builtin(
    "argocd:application:create",
    Create,
    dry_run=True,
    attributes=ActionAttributes(idempotent=True),
    extra="kubernetes",
)
async def create(ctx: ActionContext[Create]) -> None:
    """Apply the Application, or write it into the workspace; another one of its name is refused without ``update``."""
    given, made = ctx.input, ctx.input.application()
    value = made.manifest()
    ctx.output("manifest", value)
    ctx.output("application", refs.of(value).as_json())
    if given.manifest_path:
        placing.write(ctx, given.manifest_path, [*([made.project_manifest()] if given.create_project else []), value])
    elif given.argo_instance:
        await _put(ctx, given.argo_instance, made)
    else:
        await _apply(ctx, made)


async def _put(ctx: ActionContext[Create], name: str, made: Application) -> None:
    """Have Argo CD's API make it."""
    found = instances.find(ctx.services.config or {}, name, token=ctx.input.token)
    namespace = str(made.destination.get("namespace") or "")
    await instance.refuse_unless_allowed(ctx, found, made.project, namespace)
    if ctx.is_dry_run:
        ctx.logger.warning(f"Argo CD '{name}' is not asked by a dry run")
        return
    project = made.project_manifest() if ctx.input.create_project else None
    await server.put(found, made.manifest(), project)
    ctx.logger.info(f"Application {made.name} is on Argo CD '{name}'")


async def _apply(ctx: ActionContext[Create], made: Application) -> None:
    given, value = ctx.input, made.manifest()
    async with cluster.opened_if_there(ctx, given.cluster_name, given.token) as kube:
        if kube is None:
            return
        await _refuse_another(kube, value, update=given.update)
        if given.create_project:
            await _create_project(ctx, kube, made.project_manifest())
        for one in await placing.apply(ctx, kube, [value], force=given.force):
            ctx.output("application", one.ref.as_json())


async def _refuse_another(kube: Api, value: JsonObject, *, update: bool) -> None:
    """Raise when there is another Application of this name, which this step would turn into its own."""
    there = await kube.get(refs.of(value))
    if there is not None and not update and applications.differs(there, value):
        source = there["spec"].get("source") or {}
        raise ConflictError(
            f"{refs.of(value)} is there already and deploys {source.get('repoURL')} "
            f"{source.get('path') or source.get('chart')}; choose another name, or set 'update' to change it"
        )


async def _create_project(ctx: ActionContext[Any], kube: Api, value: JsonObject) -> None:
    """Make the project; one that is there stays as it is, since others may deploy by it."""
    if await kube.get(refs.of(value)) is not None:
        ctx.logger.info(f"{refs.of(value)} is there already and stays as it is")
        return
    await placing.apply(ctx, kube, [value])


ACTIONS: tuple[Action, ...] = (create,)
