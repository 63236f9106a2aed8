"""``policy:check``."""

import asyncio
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from backstage_py.integrations.policy import admission, checks, subject
from backstage_py.integrations.policy.checks import Check, Each
from backstage_py.integrations.policy.findings import Finding
from backstage_py.integrations.policy.subject import Subject
from backstage_py.plugin import (
    Action,
    ActionAttributes,
    ActionContext,
    InputError,
    JsonObject,
    NotAllowedError,
    NotFoundError,
)
from backstage_py_actions._builtin import builtin
from backstage_py_actions.kubernetes import cluster

_LARGEST_POLICY = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInput:
    """A policy in one of five forms, and what it is asked about."""

    policy: str | None = None
    rego: str | None = None
    rego_path: str | None = None
    opa: str | None = None
    kyverno: bool = False
    package: str = "main"
    each: Each = "document"
    paths: list[str] = field(default_factory=lambda: list(checks.EVERYTHING))
    request: JsonObject = field(default_factory=dict)
    environment: str | None = None
    warn_in: list[str] = field(default_factory=list)
    cluster_name: str | None = None
    token: str | None = field(default=None, repr=False)
    namespace: str | None = None


Context = ActionContext[CheckInput]


@builtin(
    "policy:check",
    CheckInput,
    dry_run=True,
    attributes=ActionAttributes(read_only=True, idempotent=True, destructive=False),
)
async def check(ctx: Context) -> JsonObject:
    """Ask the policy, log what it says, and end the task when it denies something."""
    given = ctx.input
    chosen = (given.policy, given.rego, given.rego_path, given.opa, given.kyverno or None)
    if len([one for one in chosen if one is not None]) != 1:
        raise InputError("Give one of 'policy', 'rego', 'regoPath', 'opa' and 'kyverno'")
    request = {**given.request, "user": ctx.user.ref, "template": ctx.template_info and ctx.template_info.entity_ref}
    if given.policy is not None:
        wanted = _configured(ctx, given.policy)
        judged = await asyncio.to_thread(subject.read, ctx.workspace.root, wanted.paths, request)
        found = await wanted.findings(judged, ctx.services.config or {}, given.environment)
    else:
        judged = await asyncio.to_thread(subject.read, ctx.workspace.root, given.paths, request)
        found = await _found(ctx, judged)
        if given.environment in given.warn_in:
            found = [one.as_warning() for one in found]
    return _said(ctx, found)


async def _found(ctx: Context, judged: Subject) -> list[Finding]:
    given, config = ctx.input, ctx.services.config or {}
    if given.kyverno:
        async with cluster.opened_if_there(ctx, given.cluster_name, given.token) as kube:
            return [] if kube is None else await admission.judge(kube, judged, "admission", given.namespace)
    if given.opa is not None:
        wanted = Check(name=given.opa, opa=given.opa, each=given.each)
    else:
        modules = {"policy.rego": given.rego} if given.rego is not None else _modules(ctx, str(given.rego_path))
        wanted = Check(name=given.package, rego=modules, package=given.package, each=given.each)
    return await wanted.findings(judged, config, None)


def _configured(ctx: Context, name: str) -> Check:
    """Return the operator's policy; the step's ``paths`` narrow it only when the operator named none."""
    known = {one.name: one for one in checks.configured(ctx.services.config or {})}
    if name not in known:
        raise NotFoundError(f"'{checks.KEY}' has no policy '{name}'; it has: {', '.join(known) or 'none'}")
    found = known[name]
    return found if found.paths != checks.EVERYTHING else dataclasses.replace(found, paths=tuple(ctx.input.paths))


def _modules(ctx: Context, name: str) -> dict[str, str]:
    path = ctx.workspace.path(name)
    if not path.exists():
        raise NotFoundError(f"The workspace has no file '{name}'")
    listed = [one for one in ctx.workspace.files(name) if one.suffix == ".rego"] if path.is_dir() else [path]
    modules = {}
    for one in listed:
        inside = ctx.workspace.path(one)
        if inside.stat().st_size > _LARGEST_POLICY:
            raise InputError(f"'{name}' has a policy that is larger than {_LARGEST_POLICY // 2**20} MiB")
        modules[ctx.workspace.relative(inside)] = inside.read_text(encoding="utf-8", errors="replace")
    if not modules:
        raise NotFoundError(f"The folder '{name}' has no file that ends in .rego")
    return modules


def _said(ctx: Context, found: Sequence[Finding]) -> JsonObject:
    denied = [one for one in found if not one.is_warning]
    for one in found:
        (ctx.logger.warning if one.is_warning else ctx.logger.error)(f"Policy {one}")
    if denied:
        raise NotAllowedError(f"Denied by policy {'; '.join(str(one) for one in denied)}")
    if not found:
        ctx.logger.info("The policy holds nothing against it")
    return {"warnings": [one.as_json() for one in found]}


ACTIONS: tuple[Action, ...] = (check,)
