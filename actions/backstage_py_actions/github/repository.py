"""Creating a repository, and what it is created with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from backstage_py.integrations.forges import forge
from backstage_py.integrations.forges.github import Repository
from backstage_py.plugin import ActionContext, BackstageError, ForeignError, Json, JsonObject
from backstage_py_actions import hosting
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

    def as_new(self, *, of_organization: bool) -> forge.NewRepository:
        """Return it as hosts are told; what is not set is left to GitHub."""
        body: JsonObject = {
            "private": self.repo_visibility == "private",
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
        options = {key: value for key, value in body.items() if value is not None}
        return forge.NewRepository(description=self.description or "", of_group=of_organization, options=options)


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
    kind = await target.owner_kind()
    await find_team(target, wanted.equipment.access)
    new = wanted.repository.as_new(of_organization=kind == "Organization")
    named = f"the {kind} repository {target.label}"
    try:
        made = await hosting.create(ctx, target, new, key, shown)
    except BackstageError as error:
        if error.message.startswith(_NOT_FOR_APPS):
            ctx.logger.warning(
                f"The GitHub app or token provided may not have the required permissions to create {named}."
            )
        raise ForeignError(f"Failed to create {named}, {error.message}") from error
    await equip(ctx, target, wanted.equipment)
    return made
