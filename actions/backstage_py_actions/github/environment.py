"""``github:environment:create``."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backstage_py.integrations import github
from backstage_py.integrations.forges.github import Repository
from backstage_py.plugin import ActionContext, BackstageError, Json, JsonObject
from backstage_py.plugin.formats import parse_entity_ref
from backstage_py_actions._builtin import builtin
from backstage_py_actions.github import client, secrets

_ENVIRONMENT = "/environments/{environment}"
_KINDS = {
    "User": ("/users/{name}", "User"),
    "Group": ("/orgs/{owner}/teams/{name}", "Team"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An environment and who and what may deploy to it."""

    repo_url: str
    name: str
    deployment_branch_policy: Mapping[str, bool] | None = None
    custom_branch_policy_names: list[str] = field(default_factory=list)
    custom_tag_policy_names: list[str] = field(default_factory=list)
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    token: str | None = None
    wait_timer: float | None = None
    prevent_self_review: bool | None = None
    reviewers: list[str] = field(default_factory=list)


@builtin("github:environment:create", Environment, needs_workspace=False)
async def github_environment_create(ctx: ActionContext[Environment]) -> None:
    """Make or change an environment, with its policies, variables and secrets."""
    wanted = ctx.input
    async with client.repository(ctx, wanted.repo_url, wanted.token) as target:
        reviewers = await _reviewers(ctx, target)
        prefix = f"{target.owner}.{target.name}.{wanted.name}"

        async def create() -> Json:
            await target.call("PUT", _ENVIRONMENT, _body(wanted, reviewers), environment=wanted.name)
            return None

        await ctx.checkpoint(f"create.or.update.environment.{prefix}", create)
        policies = [("branch", name) for name in wanted.custom_branch_policy_names]
        policies += [("tag", name) for name in wanted.custom_tag_policy_names]
        for kind, name in policies:
            await _policy(ctx, target, kind, name, f"create.deployment.branch.policy.{kind}.{prefix}.{name}")
        for name, value in wanted.environment_variables.items():
            await _variable(ctx, target, name, value, f"create.env.variable.{prefix}.{name}")
        where = f"create.or.update.env.secrets.{prefix}"
        await secrets.put(ctx, target, f"{_ENVIRONMENT}/secrets", wanted.secrets, where, environment=wanted.name)


def _body(wanted: Environment, reviewers: list[JsonObject]) -> JsonObject:
    given = {
        "deployment_branch_policy": wanted.deployment_branch_policy,
        "wait_timer": wanted.wait_timer,
        "prevent_self_review": wanted.prevent_self_review,
        "reviewers": reviewers or None,
    }
    return {name: value for name, value in given.items() if value is not None}


async def _policy(ctx: ActionContext[Environment], target: Repository, kind: str, name: str, key: str) -> None:
    path, body = f"{_ENVIRONMENT}/deployment-branch-policies", {"type": kind, "name": name}

    async def create(_marker: str) -> bool:
        await target.call("POST", path, body, environment=ctx.input.name)
        return True

    async def find(_marker: str) -> bool | None:
        known = await target.list(path, "branch_policies", environment=ctx.input.name)
        return True if any(body.items() <= one.items() for one in known) else None

    await ctx.effect(key, create=create, find=find)


async def _variable(ctx: ActionContext[Environment], target: Repository, name: str, value: str, key: str) -> None:
    async def create(_marker: str) -> bool:
        body = {"name": name, "value": value}
        await target.call("POST", f"{_ENVIRONMENT}/variables", body, environment=ctx.input.name)
        return True

    async def find(_marker: str) -> bool | None:
        found = await target.get(f"{_ENVIRONMENT}/variables/{{variable}}", environment=ctx.input.name, variable=name)
        return True if found and found["value"] == value else None

    await ctx.effect(key, create=create, find=find)


async def _reviewers(ctx: ActionContext[Environment], target: Repository) -> list[JsonObject]:
    """Return the ids that GitHub knows the reviewers by; those it does not know are logged and left out."""
    if not ctx.input.reviewers:
        return []
    refs = [str(parse_entity_ref(ref, default_kind="user")) for ref in ctx.input.reviewers]
    found: list[JsonObject] = []
    for entity in await ctx.catalog.entities_by_refs(refs, token=ctx.token):
        if entity is None or entity["kind"] not in _KINDS:
            continue
        template, kind = _KINDS[entity["kind"]]
        name = str(entity["metadata"]["name"])
        try:
            known = await target.api.call("GET", github.path(template, owner=target.owner, name=name))
        except BackstageError as error:
            ctx.logger.error(f"{kind} not found: {error.message}")
            continue
        found.append({"type": kind, "id": known["id"]})
    return found
