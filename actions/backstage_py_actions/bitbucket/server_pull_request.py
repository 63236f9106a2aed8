"""``publish:bitbucketServer:pull-request``."""

from dataclasses import dataclass

from backstage_py.integrations.forges.bitbucket_server import Repository
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
    reviewers: list[str] | None = None
    token: str | None = None
    git_author_name: str | None = None
    git_author_email: str | None = None


@builtin("publish:bitbucketServer:pull-request", PullRequest)
async def publish_bitbucket_server_pull_request(ctx: ActionContext[PullRequest]) -> JsonObject:
    """Open a pull request for a branch, which is made with the files of the workspace when it is not there."""
    wanted = ctx.input
    async with client.server(ctx, wanted.repo_url, wanted.token) as repository:
        target = await _target(ctx, repository)
        source, commit = await _source(ctx, repository, target)
        reviewers = None if wanted.reviewers is None else [{"user": {"name": one}} for one in wanted.reviewers]
        request = Request(
            branch=wanted.source_branch,
            target=str(target["displayId"]),
            title=wanted.title,
            description=wanted.description,
            commit=commit,
            options={
                "fromRef": source,
                "toRef": target,
                **({} if reviewers is None else {"reviewers": reviewers}),
            },
        )
        key = f"create.pr.{repository.label}.{wanted.source_branch}.{request.target}"
        with hosting.about("Unable to create pull requests"):
            return {"pullRequestUrl": await hosting.open_request(ctx, repository, request, key, _page)}


def _page(request: Json) -> str:
    return str(request["links"]["self"][0]["href"])


async def _target(ctx: ActionContext[PullRequest], repository: Repository) -> JsonObject:
    """Return the branch that is proposed to, as it was when the step began.

    Raises:
        InputError: it is not there.
    """

    async def look() -> Json:
        name = ctx.input.target_branch or await repository.default_branch()
        if not name:
            raise InputError(f"Could not fetch default branch for {repository.label}")
        with hosting.about("Unable to get branches"):
            found = await repository.branch(name)
        if not found:
            raise InputError(
                f"Target branch '{name}' not found in repository {repository.label}. Please ensure the branch exists "
                "before creating a pull request."
            )
        return found

    found: JsonObject = await ctx.checkpoint(f"target.{repository.label}.{ctx.input.target_branch}", look)
    return found


async def _source(
    ctx: ActionContext[PullRequest], repository: Repository, target: JsonObject
) -> tuple[Json, str | None]:
    """Return the branch that is proposed, and its commit if this task made it with what the workspace holds."""
    wanted, key = ctx.input, f"{repository.label}.{ctx.input.source_branch}"

    async def look() -> Json:
        with hosting.about("Unable to get branches"):
            return await repository.branch(wanted.source_branch)

    before = await ctx.checkpoint(f"before.pr.{key}", look)
    if before:
        return before, None
    start = str(target["latestCommit"])

    async def create(_marker: str) -> Json:
        return await repository.create_branch(wanted.source_branch, start)

    async def find(_marker: str) -> Json:
        made = await repository.branch(wanted.source_branch)
        return made if made and made["latestCommit"] == start else None

    ctx.logger.info(f"source branch not found -> creating branch named: {wanted.source_branch} lastCommit: {start}")
    with hosting.about("Unable to create branch"):
        branch = await ctx.effect(f"branch.{key}", create=create, find=find)
    commit = hosting.Commit(
        branch=wanted.source_branch,
        message=wanted.description or hosting.config(ctx).get("defaultCommitMessage") or wanted.title,
        author_name=wanted.git_author_name,
        author_email=wanted.git_author_email,
    )
    pushed = await hosting.commit_onto(
        ctx, repository.host, repository.git_credentials, repository.remote_url, commit, start, f"push.{key}"
    )
    return branch, pushed
