"""What a new repository gets besides its name: people, topics, variables, secrets, switches.

The repository is this task's, so what is asked for once more is the same again; checkpoints only save the request. What
only helps (a collaborator, topics) is skipped with a warning when GitHub refuses it. When GitHub does not answer, the
step fails, and a retry goes on from there.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from backstage_py.integrations import github
from backstage_py.integrations.forges.github import Repository
from backstage_py.plugin import ActionContext, ConflictError, Json, JsonObject, NotFoundError
from backstage_py_actions import hosting
from backstage_py_actions.github import secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """What a new repository gets; the names are those of the actions' inputs."""

    access: str | None = None
    collaborators: list[Mapping[str, str]] = field(default_factory=list)
    topics: list[str] | None = None
    repo_variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    oidc_customization: Mapping[str, Json] | None = None
    subscribe: bool = False
    workflow_access: str | None = None


async def find_team(repository: Repository, access: str | None) -> None:
    """Make sure that there is the team of ``access``, if it names one.

    Raises:
        NotFoundError: there is not.
    """
    if not access or not access.startswith(f"{repository.owner}/"):
        return
    organization, team = access.split("/", 1)
    try:
        await repository.api.call("GET", github.path("/orgs/{org}/teams/{team}", org=organization, team=team))
    except NotFoundError as error:
        raise NotFoundError(
            f"Received 'Not Found' from the API; one of org: {organization} or team: {team} "
            "was not found within GitHub."
        ) from error


async def equip(ctx: ActionContext[Any], repository: Repository, wanted: Equipment) -> None:
    """Give a repository what it shall have."""
    once = _Once(ctx, repository)
    await _grant_access(once, repository, wanted.access)
    for collaborator in wanted.collaborators:
        await _add_collaborator(once, repository, collaborator)
    if wanted.topics is not None:
        names = [topic.lower() for topic in wanted.topics]
        put = partial(repository.call, "PUT", "/topics", {"names": names})
        await once.unless_refused("topics", put, f"topics {' '.join(wanted.topics)}")
    for name, value in wanted.repo_variables.items():
        await once.do(f"variable.{name}", partial(_put_variable, repository, name, value))
    where = f"create.or.update.repo.secret.{repository.owner}.{repository.name}"
    await secrets.put(ctx, repository, "/actions/secrets", wanted.secrets, where)
    await _set_options(once, repository, wanted)


@dataclass(frozen=True, slots=True)
class _Once:
    """Does things about one repository once per task."""

    ctx: ActionContext[Any]
    repository: Repository

    async def do(self, key: str, work: Callable[[], Awaitable[Json]]) -> None:
        """Do something."""
        await hosting.once(self.ctx, self._key(key), work)

    async def unless_refused(self, key: str, work: Callable[[], Awaitable[Json]], what: str) -> None:
        """Do something that only helps."""
        await hosting.unless_refused(self.ctx, self._key(key), work, f"Skipping {what}")

    def _key(self, key: str) -> str:
        return f"equip.{self.repository.owner}.{self.repository.name}.{key}"


async def _grant_access(once: _Once, repository: Repository, access: str | None) -> None:
    if access and access.startswith(f"{repository.owner}/"):
        await once.do("access", partial(_add_team, repository, access.split("/", 1)[1], "admin"))
    elif access and access != repository.owner:
        await once.do("access", partial(_add_user, repository, access, "admin"))


async def _add_collaborator(once: _Once, repository: Repository, collaborator: Mapping[str, str]) -> None:
    access = collaborator["access"]
    kind, add = ("user", _add_user) if "user" in collaborator else ("team", _add_team)
    who = collaborator[kind]
    work = partial(add, repository, _name(who), access)
    await once.unless_refused(f"collaborator.{kind}.{who}", work, f"{access} access for {who}")


async def _add_user(repository: Repository, user: str, permission: str) -> Json:
    return await repository.call("PUT", "/collaborators/{user}", {"permission": permission}, user=user)


async def _add_team(repository: Repository, team: str, permission: str) -> Json:
    path = github.path(
        "/orgs/{org}/teams/{team}/repos/{org}/{repo}", org=repository.owner, team=team, repo=repository.name
    )
    return await repository.api.call("PUT", path, {"permission": permission})


async def _put_variable(repository: Repository, name: str, value: str) -> None:
    """Set a variable; one that is there was made by an earlier run of this step, or is one of GitHub's own making."""
    body = {"name": name, "value": value}
    try:
        await repository.call("POST", "/actions/variables", body)
    except ConflictError:
        await repository.call("PATCH", "/actions/variables/{variable}", body, variable=name)


async def _set_options(once: _Once, repository: Repository, wanted: Equipment) -> None:
    if wanted.oidc_customization is not None:
        body = _without_none(
            use_default=wanted.oidc_customization.get("useDefault"),
            include_claim_keys=wanted.oidc_customization.get("includeClaimKeys"),
        )
        await once.do("oidc", partial(repository.call, "PUT", "/actions/oidc/customization/sub", body))
    if wanted.subscribe:
        body = {"subscribed": True, "ignored": False}
        await once.do("subscription", partial(repository.call, "PUT", "/subscription", body))
    if wanted.workflow_access:
        body = {"access_level": wanted.workflow_access}
        await once.do("workflow_access", partial(repository.call, "PUT", "/actions/permissions/access", body))


def _without_none(**given: Json) -> JsonObject:
    return {key: value for key, value in given.items() if value is not None}


def _name(ref: str) -> str:
    """Return the name in an entity reference, as GitHub knows users and teams."""
    return re.sub(r"^.*[:/]", "", ref)
