"""A repository on a Bitbucket Server or Data Center."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from backstage_py.integrations.forges import forge
from backstage_py.integrations.forges.forge import NewRepository, Request, Webhook
from backstage_py.integrations.forges.rest import RestApi
from backstage_py.integrations.git import GitCredentials
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.web_url import segment

_PAGE, _MOST_PAGES = 100, 50


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository on a Bitbucket Server and the means to change it; a ``Forge``.

    ``site`` is where the server's pages are, such as ``https://bitbucket.example.com``.
    """

    api: RestApi
    host: str
    site: str
    project: str
    name: str
    git_credentials: GitCredentials

    @property
    def label(self) -> str:
        """Project and name."""
        return f"{self.project}/{self.name}"

    @property
    def remote_url(self) -> str:
        """Its URL for git."""
        return f"{self.site}/scm/{self.project}/{self.name}.git"

    async def call(
        self, method: str, path: str = "", body: Json = None, *, query: Mapping[str, str] = MappingProxyType({})
    ) -> Json:
        """Send a request about this repository."""
        return await self.api.call(method, f"{self._repositories}/{segment(self.name)}{path}", body, query=query)

    @property
    def _repositories(self) -> str:
        return f"/projects/{segment(self.project)}/repos"

    async def list(self, path: str, *, query: Mapping[str, str] = MappingProxyType({})) -> list[Json]:
        """Read the pages of a list about this repository."""
        found: list[Json] = []
        start = "0"
        for _ in range(_MOST_PAGES):
            answer = await self.call("GET", path, query={**query, "limit": str(_PAGE), "start": start})
            found += answer["values"]
            if answer.get("isLastPage", True):
                break
            start = str(answer["nextPageStart"])
        return found

    async def create(self, new: NewRepository, marker: str) -> Json:
        """Create it; ``options`` have ``defaultBranch`` and ``public``, see ``Forge``."""
        body = {"name": self.name, **new.options, "description": forge.provisional(marker)}
        return await self.api.call("POST", self._repositories, body)

    async def find(self, marker: str) -> Json:
        """Return it if it has the marker."""
        return await forge.marked(self.call("GET"), marker)

    async def settle(self, new: NewRepository) -> None:
        """Give it its description."""
        await self.call("PUT", body={"description": new.description})

    async def default_branch(self) -> str | None:
        """Return the default branch; None when there is none yet."""
        return ((await self.call("GET", "/default-branch")) or {}).get("displayId")

    async def branch(self, name: str) -> Json:
        """Return a branch, None when it is not there; those that fit best come first."""
        query = {"boostMatches": "true", "filterText": name}
        known = (await self.call("GET", "/branches", query=query))["values"]
        return next((one for one in known if one["displayId"] == name), None)

    async def create_branch(self, name: str, commit: str) -> Json:
        """Create a branch at a commit."""
        return await self.call("POST", "/branches", {"name": name, "startPoint": commit})

    async def open_request(self, request: Request) -> Json:
        """Open a pull request; ``options`` may have ``reviewers`` and the branches as Bitbucket describes them."""
        body: JsonObject = {
            "title": request.title,
            **({} if request.description is None else {"description": request.description}),
            "state": "OPEN",
            "open": True,
            "closed": False,
            "locked": True,
            "fromRef": self._ref(request.branch),
            "toRef": self._ref(request.target),
            **request.options,
        }
        return await self.call("POST", "/pull-requests", body)

    def _ref(self, branch: str) -> JsonObject:
        repository = {"slug": self.name, "project": {"key": self.project}}
        return {"id": f"refs/heads/{branch}", "repository": repository}

    async def find_request(self, request: Request) -> Json:
        """Return the pull request of the branch that has the commit in front, or else the open one of this title."""
        query = {"state": "ALL" if request.commit else "OPEN", "direction": "OUTGOING"}
        query["at"] = f"refs/heads/{request.branch}"
        for one in await self.list("/pull-requests", query=query):
            same = one["fromRef"].get("latestCommit") if request.commit else one["title"]
            is_there = one["toRef"]["id"] == f"refs/heads/{request.target}"
            if is_there and same == (request.commit or request.title):
                return one
        return None

    async def protect(self, branch: str, rules: Mapping[str, Json]) -> None:
        """Restrict a branch; ``rules`` are the kinds of restriction with the users that it is not for."""
        for kind, users in rules.items():
            body = {
                "type": kind,
                "matcher": {"id": f"refs/heads/{branch}", "type": {"id": "BRANCH"}, "active": True},
                "users": users or [],
            }
            url = f"{self.site}/rest/branch-permissions/2.0{self._repositories}/{segment(self.name)}/restrictions"
            await self.api.call_at("POST", url, body)

    async def switch_on_large_files(self) -> None:
        """Switch Git LFS on. Again without harm."""
        url = f"{self.site}/rest/git-lfs/admin{self._repositories}/{segment(self.name)}/enabled"
        await self.api.call_at("PUT", url)

    async def add_webhook(self, hook: Webhook) -> Json:
        """Add a webhook; events are such as ``repo:refs_changed``."""
        return await self.call("POST", "/webhooks", _hook(hook))

    async def find_webhook(self, hook: Webhook) -> Json:
        """Return a webhook that is as wanted."""
        for one in await self.list("/webhooks"):
            if one["url"] == hook.url and sorted(one["events"]) == sorted(hook.events):
                return await self.call("PUT", f"/webhooks/{segment(str(one['id']))}", _hook(hook))
        return None


def _hook(hook: Webhook) -> JsonObject:
    secret = {} if hook.secret is None else {"configuration": {"secret": hook.secret}}
    return {"name": hook.url, "url": hook.url, "events": [*hook.events], "active": True, **secret, **hook.options}
