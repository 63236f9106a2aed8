"""``terraform:plan`` and ``terraform:apply``, for Terraform and OpenTofu."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backstage_py.integrations.terraform import plans, program, rules, scan
from backstage_py.integrations.terraform.rules import Rules
from backstage_py.plugin import Action, ActionAttributes, ActionContext, InputError, Json, JsonObject, NotFoundError
from backstage_py.plugin.formats import parse_json
from backstage_py_actions._builtin import builtin

_MOST_LINES = 2_000
_CHANGES = 2
_VARIABLES = "backstage.auto.tfvars.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A configuration, and where its plan goes."""

    path: str = "."
    plan_path: str = "terraform.tfplan"
    variables: JsonObject = field(default_factory=dict)
    destroy: bool = False
    state: str | None = None
    timeout_seconds: float = 600


@builtin("terraform:plan", Plan, attributes=ActionAttributes(idempotent=True, destructive=False))
async def plan(ctx: ActionContext[Plan]) -> JsonObject:
    """Look at the configuration, plan, show the plan, and seal it."""
    given, config = ctx.input, ctx.services.config or {}
    allowed = rules.read(config)
    folder, target = _folder(ctx, given.path), ctx.workspace.path(given.plan_path)
    await asyncio.to_thread(_write_variables, folder, given.variables)
    scan.refuse(await asyncio.to_thread(scan.files, folder), allowed)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    opened = program.opened(allowed, folder, state=given.state, seconds=given.timeout_seconds, config=config)
    async with opened as binary:
        destroy = ("-destroy",) if given.destroy else ()
        await binary.run(
            "plan", "-input=false", "-no-color", "-detailed-exitcode", *destroy, f"-out={target}", also=(_CHANGES,)
        )
        lines = (await binary.run("show", "-no-color", str(target))).splitlines()
        changes = _counted(await binary.run("show", "-json", str(target)))
    for line in lines[:_MOST_LINES]:
        ctx.logger.info(line)
    if len(lines) > _MOST_LINES:
        ctx.logger.info(f"… and {len(lines) - _MOST_LINES} more lines")
    digest = await asyncio.to_thread(_digest, ctx, allowed, folder, target)
    return {"planPath": given.plan_path, "digest": digest, "changes": changes}


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply:
    """A plan, with the digest that ``terraform:plan`` gave it, and the folder that it was made of."""

    plan_path: str = "terraform.tfplan"
    digest: str
    path: str = "."
    state: str | None = None
    timeout_seconds: float = 3_600


@builtin("terraform:apply", Apply, attributes=ActionAttributes(destructive=True))
async def apply(ctx: ActionContext[Apply]) -> JsonObject:
    """Apply exactly that plan, once; what came of an apply whose end nobody saw is for a person to look at."""
    given, config = ctx.input, ctx.services.config or {}
    allowed = rules.read(config)
    folder, target = _folder(ctx, given.path), ctx.workspace.path(given.plan_path)
    if not target.is_file():
        raise NotFoundError(f"The workspace has no plan '{given.plan_path}'; make it with terraform:plan")
    plans.refuse_unless_same(given.digest, await asyncio.to_thread(_digest, ctx, allowed, folder, target))

    async def create(_: str) -> JsonObject:
        opened = program.opened(allowed, folder, state=given.state, seconds=given.timeout_seconds, config=config)
        async with opened as binary:
            for line in (await binary.run("apply", "-input=false", "-no-color", str(target))).splitlines():
                ctx.logger.info(line)
            return _outputs(await binary.run("output", "-json", "-no-color"))

    return {"outputs": await ctx.effect("apply", create=create)}


def _folder(ctx: ActionContext[Plan] | ActionContext[Apply], name: str) -> Path:
    folder = ctx.workspace.path(name)
    if not folder.is_dir():
        raise NotFoundError(f"The workspace has no folder '{name}'")
    return folder


def _write_variables(folder: Path, variables: JsonObject) -> None:
    if (folder / _VARIABLES).is_symlink():
        raise InputError(f"'{_VARIABLES}' is a link")
    if variables:
        (folder / _VARIABLES).write_text(json.dumps(variables), encoding="utf-8")


def _digest(ctx: ActionContext[Plan] | ActionContext[Apply], allowed: Rules, folder: Path, target: Path) -> str:
    tree = {name: one for name, one in scan.files(folder).items() if folder / name != target}
    return plans.digest(allowed, ctx.task_id, tree, target.read_bytes())


def _counted(text: str) -> JsonObject:
    """Return how much a plan creates, changes and deletes; a replacement counts twice."""
    plan_of: Mapping[str, Json] = parse_json(text.encode())
    actions = [one for change in plan_of.get("resource_changes") or [] for one in change["change"]["actions"]]
    return {name: actions.count(name) for name in ("create", "update", "delete")}


def _outputs(text: str) -> JsonObject:
    """Return the outputs that are not sensitive."""
    found: Mapping[str, Json] = parse_json(text.encode())
    return {name: one["value"] for name, one in found.items() if not one.get("sensitive")}


ACTIONS: tuple[Action, ...] = (plan, apply)
