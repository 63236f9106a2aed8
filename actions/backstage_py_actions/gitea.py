"""``publish:gitea``."""

from dataclasses import dataclass

from backstage_py.integrations.forges import gitea
from backstage_py.integrations.forges.forge import NewRepository
from backstage_py.integrations.forges.gitea import Repository
from backstage_py.integrations.forges.rest import RestApi
from backstage_py.plugin import Action, ActionContext, Json, JsonObject
from backstage_py.plugin.formats import parse_repo_url
from backstage_py_actions import hosting
from backstage_py_actions._builtin import builtin

_SECONDS_UNTIL_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """A new repository and its first commit."""

    repo_url: str
    description: str = ""
    default_branch: str = "main"
    repo_visibility: str = "public"
    git_commit_message: str = "initial commit"
    git_author_name: str | None = None
    git_author_email: str | None = None
    source_path: str | None = None
    sign_commit: bool | None = None


@builtin("publish:gitea", Publish, ignored=hosting.OF_FORMS)
async def publish_gitea(ctx: ActionContext[Publish]) -> JsonObject:
    """Create a repository and push the workspace to it; without an owner it is the integration's user's."""
    wanted = ctx.input
    where = parse_repo_url(wanted.repo_url, ctx.integrations)
    own = hosting.integration(ctx, "gitea", where.host)
    api, credentials = gitea.opened(own, hosting.patience(ctx))
    await hosting.check_commit(ctx, where.host, sign=wanted.sign_commit, source_path=wanted.source_path)
    repository = Repository(api, where.host, where.owner or credentials.username, str(where.repo), credentials)
    async with api:
        if where.owner:
            await _must_be_organization(api, where.owner)
        new = NewRepository(
            description=wanted.description,
            of_group=bool(where.owner),
            options={"private": wanted.repo_visibility == "private"},
        )
        with hosting.about("Unable to create repository"):
            await hosting.create(ctx, repository, new, f"create.repository.{repository.label}", _made)
        page = f"{own.site}/{repository.label}"
        commit = await hosting.push(ctx, repository, f"{page}.git", await _commit(ctx), f"push.{repository.label}")
        await _until_shown(ctx, repository, wanted.default_branch)
    return {
        "remoteUrl": f"{page}.git",
        "commitHash": commit,
        "repoContentsUrl": f"{page}/src/branch/{wanted.default_branch}/",
    }


def _made(repository: Json) -> JsonObject:
    return {"id": repository["id"]}


async def _commit(ctx: ActionContext[Publish]) -> hosting.Commit:
    wanted = ctx.input
    return hosting.Commit(
        branch=wanted.default_branch,
        source_path=wanted.source_path,
        message=await hosting.message_with_change_id(ctx, wanted.git_commit_message),
        author_name=wanted.git_author_name,
        author_email=wanted.git_author_email,
        sign=wanted.sign_commit,
    )


async def _must_be_organization(api: RestApi, owner: str) -> None:
    with hosting.as_input_error(f"Organization {owner} do not exist. Please create it first !"):
        await api.call("GET", gitea.path("/orgs/{owner}", owner=owner))


async def _until_shown(ctx: ActionContext[Publish], repository: Repository, branch: str) -> None:
    """Wait until Gitea shows what was pushed, as a step behind this one may read it; twenty seconds at most.

    Backstage asks for a page without credentials, which a private repository never shows.
    """
    for _ in range(_SECONDS_UNTIL_SHOWN):
        if await repository.get("/branches/{branch}", branch=branch):
            return
        await ctx.clock.sleep(1)


ACTIONS: tuple[Action, ...] = (publish_gitea,)
