"""Branch protection."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from backstage_py.integrations.forges.github import Repository
from backstage_py.plugin import ActionLogger, BackstageError, Json, JsonObject

_NOT_ON_FREE_PLAN = "Upgrade to GitHub Pro or make this repository public to enable this feature"
_AFTER_PUSH = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """What a branch demands; the names are those of the actions' inputs."""

    require_code_owner_reviews: bool = False
    dismiss_stale_reviews: bool = False
    bypass_pull_request_allowances: Mapping[str, Json] | None = None
    required_approving_review_count: float = 1
    restrictions: Mapping[str, Json] | None = None
    required_status_check_contexts: list[str] = field(default_factory=list)
    require_branches_to_be_up_to_date: bool = True
    required_conversation_resolution: bool = False
    require_last_push_approval: bool = False
    required_commit_signing: bool = False
    required_linear_history: bool = False

    def as_rest(self, *, enforce_admins: bool, block_creations: bool) -> JsonObject:
        """Return the body that GitHub wants."""
        reviews: JsonObject = {
            "required_approving_review_count": self.required_approving_review_count,
            "require_code_owner_reviews": self.require_code_owner_reviews,
            "dismiss_stale_reviews": self.dismiss_stale_reviews,
            "require_last_push_approval": self.require_last_push_approval,
        }
        if self.bypass_pull_request_allowances is not None:
            reviews["bypass_pull_request_allowances"] = dict(self.bypass_pull_request_allowances)
        return {
            "required_status_checks": {
                "strict": self.require_branches_to_be_up_to_date,
                "contexts": self.required_status_check_contexts,
            },
            "restrictions": dict(self.restrictions) if self.restrictions is not None else None,
            "enforce_admins": enforce_admins,
            "required_pull_request_reviews": reviews,
            "required_conversation_resolution": self.required_conversation_resolution,
            "required_linear_history": self.required_linear_history,
            "block_creations": block_creations,
        }


async def protect(
    repository: Repository,
    branch: str,
    wanted: Protection,
    logger: ActionLogger,
    *,
    enforce_admins: bool = True,
    block_creations: bool = False,
) -> None:
    """Protect a branch; a plan that has no protection is a warning in the log, not an error.

    Raises:
        BackstageError: GitHub refuses for another reason.
    """
    body = wanted.as_rest(enforce_admins=enforce_admins, block_creations=block_creations)
    try:
        await _protect_new_branch(repository, branch, body)
        if wanted.required_commit_signing:
            await repository.call("POST", "/branches/{branch}/protection/required_signatures", branch=branch)
    except BackstageError as error:
        if _NOT_ON_FREE_PLAN not in error.message:
            raise
        logger.warning("Branch protection was not enabled as it requires GitHub Pro for private repositories")


async def _protect_new_branch(repository: Repository, branch: str, body: JsonObject) -> None:
    """Ask once more when GitHub does not know the branch yet that was just pushed."""
    try:
        await repository.protect(branch, body)
    except BackstageError as error:
        if "Branch not found" not in error.message:
            raise
        await asyncio.sleep(_AFTER_PUSH)
        await repository.protect(branch, body)
