"""A project on gitlab.com or a GitLab of one's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from backstage_py.errors import ConflictError, NotFoundError
from backstage_py.integrations import gitlab
from backstage_py.integrations.forges import forge
from backstage_py.integrations.forges.forge import NewRepository, Request, Webhook
from backstage_py.integrations.git import GitCredentials
from backstage_py.integrations.gitlab import GitlabApi
from backstage_py.model.json import Json, JsonObject

_ANY_TOKEN_USER = "oauth2"  # noqa: S105  # the user name that GitLab takes with any token


@dataclass(frozen=True, slots=True)
class Project:
    """A project on GitLab and the means to change it; a ``Forge``.

    ``ref`` is its number, or its path with all groups.
    """

    api: GitlabApi
    host: str
    ref: str

    @property
    def label(self) -> str:
        """The path, or the number where that is all that is known."""
        return self.ref

    @property
    def git_credentials(self) -> GitCredentials:
        """With what git pushes."""
        return GitCredentials(_ANY_TOKEN_USER, self.api.token)

    def path(self, template: str = "", **names: str) -> str:
        """Return the API path of something in this project, e.g. ``/repository/branches/{branch}``."""
        return gitlab.path("/projects/{project}" + template, project=self.ref, **names)

    async def call(
        self,
        method: str,
        template: str = "",
        body: Json = None,
        *,
        query: Mapping[str, str] = MappingProxyType({}),
        **names: str,
    ) -> Json:
        """Send a request about this project."""
        return await self.api.call(method, self.path(template, **names), body, query=query)

    async def get(self, template: str = "", *, query: Mapping[str, str] = MappingProxyType({}), **names: str) -> Json:
        """Read something about this project; None when it is not there."""
        try:
            return await self.call("GET", template, query=query, **names)
        except NotFoundError:
            return None

    async def list(self, template: str, *, query: Mapping[str, str] = MappingProxyType({}), **names: str) -> list[Json]:
        """Read a list about this project."""
        return await self.api.list(self.path(template, **names), query=query)

    async def create(self, new: NewRepository, marker: str) -> Json:
        """Create it; ``options`` have ``namespace_id``, ``name`` and ``path``, see ``Forge``."""
        return await self.api.call("POST", "/projects", {**new.options, "description": forge.provisional(marker)})

    async def find(self, marker: str) -> Json:
        """Return it if it has the marker."""
        return await forge.marked(self.get(), marker)

    async def settle(self, new: NewRepository) -> None:
        """Give it its description."""
        await self.call("PUT", body={"description": new.description})

    async def open_request(self, request: Request) -> Json:
        """Open a merge request."""
        body: JsonObject = {
            "source_branch": request.branch,
            "target_branch": request.target,
            "title": request.title,
            **({} if request.description is None else {"description": request.description}),
            **request.options,
        }
        return await self.call("POST", "/merge_requests", body)

    async def find_request(self, request: Request) -> Json:
        """Return the merge request of the branch that has the commit in front, or else the open one of this title."""
        state = "all" if request.commit else "opened"
        query = {"source_branch": request.branch, "target_branch": request.target, "state": state}
        for one in await self.call("GET", "/merge_requests", query=query):
            if one["title"] == request.title and request.commit in {None, one["sha"]}:
                return one
        return None

    async def protect(self, branch: str, rules: Mapping[str, Json]) -> None:
        """Protect a branch; one that is protected stays as it is."""
        try:
            await self.call("POST", "/protected_branches", dict(rules) or None, query={"name": branch})
        except ConflictError:
            if await self.get("/protected_branches/{branch}", branch=branch) is None:
                raise

    async def add_webhook(self, hook: Webhook) -> Json:
        """Add a webhook; events are such as ``push_events``."""
        return await self.call("POST", "/hooks", _hook(hook))

    async def find_webhook(self, hook: Webhook) -> Json:
        """Return a webhook that is as wanted."""
        wanted = _hook(hook)
        shown = {name: value for name, value in wanted.items() if name != "token"}
        for one in await self.list("/hooks"):
            if shown.items() <= one.items():
                return await self.call("PUT", "/hooks/{hook}", wanted, hook=str(one["id"]))
        return None


def _hook(hook: Webhook) -> JsonObject:
    body: JsonObject = {"url": hook.url, **dict.fromkeys(hook.events, True), **hook.options}
    return body | ({} if hook.secret is None else {"token": hook.secret})
