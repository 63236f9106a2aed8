"""``publish:gerrit`` and ``publish:gerrit:review``."""

from dataclasses import dataclass

from backstage_py.integrations import git
from backstage_py.integrations.forges import gerrit
from backstage_py.integrations.forges.forge import NewRepository
from backstage_py.integrations.forges.gerrit import Project
from backstage_py.plugin import Action, ActionContext, InputError, Json, JsonObject
from backstage_py.plugin.formats import parse_repo_url
from backstage_py_actions import hosting
from backstage_py_actions._builtin import builtin

_NOT_PUSHED = "abcd-dry-run-1234"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """A new project and its first commit."""

    repo_url: str
    description: str = ""
    default_branch: str = "master"
    git_commit_message: str = "initial commit"
    git_author_name: str | None = None
    git_author_email: str | None = None
    source_path: str | None = None
    sign_commit: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A change of files, to be reviewed."""

    repo_url: str
    branch: str = "master"
    source_path: str | None = None
    git_commit_message: str = ""
    git_author_name: str | None = None
    git_author_email: str | None = None
    sign_commit: bool | None = None


@builtin("publish:gerrit", Publish, ignored=hosting.OF_FORMS, dry_run=True)
async def publish_gerrit(ctx: ActionContext[Publish]) -> JsonObject:
    """Create a project and push the workspace to it."""
    wanted = ctx.input
    where = parse_repo_url(wanted.repo_url, ctx.integrations)
    own = hosting.integration(ctx, "gerrit", where.host)
    if not where.workspace:
        raise InputError(
            f"Invalid URL provider was included in the repo URL to create {wanted.repo_url}, missing workspace"
        )
    places, name = gerrit.places(own), str(where.repo)
    shown: JsonObject = {
        "remoteUrl": places.repository(name),
        "repoContentsUrl": places.branch(name, wanted.default_branch),
    }
    if ctx.is_dry_run:
        ctx.logger.info(f"Dry run: would create {name} on {where.host} and push to its branch {wanted.default_branch}")
        return {**shown, "commitHash": _NOT_PUSHED}
    await hosting.check_commit(ctx, where.host, sign=wanted.sign_commit, source_path=wanted.source_path)
    api, credentials = gerrit.opened(own, hosting.patience(ctx))
    project = Project(api, where.host, name, credentials)
    options: JsonObject = {
        "parent": where.workspace,
        "branches": [wanted.default_branch],
        "owners": [where.owner] if where.owner else [],
        "create_empty_commit": False,
    }
    async with api:
        new = NewRepository(description=wanted.description, options=options)
        with hosting.about("Unable to create repository"):
            await hosting.create(ctx, project, new, f"create.project.{name}", _made)
        commit = hosting.Commit(
            branch=wanted.default_branch,
            source_path=wanted.source_path,
            message=await hosting.message_with_change_id(ctx, wanted.git_commit_message),
            author_name=wanted.git_author_name,
            author_email=wanted.git_author_email,
            sign=wanted.sign_commit,
        )
        pushed = await hosting.push(ctx, project, places.repository(name), commit, f"push.{name}")
    return {**shown, "commitHash": pushed}


def _made(project: Json) -> JsonObject:
    return {"id": project["id"]}


@builtin("publish:gerrit:review", Review)
async def publish_gerrit_review(ctx: ActionContext[Review]) -> JsonObject:
    """Propose the files of the workspace as one change of a branch.

    The change stands on the branch as Gerrit has it. Backstage wants a clone in the workspace and pushes to the remote
    that it names, with the integration's credentials; here it is always the integration's own host, and without a clone
    all files count.
    """
    wanted = ctx.input
    where = parse_repo_url(wanted.repo_url, ctx.integrations)
    if not wanted.git_commit_message:
        raise InputError("Missing gitCommitMessage input")
    own = hosting.integration(ctx, "gerrit", where.host)
    places, name = gerrit.places(own), str(where.repo)
    api, credentials = gerrit.opened(own, hosting.patience(ctx))
    async with api:
        change = await _propose(ctx, Project(api, where.host, name, credentials), places.repository(name))
    page = f"{places.pages}/#/q/{change}"
    ctx.logger.info(f"Review available on {page}")
    return {"repoContentsUrl": places.branch(name, wanted.branch), "reviewUrl": page}


async def _propose(ctx: ActionContext[Review], project: Project, remote_url: str) -> str:
    """Push the change once and return its ``Change-Id``, by which one that is there already is found."""
    wanted = ctx.input
    change = await hosting.change_id(ctx)
    signer = hosting.signer(ctx, project.host, asked=wanted.sign_commit)
    at = int(await ctx.checkpoint("review.at", lambda: int(ctx.clock.now().timestamp())))

    async def push(_marker: str) -> str:
        return await git.commit_onto(
            hosting.source_folder(ctx, wanted.source_path),
            remote_url=remote_url,
            branch=wanted.branch,
            target=gerrit.review_ref(wanted.branch),
            message=hosting.with_change_id(wanted.git_commit_message, change),
            author=hosting.author(ctx, wanted.git_author_name, wanted.git_author_email),
            credentials=project.git_credentials,
            committed_at=at,
            signer=signer,
            warn=ctx.logger.warning,
        )

    async def find(_marker: str) -> str | None:
        found = await project.find_change(change, wanted.branch)
        return found and str(found["id"])

    await ctx.effect(f"review.{project.name}", create=push, find=find)
    return change


ACTIONS: tuple[Action, ...] = (publish_gerrit, publish_gerrit_review)
