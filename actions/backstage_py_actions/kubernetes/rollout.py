"""``kubernetes:rollout``."""

from dataclasses import dataclass

from backstage_py.integrations.kubernetes import criteria, readiness, waiting
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.plugin import Action, ActionAttributes, ActionContext, InputError, Json
from backstage_py_actions._builtin import builtin
from backstage_py_actions.kubernetes import cluster, targets

_RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A workload, whether its pods are made anew, and how long its rollout may take."""

    name: str
    kind: str = "Deployment"
    namespace: str | None = None
    cluster_name: str | None = None
    token: str | None = None
    restart: bool = False
    timeout_seconds: float = 300


@builtin(
    "kubernetes:rollout",
    Rollout,
    attributes=ActionAttributes(),
    needs_workspace=False,
    extra="kubernetes",
)
async def rollout(ctx: ActionContext[Rollout]) -> None:
    """Restart once, if asked, and wait until all pods are of the newest form."""
    given = ctx.input
    if given.kind not in readiness.ROLLOUTS:
        raise InputError(f"A {given.kind} does not roll out; {', '.join(sorted(readiness.ROLLOUTS))} do")
    ref = Ref(targets.version(None, given.kind), given.kind, given.name, given.namespace)
    async with cluster.opened(ctx, given.cluster_name, given.token) as kube:
        if given.restart:
            at = await ctx.checkpoint("restarted at", ctx.clock.now().isoformat)
            await kube.merge(ref, _restart(given.kind, at))
            ctx.logger.info(f"{await kube.full(ref)} restarted")
        left = await cluster.seconds_left(ctx, given.timeout_seconds)
        waits = waiting.until(kube, ref, criteria.parse("rollout"), tell=ctx.logger.info, seconds=left)
        done = await cluster.unless_cancelled(ctx, waits)
    if done is not None:
        ctx.output("revision", (done["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision", ""))


def _restart(kind: str, at: Json) -> dict[str, Json]:
    """Return the change that makes pods anew; the same moment, after a crash, is no change."""
    if kind == "Rollout":
        return {"spec": {"restartAt": at}}
    return {"spec": {"template": {"metadata": {"annotations": {_RESTARTED_AT: at}}}}}


ACTIONS: tuple[Action, ...] = (rollout,)
