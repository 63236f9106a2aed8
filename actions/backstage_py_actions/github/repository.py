"""Creating a repository with everything that can be said about it at once."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from backstage_py.integrations import github
from backstage_py.plugin import ActionLogger, BackstageError, ForeignError, Json, JsonObject, NotFoundError
from backstage_py_actions.github.client import Repository

_NOT_FOR_APPS = "Resource not accessible by integration"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryInput:
    """What a new repository is; the names are those of the actions' inputs."""

    description: str | None = None
    homepage: str | None = None
    access: str | None = None
    repo_visibility: str = "private"
    delete_branch_on_merge: bool = False
    allow_merge_commit: bool = True
    allow_squash_merge: bool = True
    squash_merge_commit_title: str = "COMMIT_OR_PR_TITLE"
    squash_merge_commit_message: str = "COMMIT_MESSAGES"
    allow_rebase_merge: bool = True
    allow_auto_merge: bool = False
    allow_update_branch: bool = False
    collaborators: list[Mapping[str, str]] = field(default_factory=list)
    has_projects: bool | None = None
    has_wiki: bool | None = None
    has_issues: bool | None = None
    topics: list[str] | None = None
    repo_variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    oidc_customization: Mapping[str, Json] | None = None
    custom_properties: Mapping[str, Json] | None = None
    subscribe: bool = False
    auto_init: bool | None = None
    workflow_access: str | None = None

    def as_rest(self, name: str, *, of_organization: bool) -> JsonObject:
        """Return the body that GitHub wants; what is not set is left to GitHub."""
        body: JsonObject = {
            "name": name,
            "private": self.repo_visibility == "private",
            "description": self.description,
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


@dataclass(frozen=True, slots=True)
class Created:
    """Where a new repository is."""

    clone_url: str
    html_url: str


async def create(repository: Repository, wanted: RepositoryInput, logger: ActionLogger) -> Created:
    """Create a repository and set everything about it.

    What only helps (a collaborator, topics) is skipped with a warning when GitHub refuses it.

    Raises:
        NotFoundError: the team of ``access`` does not exist. ForeignError: the repository cannot be created.
    """
    owner = await repository.api.call("GET", github.path("/users/{owner}", owner=repository.owner))
    kind = str(owner.get("type") or "User")
    if wanted.access and wanted.access.startswith(f"{repository.owner}/"):
        await _find_team(repository, wanted.access)
    made = await _create(repository, wanted, kind, logger)
    await _grant_access(repository, wanted.access)
    await _add_collaborators(repository, wanted.collaborators, logger)
    if wanted.topics is not None:
        await _set_topics(repository, wanted.topics, logger)
    for name, value in wanted.repo_variables.items():
        await repository.call("POST", "/actions/variables", {"name": name, "value": value})
    if wanted.secrets:
        await put_secrets(repository, "/actions/secrets", wanted.secrets)
    await _set_options(repository, wanted)
    return Created(str(made["clone_url"]), str(made["html_url"]))


async def put_secrets(repository: Repository, template: str, secrets: Mapping[str, str], **names: str) -> None:
    """Store secrets, each encrypted with the public key that lies beside them."""
    key = await repository.call("GET", f"{template}/public-key", **names)
    for name, value in secrets.items():
        sealed = await asyncio.to_thread(github.seal, key["key"], value)
        body = {"encrypted_value": sealed, "key_id": key["key_id"]}
        await repository.call("PUT", template + "/{secret}", body, secret=name, **names)


async def _create(repository: Repository, wanted: RepositoryInput, kind: str, logger: ActionLogger) -> JsonObject:
    of_organization = kind == "Organization"
    path = github.path("/orgs/{owner}/repos", owner=repository.owner) if of_organization else "/user/repos"
    body = wanted.as_rest(repository.name, of_organization=of_organization)
    named = f"the {kind} repository {repository.owner}/{repository.name}"
    try:
        made: JsonObject = await repository.api.call("POST", path, body)
    except BackstageError as error:
        if error.message.startswith(_NOT_FOR_APPS):
            logger.warning(f"The GitHub app or token provided may not have the required permissions to create {named}.")
        raise ForeignError(f"Failed to create {named}, {error.message}") from error
    return made


async def _find_team(repository: Repository, access: str) -> None:
    organization, team = access.split("/", 1)
    try:
        await repository.api.call("GET", github.path("/orgs/{org}/teams/{team}", org=organization, team=team))
    except NotFoundError as error:
        raise NotFoundError(
            f"Received 'Not Found' from the API; one of org: {organization} or team: {team} "
            "was not found within GitHub."
        ) from error


async def _grant_access(repository: Repository, access: str | None) -> None:
    if access and access.startswith(f"{repository.owner}/"):
        await _add_team(repository, access.split("/", 1)[1], "admin")
    elif access and access != repository.owner:
        await _add_user(repository, access, "admin")


async def _add_collaborators(
    repository: Repository, collaborators: list[Mapping[str, str]], logger: ActionLogger
) -> None:
    for collaborator in collaborators:
        access = collaborator["access"]
        try:
            if "user" in collaborator:
                await _add_user(repository, _name(collaborator["user"]), access)
            else:
                await _add_team(repository, _name(collaborator["team"]), access)
        except BackstageError as error:
            who = collaborator.get("user") or collaborator.get("team")
            logger.warning(f"Skipping {access} access for {who}, {error.message}")


async def _add_user(repository: Repository, user: str, permission: str) -> None:
    await repository.call("PUT", "/collaborators/{user}", {"permission": permission}, user=user)


async def _add_team(repository: Repository, team: str, permission: str) -> None:
    path = github.path(
        "/orgs/{org}/teams/{team}/repos/{org}/{repo}", org=repository.owner, team=team, repo=repository.name
    )
    await repository.api.call("PUT", path, {"permission": permission})


async def _set_topics(repository: Repository, topics: list[str], logger: ActionLogger) -> None:
    try:
        await repository.call("PUT", "/topics", {"names": [topic.lower() for topic in topics]})
    except BackstageError as error:
        logger.warning(f"Skipping topics {' '.join(topics)}, {error.message}")


async def _set_options(repository: Repository, wanted: RepositoryInput) -> None:
    if wanted.oidc_customization is not None:
        given = {
            "use_default": wanted.oidc_customization.get("useDefault"),
            "include_claim_keys": wanted.oidc_customization.get("includeClaimKeys"),
        }
        body = {key: value for key, value in given.items() if value is not None}
        await repository.call("PUT", "/actions/oidc/customization/sub", body)
    if wanted.subscribe:
        await repository.call("PUT", "/subscription", {"subscribed": True, "ignored": False})
    if wanted.workflow_access:
        await repository.call("PUT", "/actions/permissions/access", {"access_level": wanted.workflow_access})


def _name(ref: str) -> str:
    """Return the name in an entity reference, as GitHub knows users and teams."""
    return re.sub(r"^.*[:/]", "", ref)
