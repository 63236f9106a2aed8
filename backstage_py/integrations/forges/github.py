"""A repository on github.com or a GitHub Enterprise Server."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from backstage_py.errors import NotFoundError
from backstage_py.integrations import github
from backstage_py.integrations.forges import forge
from backstage_py.integrations.forges.forge import NewRepository, Request, Webhook
from backstage_py.integrations.git import GitCredentials
from backstage_py.integrations.github import GithubApi
from backstage_py.model.json import Json, JsonObject

_PAGE, _MOST_PAGES = 100, 50
_ANY_TOKEN_USER = "x-access-token"  # noqa: S105  # the user name that GitHub takes with a token


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository on GitHub and the means to change it; a ``Forge``."""

    api: GithubApi
    host: str
    owner: str
    name: str

    @property
    def label(self) -> str:
        """Owner and name."""
        return f"{self.owner}/{self.name}"

    @property
    def git_credentials(self) -> GitCredentials:
        """With what git pushes."""
        return GitCredentials(_ANY_TOKEN_USER, self.api.token)

    def path(self, template: str = "", **names: str) -> str:
        """Return the API path of something in this repository, e.g. ``/branches/{branch}``."""
        return github.path("/repos/{owner}/{repo}" + template, owner=self.owner, repo=self.name, **names)

    async def call(self, method: str, template: str = "", body: Json = None, **names: str) -> Json:
        """Send a request about this repository."""
        return await self.api.call(method, self.path(template, **names), body)

    async def get(self, template: str = "", **names: str) -> Json:
        """Read something about this repository; None when it is not there."""
        try:
            return await self.call("GET", template, **names)
        except NotFoundError:
            return None

    async def list(
        self,
        template: str,
        member: str | None = None,
        *,
        query: Mapping[str, str] = MappingProxyType({}),
        pages: int = _MOST_PAGES,
        **names: str,
    ) -> list[Json]:
        """Read the pages of a list about this repository.

        Args:
            template: its path.
            member: of each page's object that holds the list; None where the page is the list.
            query: further parameters.
            pages: how many are read at most, of 100 each.
            names: for the path.
        """
        found: list[Json] = []
        for page in range(1, pages + 1):
            asked = {**query, "per_page": str(_PAGE), "page": str(page)}
            answer = await self.api.call("GET", self.path(template, **names), query=asked)
            items = answer[member] if member else answer
            found += items
            if len(items) < _PAGE:
                break
        return found

    async def owner_kind(self) -> str:
        """Return what the owner is: such as ``Organization`` or ``User``."""
        owner = await self.api.call("GET", github.path("/users/{owner}", owner=self.owner))
        return str(owner.get("type") or "User")

    async def create(self, new: NewRepository, marker: str) -> Json:
        """Create it; see ``Forge``."""
        where = github.path("/orgs/{owner}/repos", owner=self.owner) if new.of_group else "/user/repos"
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
            "body": request.description,
            "head": request.branch if is_own else f"{request.owner}:{request.branch}",
            "base": request.target,
            **request.options,
        }
        return await self.call("POST", "/pulls", body)

    async def find_request(self, request: Request) -> Json:
        """Return the pull request of the branch that has the commit in front."""
        head = f"{request.owner or self.owner}:{request.branch}"
        query = {"head": head, "base": request.target, "state": "all"}
        known = await self.list("/pulls", query=query, pages=1)
        return next((one for one in known if request.commit in {None, one["head"]["sha"]}), None)

    async def protect(self, branch: str, rules: Mapping[str, Json]) -> None:
        """Protect a branch."""
        await self.call("PUT", "/branches/{branch}/protection", dict(rules), branch=branch)

    async def add_webhook(self, hook: Webhook) -> Json:
        """Add a webhook; ``options`` have ``active``, ``content_type`` and ``insecure_ssl``."""
        body = {"name": "web", "config": _config(hook), "events": [*hook.events], "active": hook.options["active"]}
        return await self.call("POST", "/hooks", body)

    async def find_webhook(self, hook: Webhook) -> Json:
        """Return a webhook that is as wanted."""
        wanted = _config(hook)
        shown = {name: value for name, value in wanted.items() if name != "secret"}
        for one in await self.list("/hooks"):
            same = all(str(one["config"].get(name)) == str(value) for name, value in shown.items())
            if same and sorted(one["events"]) == sorted(hook.events) and one["active"] == hook.options["active"]:
                await self.call("PATCH", "/hooks/{hook}/config", wanted, hook=str(one["id"]))
                return one
        return None


def _config(hook: Webhook) -> JsonObject:
    config: JsonObject = {"url": hook.url, **{name: hook.options[name] for name in ("content_type", "insecure_ssl")}}
    return config | ({} if hook.secret is None else {"secret": hook.secret})
