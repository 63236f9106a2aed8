"""A repository on Bitbucket Cloud."""

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
    """A repository on Bitbucket Cloud and the means to change it; a ``Forge``.

    ``site`` is where repositories are for git, such as ``https://bitbucket.org``.
    """

    api: RestApi
    host: str
    site: str
    workspace: str
    name: str
    git_credentials: GitCredentials

    @property
    def label(self) -> str:
        """Workspace and name."""
        return f"{self.workspace}/{self.name}"

    @property
    def remote_url(self) -> str:
        """Its URL for git."""
        return f"{self.site}/{self.workspace}/{self.name}.git"

    async def call(
        self, method: str, path: str = "", body: Json = None, *, query: Mapping[str, str] = MappingProxyType({})
    ) -> Json:
        """Send a request about this repository."""
        here = f"/repositories/{segment(self.workspace)}/{segment(self.name)}"
        return await self.api.call(method, f"{here}{path}", body, query=query)

    async def list(self, path: str, *, query: Mapping[str, str] = MappingProxyType({})) -> list[Json]:
        """Read the pages of a list about this repository."""
        found: list[Json] = []
        for page in range(1, _MOST_PAGES + 1):
            asked = {**query, "pagelen": str(_PAGE), "page": str(page)}
            answer = await self.call("GET", path, query=asked)
            found += answer["values"]
            if not answer.get("next"):
                break
        return found

    async def create(self, new: NewRepository, marker: str) -> Json:
        """Create it; ``options`` have ``scm``, ``is_private`` and ``project``, see ``Forge``."""
        return await self.call("POST", body={**new.options, "description": forge.provisional(marker)})

    async def find(self, marker: str) -> Json:
        """Return it if it has the marker."""
        return await forge.marked(self.call("GET"), marker)

    async def settle(self, new: NewRepository) -> None:
        """Give it its description; all that it was created with is said again, since Bitbucket sets the rest anew."""
        await self.call("PUT", body={**new.options, "description": new.description})

    async def default_branch(self) -> str | None:
        """Return the main branch; None when there is none."""
        return ((await self.call("GET")).get("mainbranch") or {}).get("name")

    async def tip(self, branch: str) -> str | None:
        """Return the newest commit of a branch; None when it is not there."""
        found = (await self.call("GET", "/refs/branches", query={"q": f"name = {quoted(branch)}"}))["values"]
        return str(found[0]["target"]["hash"]) if found else None

    async def create_branch(self, branch: str, start: str) -> str:
        """Create a branch where another one is, and return its commit."""
        made = await self.call("POST", "/refs/branches", {"name": branch, "target": {"hash": start}})
        return str(made["target"]["hash"])

    async def open_request(self, request: Request) -> Json:
        """Open a pull request."""
        body: JsonObject = {
            "title": request.title,
            "summary": {} if request.description is None else {"raw": request.description},
            "state": "OPEN",
            "source": {"branch": {"name": request.branch}},
            "destination": {"branch": {"name": request.target}},
            **request.options,
        }
        return await self.call("POST", "/pullrequests", body)

    async def find_request(self, request: Request) -> Json:
        """Return the pull request of the branch that has the commit in front, or else the open one of this title.

        Bitbucket says the beginning of a commit's hash.
        """
        wanted = f"source.branch.name = {quoted(request.branch)} AND destination.branch.name = {quoted(request.target)}"
        for one in await self.list("/pullrequests", query={"q": wanted}):
            commit = str((one["source"].get("commit") or {}).get("hash") or "-")
            if request.commit.startswith(commit) if request.commit else _is_open(one, request.title):
                return one
        return None

    async def protect(self, branch: str, rules: Mapping[str, Json]) -> None:
        """Restrict a branch; ``rules`` are restrictions by their ``kind``. Again without harm."""
        for kind, value in rules.items():
            wanted = {"kind": kind, "branch_match_kind": "glob", "pattern": branch, "value": value}
            if not await self.find_restriction(wanted):
                await self.restrict(wanted)

    async def restrict(self, restriction: JsonObject) -> Json:
        """Add a restriction of branches, in Bitbucket's words."""
        return await self.call("POST", "/branch-restrictions", {**restriction, "type": "branchrestriction"})

    async def find_restriction(self, restriction: JsonObject) -> Json:
        """Return a restriction that is as wanted."""
        for one in await self.list("/branch-restrictions", query={"kind": str(restriction["kind"])}):
            if all(_plain(one.get(name)) == _plain(value) for name, value in restriction.items()):
                return one
        return None

    async def add_webhook(self, hook: Webhook) -> Json:
        """Add a webhook; events are such as ``repo:push``. Its ``id`` is Bitbucket's UUID."""
        return _with_id(await self.call("POST", "/hooks", _hook(hook)))

    async def find_webhook(self, hook: Webhook) -> Json:
        """Return a webhook that is as wanted."""
        for one in await self.list("/hooks"):
            if one["url"] == hook.url and sorted(one["events"]) == sorted(hook.events):
                return _with_id(await self.call("PUT", f"/hooks/{segment(str(one['uuid']))}", _hook(hook)))
        return None


def quoted(text: str) -> str:
    """Return a text as Bitbucket's query language has it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _is_open(request: Json, title: str) -> bool:
    return bool(request["state"] == "OPEN" and request["title"] == title)


def _plain(value: Json) -> Json:
    """Return who is named, without what Bitbucket adds of them."""
    if isinstance(value, list):
        return sorted(str(one.get("uuid") or one.get("slug")) for one in value)
    return value or None


def _hook(hook: Webhook) -> JsonObject:
    body: JsonObject = {"url": hook.url, "events": [*hook.events], "active": True, "description": "", **hook.options}
    return body | ({} if hook.secret is None else {"secret": hook.secret})


def _with_id(hook: Json) -> Json:
    return {**hook, "id": hook["uuid"]}
