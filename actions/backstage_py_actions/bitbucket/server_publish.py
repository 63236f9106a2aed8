"""``publish:bitbucketServer``."""

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
    repo_visibility: str = "private"
    default_branch: str = "master"
    source_path: str | None = None
    enableLFS: bool = False  # noqa: N815  # as templates have it
    token: str | None = None
    git_commit_message: str | None = "initial commit"
    git_author_name: str | None = None
    git_author_email: str | None = None
    sign_commit: bool | None = None


@builtin("publish:bitbucketServer", Publish, ignored=hosting.OF_FORMS)
async def publish_bitbucket_server(ctx: ActionContext[Publish]) -> JsonObject:
    """Create a repository and push the workspace to it."""
    wanted = ctx.input
    async with client.server(ctx, wanted.repo_url, wanted.token) as repository:
        await hosting.check_commit(ctx, repository.host, sign=wanted.sign_commit, source_path=wanted.source_path)
        options: JsonObject = {
            "defaultBranch": wanted.default_branch,
            "public": wanted.repo_visibility == "public",
        }
        new = NewRepository(description=wanted.description or "", options=options)
        key = f"{repository.host}.{repository.label}"
        with hosting.about("Unable to create repository"):
            made = await hosting.create(ctx, repository, new, f"create.repo.{key}", _made)
        commit = hosting.Commit(
            branch=wanted.default_branch,
            source_path=wanted.source_path,
            message=wanted.git_commit_message,
            author_name=wanted.git_author_name,
            author_email=wanted.git_author_email,
            sign=wanted.sign_commit,
        )
        pushed = await hosting.push(ctx, repository, str(made["remoteUrl"]), commit, f"push.{key}")
        if wanted.enableLFS:
            with hosting.about("Failed to enable LFS in the repository"):
                await hosting.once(ctx, f"lfs.{key}", repository.switch_on_large_files)
    return {"commitHash": pushed, **made}


def _made(repository: Json) -> JsonObject:
    links = repository["links"]
    remote = next((one["href"] for one in links["clone"] if one["name"] == "http"), None)
    if not remote:
        raise ForeignError("Bitbucket created the repository and gives no URL of http for git")
    return {"remoteUrl": remote, "repoContentsUrl": links["self"][0]["href"]}
