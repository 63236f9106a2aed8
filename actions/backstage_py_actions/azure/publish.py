"""``publish:azure``."""

from dataclasses import dataclass

from backstage_py.integrations.forges.azure import Repository
from backstage_py.integrations.forges.forge import NewRepository
from backstage_py.plugin import ActionContext, ForeignError, InputError, Json, JsonObject
from backstage_py.plugin.formats import parse_repo_url
from backstage_py_actions import hosting
from backstage_py_actions._builtin import builtin
from backstage_py_actions.azure import client


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """A new repository and its first commit."""

    repo_url: str
    description: str | None = None
    default_branch: str = "master"
    source_path: str | None = None
    token: str | None = None
    git_commit_message: str | None = "initial commit"
    git_author_name: str | None = None
    git_author_email: str | None = None
    sign_commit: bool | None = None


@builtin("publish:azure", Publish, ignored=hosting.OF_FORMS)
async def publish_azure(ctx: ActionContext[Publish]) -> JsonObject:
    """Create a repository and push the workspace to it."""
    wanted = ctx.input
    where = parse_repo_url(wanted.repo_url, ctx.integrations)
    if not where.organization:
        raise InputError(
            f"Invalid URL provider was included in the repo URL to create {wanted.repo_url}, missing organization"
        )
    await hosting.check_commit(ctx, where.host, sign=wanted.sign_commit, source_path=wanted.source_path)
    opened = client.opened(ctx, where.host, where.organization, wanted.token, client.MANAGE)
    async with opened as (api, git):
        repository = Repository(api, where.host, where.organization, str(where.project), str(where.repo), git)
        named = f"Organization {where.organization}, Project {where.project} and Repo {where.repo}"
        with hosting.about(f"Unable to create the repository with {named}"):
            made = await hosting.create(ctx, repository, NewRepository(), f"create.repo.{repository.label}", _made)
        commit = hosting.Commit(
            branch=wanted.default_branch,
            source_path=wanted.source_path,
            message=wanted.git_commit_message,
            author_name=wanted.git_author_name,
            author_email=wanted.git_author_email,
            sign=wanted.sign_commit,
        )
        key = f"push.{repository.label}"
        return {"commitHash": await hosting.push(ctx, repository, str(made["remoteUrl"]), commit, key), **made}


def _made(repository: Json) -> JsonObject:
    found = {
        "remoteUrl": (repository or {}).get("remoteUrl"),
        "repositoryId": (repository or {}).get("id"),
        "repoContentsUrl": (repository or {}).get("webUrl"),
    }
    if missing := [name for name, value in found.items() if not value]:
        raise ForeignError(f"Azure DevOps created the repository and says no {missing[0]}")
    return found
