"""A repository on a Gitea or a Forgejo, through its API of version 1."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

from backstage_py.errors import NotFoundError
from backstage_py.integrations.advice import by_words
from backstage_py.integrations.forges import account, forge
from backstage_py.integrations.forges.forge import NewRepository, Request, Webhook
from backstage_py.integrations.forges.rest import RestApi
from backstage_py.integrations.git import GitCredentials
from backstage_py.integrations.patience import Patience
from backstage_py.model import web_url
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.scm import ScmIntegration

_PAGE, _MOST_PAGES = 50, 20
_BY_WORDS = (
    (
        r"same name already exists|already exist",
        "Choose another name, or have the one that is there renamed or deleted; it was not made by this task",
    ),
    (r"required scope", "Give the token this scope, or use the password of a user who may"),
    (r"not allowed to create|limit of repositories|permission", "Let the integration's user create this in the owner"),
    (r"protected branch", "A rule protects the branch: let the integration's user push to it"),
    (r"archived", "Have the repository unarchived, or choose another one"),
)


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository on Gitea and the means to change it; a ``Forge``."""

    api: RestApi
    host: str
    owner: str
    name: str
    git_credentials: GitCredentials

    @property
    def label(self) -> str:
        """Owner and name."""
        return f"{self.owner}/{self.name}"

    async def call(
        self,
        method: str,
        template: str = "",
        body: Json = None,
        *,
        query: Mapping[str, str] = MappingProxyType({}),
        **names: str,
    ) -> Json:
        """Send a request about this repository, e.g. to ``/branches/{branch}``."""
        path = web_url.path("/repos/{owner}/{repo}" + template, owner=self.owner, repo=self.name, **names)
        return await self.api.call(method, path, body, query=query)

    async def get(self, template: str = "", **names: str) -> Json:
        """Read something about this repository; None when it is not there."""
        try:
            return await self.call("GET", template, query={}, **names)
        except NotFoundError:
            return None

    async def list(self, template: str, *, query: Mapping[str, str] = MappingProxyType({})) -> list[Json]:
        """Read a list about this repository, up to a thousand."""
        found: list[Json] = []
        for page in range(1, _MOST_PAGES + 1):
            items = await self.call("GET", template, query={**query, "limit": str(_PAGE), "page": str(page)})
            found += items
            if len(items) < _PAGE:
                break
        return found

    async def create(self, new: NewRepository, marker: str) -> Json:
        """Create it, for an organization or for the user whose credentials are used; see ``Forge``."""
        where = web_url.path("/orgs/{owner}/repos", owner=self.owner) if new.of_group else "/user/repos"
        body = {"name": self.name, "description": forge.provisional(marker), **new.options}
        return await self.api.call("POST", where, body)

    async def find(self, marker: str) -> Json:
        """Return it if it has the marker."""
        return await forge.marked(self.get(), marker)

    async def settle(self, new: NewRepository) -> None:
        """Give it its description."""
        await self.call("PATCH", body={"description": new.description})

    async def open_request(self, request: Request) -> Json:
        """Open a pull request."""
        is_own = request.owner in {None, self.owner}
        body: JsonObject = {
            "title": request.title,
            "body": request.description or "",
            "head": request.branch if is_own else f"{request.owner}:{request.branch}",
            "base": request.target,
            **request.options,
        }
        return await self.call("POST", "/pulls", body)

    async def find_request(self, request: Request) -> Json:
        """Return the pull request of the branch that has the commit in front."""
        for one in await self.list("/pulls", query={"state": "all", "sort": "recentupdate"}):
            is_meant = (one["head"]["ref"], one["base"]["ref"]) == (request.branch, request.target)
            if is_meant and request.commit in {None, one["head"]["sha"]}:
                return one
        return None

    async def protect(self, branch: str, rules: Mapping[str, Json]) -> None:
        """Protect a branch; a rule that has its name gets these."""
        if await self.get("/branch_protections/{branch}", branch=branch):
            await self.call("PATCH", "/branch_protections/{branch}", dict(rules), branch=branch)
        else:
            await self.call("POST", "/branch_protections", {"rule_name": branch, **rules})

    async def add_webhook(self, hook: Webhook) -> Json:
        """Add a webhook; ``options`` may have ``content_type`` and ``active``."""
        return await self.call("POST", "/hooks", {"type": "gitea", **_hook(hook)})

    async def find_webhook(self, hook: Webhook) -> Json:
        """Return a webhook that is as wanted."""
        for one in await self.list("/hooks"):
            if one["config"].get("url") == hook.url and sorted(one["events"]) == sorted(hook.events):
                return await self.call("PATCH", "/hooks/{hook}", _hook(hook), hook=str(one["id"]))
        return None


path = web_url.path  # for actions, which know this adapter alone


def opened(integration: ScmIntegration, patience: Patience) -> tuple[RestApi, GitCredentials]:
    """Return the API of a host as the user of its integration, and with what git pushes.

    Raises:
        InputError: the configuration has no user.
    """
    credentials = account.of(integration)
    headers = {"Authorization": credentials.header()}
    return RestApi("Gitea", f"{integration.site}/api/v1", headers, patience, advice), credentials


def advice(status: int, message: str, _headers: Mapping[str, str]) -> str:
    """Return what to do about a refusal, empty when nothing is known."""
    if status == HTTPStatus.UNAUTHORIZED:
        return "The user's password or token is wrong, expired or revoked: renew it in integrations.gitea"
    if found := by_words(_BY_WORDS, message):
        return found
    if status == HTTPStatus.FORBIDDEN:
        return "The integration's user needs more rights in the repository or organization"
    if status == HTTPStatus.NOT_FOUND:
        return "It does not exist, or the integration's user may not see it: check the names, and the user's teams"
    return ""


def _hook(hook: Webhook) -> JsonObject:
    options = {"content_type": "json", "active": True, **hook.options}
    config = {"url": hook.url, "content_type": options["content_type"]}
    secret = {} if hook.secret is None else {"secret": hook.secret}
    return {"config": config | secret, "events": [*hook.events], "active": options["active"]}
