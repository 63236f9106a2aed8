"""``bitbucketCloud:branchRestriction:create``."""

from dataclasses import dataclass, field
from http import HTTPStatus

from backstage_py.plugin import ActionContext, Json, JsonObject
from backstage_py.plugin.formats import stringify_json
from backstage_py_actions._builtin import builtin
from backstage_py_actions.bitbucket import client


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """Who may do what with which branches."""

    repo_url: str
    kind: str
    branch_match_kind: str = "branching_model"
    branch_type: str = "development"
    pattern: str = ""
    value: float | None = 1
    users: list[JsonObject] = field(default_factory=list)
    groups: list[JsonObject] = field(default_factory=list)
    token: str | None = None


@builtin("bitbucketCloud:branchRestriction:create", Restriction, needs_workspace=False)
async def bitbucket_cloud_branch_restriction_create(ctx: ActionContext[Restriction]) -> JsonObject:
    """Restrict branches. Behind an intent, a restriction that is as wanted is this task's."""
    wanted, restriction = ctx.input, _body(ctx.input)
    async with client.cloud(ctx, wanted.repo_url, wanted.token or None) as (repository, _):

        async def create(_marker: str) -> Json:
            return await repository.restrict(restriction)

        async def find(_marker: str) -> Json:
            return await repository.find_restriction(restriction)

        which = restriction.get("pattern") or restriction.get("branch_type")
        key = f"restrict.{repository.label}.{wanted.kind}.{which}"
        made = await ctx.effect(key, create=create, find=find)
    ctx.logger.info(f"Branches of {repository.label} are restricted: {wanted.kind}")
    answer = {"data": made, "status": int(HTTPStatus.CREATED)}
    return {"statusCode": answer["status"], "json": stringify_json(answer)}


def _body(wanted: Restriction) -> JsonObject:
    by_name = wanted.branch_match_kind == "glob"
    return {
        "kind": wanted.kind,
        "branch_match_kind": wanted.branch_match_kind,
        "value": None if wanted.kind == "push" else wanted.value,
        "users": [{"uuid": one["uuid"], "type": "user"} for one in wanted.users],
        "groups": [{"slug": one["slug"], "type": "group"} for one in wanted.groups],
        **({"pattern": wanted.pattern} if by_name else {"branch_type": wanted.branch_type}),
    }
