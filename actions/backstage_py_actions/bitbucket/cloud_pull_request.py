"""``publish:bitbucketCloud:pull-request``."""

from dataclasses import dataclass

from backstage_py.integrations.forges.bitbucket_cloud import Repository
from backstage_py.integrations.forges.forge import Request
from backstage_py.plugin import ActionContext, InputError, Json, JsonObject
from backstage_py_actions import hosting
from backstage_py_actions._builtin import builtin
from backstage_py_actions.bitbucket import client


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A change and how it is proposed."""

    repo_url: str
    title: str
    source_branch: str
    description: str | None = None
    target_branch: str | None = None
    token: str | None = None
    git_author_name: str | None = None
    git_author_email: str | None = None


@builtin("publish:bitbucketCloud:pull-request", PullRequest)
async def publish_bitbucket_cloud_pull_request(ctx: ActionContext[PullRequest]) -> JsonObject:
    """Open a pull request for a branch, which is made with the files of the workspace when it is not there."""
    wanted = ctx.input
    async with client.cloud(ctx, wanted.repo_url, wanted.token) as (repository, _):
        target = wanted.target_branch or await repository.default_branch()
        if not target:
            raise InputError(f"Could not fetch default branch for {repository.label}")
        request = Request(
            branch=wanted.source_branch,
            target=target,
            title=wanted.title,
            description=wanted.description,
            commit=await _commit(ctx, repository, target),
        )
        key = f"create.pr.{repository.label}.{wanted.source_branch}.{target}"
        with hosting.about("Unable to create pull requests"):
            return {"pullRequestUrl": await hosting.open_request(ctx, repository, request, key, _page)}


def _page(request: Json) -> str:
    return str(request["links"]["html"]["href"])


async def _commit(ctx: ActionContext[PullRequest], repository: Repository, target: str) -> str | None:
    """Make the branch with what the workspace holds, and return its commit; None for a branch that was there before."""
    wanted, key = ctx.input, f"{repository.label}.{ctx.input.source_branch}"

    async def look() -> Json:
        return await repository.tip(wanted.source_branch) is not None

    with hosting.about("Unable to get branches"):
        was_there = await ctx.checkpoint(f"before.pr.{key}", look)
    if was_there:
        return None

    async def create(_marker: str) -> str:
        return await repository.create_branch(wanted.source_branch, target)

    async def find(_marker: str) -> str | None:
        made = await repository.tip(wanted.source_branch)
        return made if made is not None and made == await repository.tip(target) else None

    ctx.logger.info(f"source branch not found -> creating branch named: {wanted.source_branch}")
    with hosting.about("Unable to create branch"):
        start = await ctx.effect(f"branch.{key}", create=create, find=find)
    commit = hosting.Commit(
        branch=wanted.source_branch,
        message=wanted.description or hosting.config(ctx).get("defaultCommitMessage") or wanted.title,
        author_name=wanted.git_author_name,
        author_email=wanted.git_author_email,
    )
    return await hosting.commit_onto(
        ctx, repository.host, repository.git_credentials, repository.remote_url, commit, str(start), f"push.{key}"
    )
