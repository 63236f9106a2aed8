"""``kubernetes:wait``."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from backstage_py.integrations.kubernetes import criteria, differences, readiness, silence, waiting
from backstage_py.integrations.kubernetes.readiness import Judge, Verdict
from backstage_py.plugin import Action, ActionAttributes, ActionContext, JsonObject
from backstage_py_actions._builtin import builtin
from backstage_py_actions.kubernetes import cluster, targets


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Objects, what they should be like, and for how long to wait."""

    cluster_name: str | None = None
    token: str | None = None
    api_version: str | None = None
    kind: str | None = None
    name: str | None = None
    namespace: str | None = None
    objects: Sequence[JsonObject] | None = None
    until: str = "ready"
    timeout_seconds: float = 300
    looks: int = 1


@builtin(
    "kubernetes:wait",
    Wait,
    attributes=ActionAttributes(idempotent=True, read_only=True),
    needs_workspace=False,
    extra="kubernetes",
)
async def wait(ctx: ActionContext[Wait]) -> None:
    """Wait for one object after the other, within one time for all."""
    given, criterion = ctx.input, criteria.parse(ctx.input.until)
    found: JsonObject | None = None
    async with cluster.opened(ctx, given.cluster_name, given.token) as kube:
        left = await cluster.seconds_left(ctx, given.timeout_seconds)
        end = ctx.clock.monotonic() + left
        for one in targets.read(given.objects, given.api_version, given.kind, given.name, given.namespace):
            seconds = max(1.0, end - ctx.clock.monotonic())
            asked = await silence.judge(kube, one) if criterion is readiness.ready else criterion
            waits = waiting.until(
                kube, one, partial(_judged, asked), tell=ctx.logger.info, seconds=seconds, looks=given.looks
            )
            found = await cluster.unless_cancelled(ctx, waits)
            if ctx.signal.is_set:
                return
    if found is not None:
        ctx.output("object", differences.public(found))


def _judged(criterion: Judge, value: JsonObject | None) -> Verdict:
    return criterion(differences.public(value) if value is not None else None)  # its words stand in the log


ACTIONS: tuple[Action, ...] = (wait,)
