"""Creating a repository, and what it is created with.

That a repository is this task's is proved by its description: it is made with one that holds the marker, and gets the
wanted one as soon as it is known to be ours. In between a person reads which task is at work there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from backstage_py.integrations import github
from backstage_py.plugin import ActionContext, BackstageError, ForeignError, Json, JsonObject
from backstage_py_actions.github.client import Repository
from backstage_py_actions.github.equipment import Equipment, equip, find_team

T = TypeVar("T", str, JsonObject)
_NOT_FOR_APPS = "Resource not accessible by integration"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryInput:
    """What a new repository is; the names are those of the actions' inputs."""

    description: str | None = None
    homepage: str | None = None
    repo_visibility: str = "private"
    delete_branch_on_merge: bool = False
    allow_merge_commit: bool = True
    allow_squash_merge: bool = True
    squash_merge_commit_title: str = "COMMIT_OR_PR_TITLE"
    squash_merge_commit_message: str = "COMMIT_MESSAGES"
    allow_rebase_merge: bool = True
    allow_auto_merge: bool = False
    allow_update_branch: bool = False
    has_projects: bool | None = None
    has_wiki: bool | None = None
    has_issues: bool | None = None
    auto_init: bool | None = None
    custom_properties: Mapping[str, Json] | None = None

    def as_rest(self, name: str, description: str, *, of_organization: bool) -> JsonObject:
        """Return the body that GitHub wants; what is not set is left to GitHub."""
        body: JsonObject = {
            "name": name,
            "private": self.repo_visibility == "private",
            "description": description,
            "homepage": self.homepage,
            "delete_branch_on_merge": self.delete_branch_on_merge,
            "allow_merge_commit": self.allow_merge_commit,
            "allow_squash_merge": self.allow_squash_merge,
            "squash_merge_commit_title": self.squash_merge_commit_title,
            "squash_merge_commit_message": self.squash_merge_commit_message,
            "allow_rebase_merge": self.allow_rebase_merge,
            "allow_auto_merge": self.allow_auto_merge,
            "allow_update_branch": self.allow_update_branch,
            "has_projects": self.has_projects,
            "has_wiki": self.has_wiki,
            "has_issues": self.has_issues,
            "auto_init": self.auto_init,
        }
        if of_organization:
            body |= {"visibility": self.repo_visibility, "custom_properties": self.custom_properties}
        return {key: value for key, value in body.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRepository:
    """A repository and what lies in it at first."""

    repository: RepositoryInput
    equipment: Equipment = field(default_factory=Equipment)


async def create(
    ctx: ActionContext[Any], target: Repository, wanted: NewRepository, key: str, shown: Callable[[Json], T]
) -> T:
    """Create a repository with everything about it, each part once per task; return what ``shown`` makes of it.

    Args:
        ctx: keeps what is made.
        target: the name it gets.
        wanted: what it is.
        key: of the effect.
        shown: makes JSON of what GitHub's API says of a repository.

    Raises:
        NotFoundError: the team of ``access`` does not exist. ForeignError: the repository cannot be created.
    """
    owner = await target.api.call("GET", github.path("/users/{owner}", owner=target.owner))
    kind = str(owner.get("type") or "User")
    await find_team(target, wanted.equipment.access)
    made = await _create(ctx, target, wanted.repository, kind, key, shown)
    await _describe(ctx, target, wanted.repository.description)
    await equip(ctx, target, wanted.equipment)
    return made


async def _create(
    ctx: ActionContext[Any],
    target: Repository,
    wanted: RepositoryInput,
    kind: str,
    key: str,
    shown: Callable[[Json], T],
) -> T:
    of_organization = kind == "Organization"
    path = github.path("/orgs/{owner}/repos", owner=target.owner) if of_organization else "/user/repos"

    async def create(marker: str) -> T:
        body = wanted.as_rest(target.name, _provisional(marker), of_organization=of_organization)
        return shown(await target.api.call("POST", path, body))

    async def find(marker: str) -> T | None:
        found = await target.find()
        return shown(found) if found and marker in str(found.get("description")) else None

    named = f"the {kind} repository {target.owner}/{target.name}"
    try:
        return await ctx.effect(key, create=create, find=find)
    except BackstageError as error:
        if error.message.startswith(_NOT_FOR_APPS):
            ctx.logger.warning(
                f"The GitHub app or token provided may not have the required permissions to create {named}."
            )
        raise ForeignError(f"Failed to create {named}, {error.message}") from error


def _provisional(marker: str) -> str:
    return f"Being made by the scaffolder ({marker})"


async def _describe(ctx: ActionContext[Any], target: Repository, description: str | None) -> None:
    async def describe() -> Json:
        await target.call("PATCH", body={"description": description or ""})
        return None

    await ctx.checkpoint(f"describe.repo.{target.owner}.{target.name}", describe)
