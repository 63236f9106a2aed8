"""``argocd:create-resources``, ``argocd:create-app`` and ``cnoe:create-argocd-app``."""

from dataclasses import dataclass

from backstage_py.integrations.argocd import instances, server
from backstage_py.plugin import Action, ActionContext, InputError
from backstage_py_actions._builtin import builtin
from backstage_py_actions.gitops import instance


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """What is deployed and by which Argo CD; ``namespace`` and ``app_namespace`` are the one that is deployed to."""

    app_name: str
    argo_instance: str
    repo_url: str
    path: str
    namespace: str | None = None
    app_namespace: str | None = None
    project_name: str | None = None
    label_value: str | None = None

    def application(self) -> server.Application:
        """Return the application, whose name also names its project and label by default."""
        namespace = self.app_namespace or self.namespace
        if not namespace:
            raise InputError("Give appNamespace, the namespace that is deployed to")
        return server.Application(
            name=self.app_name,
            project=self.project_name or self.app_name,
            namespace=namespace,
            repo_url=self.repo_url,
            path=self.path,
            label=self.label_value or self.app_name,
        )


@builtin("argocd:create-resources", Create, needs_workspace=False)
async def create_resources(ctx: ActionContext[Create]) -> None:
    """Create a project that may deploy from this repository to this namespace, and the application in it."""
    await _create(ctx, with_project=True)


@builtin("argocd:create-app", Create, needs_workspace=False)
async def create_app(ctx: ActionContext[Create]) -> None:
    """Create an application in a project that is there."""
    await _create(ctx, with_project=False)


@builtin("cnoe:create-argocd-app", Create, needs_workspace=False)
async def cnoe_create_app(ctx: ActionContext[Create]) -> None:
    """Create an application in a project that is there."""
    await _create(ctx, with_project=False)


async def _create(ctx: ActionContext[Create], *, with_project: bool) -> None:
    given, application = ctx.input, ctx.input.application()
    found = instances.find(ctx.services.config or {}, given.argo_instance)
    await instance.refuse_unless_allowed(ctx, found, application.project, application.namespace)
    ctx.logger.info(f"Creating app {application.name} on {found.name}")
    await server.create(found, application, with_project=with_project)


ACTIONS: tuple[Action, ...] = (create_resources, create_app, cnoe_create_app)
