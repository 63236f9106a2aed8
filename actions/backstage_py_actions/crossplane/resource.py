"""``crossplane:postgres:request``, ``:status`` and ``:delete``, and the same for other resources by their name.

What ``/api/crossplane`` does for a caller, they do for the task's user; without one, for the owners of its template.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backstage_py.integrations import origins
from backstage_py.integrations.crossplane import entities, orders, ownership
from backstage_py.integrations.crossplane.composing import LOOKS, PATIENCE, Patience
from backstage_py.integrations.crossplane.offers import Offer
from backstage_py.integrations.crossplane.provisioned import Provisioned
from backstage_py.integrations.crossplane.provisioning import Provisioner
from backstage_py.plugin import Action, ActionAttributes, ActionContext, Json, JsonObject, NotFoundError
from backstage_py_actions._builtin import builtin
from backstage_py_actions.kubernetes import cluster

_POSTGRES = "postgres"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for, and for how long to wait for it."""

    service_name: str
    team: str
    resource: str = _POSTGRES
    size: str | None = None
    environments: Sequence[str] | None = None
    options: Mapping[str, Json] = field(default_factory=dict)
    wait: bool = True
    timeout_seconds: float = 1800
    looks: int = LOOKS
    error_seconds: float = PATIENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A resource that was asked for."""

    service_name: str
    team: str
    resource: str = _POSTGRES
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """What goes, and how."""

    service_name: str
    team: str
    confirm: str
    resource: str = _POSTGRES
    environments: Sequence[str] | None = None
    orphan: bool = False
    wait: bool = True
    timeout_seconds: float = 1800


async def request(ctx: ActionContext[Request]) -> None:
    """Ask for it in each environment, once, and wait until it is ready there."""
    given = ctx.input
    provisioner = _provisioner(ctx)
    if provisioner is None:
        return
    offer = provisioner.offer(given.resource)
    order = orders.parse(offer, _body(given))
    who = await _refuse_unless_member(ctx, offer, given.team)
    made = await provisioner.request(
        order, by=who, key=f"{ctx.task_id}/{ctx.step.id}/{ctx.each}", dry_run=ctx.is_dry_run, tell=ctx.logger.info
    )
    if given.wait and not ctx.is_dry_run:
        seconds = await cluster.seconds_left(ctx, given.timeout_seconds)
        patience = Patience(seconds, given.looks, given.error_seconds)
        waits = provisioner.wait(made, patience, tell=ctx.logger.info)
        made = await cluster.unless_cancelled(ctx, waits) or made
    _put_out(ctx, made)


def _body(given: Request) -> JsonObject:
    body: JsonObject = {"serviceName": given.service_name, "team": given.team, **given.options}
    body |= {"size": given.size} if given.size else {}
    return body | ({"environments": list(given.environments)} if given.environments else {})


async def status(ctx: ActionContext[Status]) -> None:
    """Put out how it stands in each environment."""
    given = ctx.input
    provisioner = _provisioner(ctx)
    if provisioner is None:
        return
    try:
        found = await _find(ctx, provisioner)
    except NotFoundError:
        if given.required:
            raise
        ctx.output("exists", value=False)
        return
    for part in found.parts:
        for line in part.root.lines() if part.root else ():
            ctx.logger.info(f"{part.environment}: {line}")
    ctx.output("exists", value=True)
    _put_out(ctx, found)


async def _find(ctx: ActionContext[Any], provisioner: Provisioner) -> Provisioned:
    offer = provisioner.offer(ctx.input.resource)
    await _refuse_unless_member(ctx, offer, ctx.input.team)
    namespace = offer.namespace.format(team=ctx.input.team)
    found = await provisioner.find(offer.name, namespace, ctx.input.service_name)
    if found.team != ctx.input.team:
        raise NotFoundError(f"The team '{ctx.input.team}' has no {offer.name} '{ctx.input.service_name}'")
    return found


async def delete(ctx: ActionContext[Delete]) -> None:
    """Have it go, and wait until it is gone."""
    given = ctx.input
    provisioner = _provisioner(ctx)
    if provisioner is None:
        return
    try:
        found = await _find(ctx, provisioner)
    except NotFoundError as error:
        ctx.logger.info(error.message)
        ctx.output("deleting", [])
        ctx.output("remains", [])
        return
    found = found.within(given.environments or ())
    found = await provisioner.delete(found, confirm=given.confirm, orphan=given.orphan, dry_run=ctx.is_dry_run)
    leaving = entities.leaving(found, await provisioner.remaining(found), orphan=given.orphan)
    for one in leaving["deleting"]:
        ctx.logger.info(f"{one['environment']}: {one['object']} {'would be deleted' if ctx.is_dry_run else 'deleted'}")
    for one in leaving["remains"]:
        ctx.logger.warning(f"{one['environment']}: {one['object']} remains ({one['why']})")
    ctx.output("deleting", leaving["deleting"])
    ctx.output("remains", leaving["remains"])
    if given.wait and not ctx.is_dry_run:
        seconds = await cluster.seconds_left(ctx, given.timeout_seconds)
        await cluster.unless_cancelled(ctx, provisioner.wait_until_gone(found, seconds, tell=ctx.logger.info))


def _provisioner(ctx: ActionContext[Any]) -> Provisioner | None:
    """Return what the configuration offers; in a dry run None where it offers nothing, as on an author's machine."""
    found = Provisioner(ctx.services.config or {}, ctx.services.integrations)
    if ctx.is_dry_run and not found.offers:
        ctx.logger.warning("No 'crossplane.resources' are configured; the dry run asks no cluster")
        return None
    return found


async def _refuse_unless_member(ctx: ActionContext[Any], offer: Offer, team: str) -> str:
    """Return who asks: the task's user, else whoever owns its template."""
    catalog, ref = ctx.services.catalog, ctx.user.ref
    if ref is None:
        template = ctx.template_info.entity_ref if ctx.template_info else None
        refs = await origins.owners(catalog, template) if template else ()
        ownership.refuse_unless_member(offer, team, refs, template or "Nobody")
        return template or ""
    [entity] = await catalog.entities_by_refs([ref], token=None) if catalog else [ctx.user.entity]
    ownership.refuse_unless_member(offer, team, ownership.of_user(ref, entity, ctx.services.config or {}), ref)
    return ref


def _put_out(ctx: ActionContext[Any], found: Provisioned) -> None:
    backend = (ctx.services.config or {}).get("backend") or {}
    shown = entities.shown(found, f"{str(backend.get('baseUrl') or '').rstrip('/')}/api/crossplane")
    for name in ("namespace", "name", "url", "ready", "environments", "entity"):
        ctx.output(name, shown[name])


_READS = ActionAttributes(idempotent=True, read_only=True)
_DELETES = ActionAttributes(idempotent=True, destructive=True)
_HANDLERS: dict[str, tuple[type, ActionAttributes, Callable[[ActionContext[Any]], Coroutine[Any, Any, None]]]] = {
    "request": (Request, ActionAttributes(idempotent=True), request),
    "status": (Status, _READS, status),
    "delete": (Delete, _DELETES, delete),
}
ACTIONS: tuple[Action, ...] = tuple(
    builtin(f"crossplane:{what}:{verb}", given, dry_run=True, attributes=attributes, needs_workspace=False,
            extra="kubernetes")(handler)
    for what in (_POSTGRES, "resource")
    for verb, (given, attributes, handler) in _HANDLERS.items()
)  # fmt: skip
