"""``publish:bitbucketCloud``."""

from dataclasses import dataclass

from backstage_py.integrations.forges.forge import NewRepository
from backstage_py.plugin import ActionContext, ForeignError, Json, JsonObject
from backstage_py_actions import hosting
from backstage_py_actions._builtin import builtin
from backstage_py_actions.bitbucket import client


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """A new repository and its first commit."""

    repo_url: str
    description: str | None = None
    default_branch: str = "master"
    repo_visibility: str = "private"
    git_commit_message: str | None = None
    source_path: str | None = None
    token: str | None = None
    sign_commit: bool | None = None


@builtin("publish:bitbucketCloud", Publish, ignored=hosting.OF_FORMS)
async def publish_bitbucket_cloud(ctx: ActionContext[Publish]) -> JsonObject:
    """Create a repository and push the workspace to it."""
    wanted = ctx.input
    async with client.cloud(ctx, wanted.repo_url, wanted.token) as (repository, project):
        await hosting.check_commit(ctx, repository.host, sign=wanted.sign_commit, source_path=wanted.source_path)
        options: JsonObject = {
            "scm": "git",
            "is_private": wanted.repo_visibility == "private",
            "project": {"key": project},
        }
        new = NewRepository(description=wanted.description or "", options=options)
        key = f"{repository.host}.{repository.label}"
        with hosting.about("Unable to create repository"):
            made = await hosting.create(ctx, repository, new, f"create.repo.{key}", _made)
        commit = hosting.Commit(
            branch=wanted.default_branch,
            source_path=wanted.source_path,
            message=wanted.git_commit_message,
            sign=wanted.sign_commit,
        )
        return {
            "commitHash": await hosting.push(ctx, repository, str(made["remoteUrl"]), commit, f"push.{key}"),
            "remoteUrl": made["remoteUrl"],
            "repoContentsUrl": f"{made['page']}/src/{wanted.default_branch}",
        }


def _made(repository: Json) -> JsonObject:
    links = repository["links"]
    remote = next((one["href"] for one in links["clone"] if one["name"] == "https"), None)
    if not remote:
        raise ForeignError("Bitbucket created the repository and gives no URL of https for git")
    return {"remoteUrl": remote, "page": links["html"]["href"]}
