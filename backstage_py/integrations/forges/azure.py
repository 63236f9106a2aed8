"""A repository in Azure DevOps."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from backstage_py.errors import ConflictError, NotFoundError
from backstage_py.integrations.forges.forge import NewRepository, Request, Webhook
from backstage_py.integrations.forges.rest import RestApi
from backstage_py.integrations.git import GitCredentials
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.web_url import segment


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository in Azure DevOps and the means to change it; a ``Forge``. ``name`` may be its id."""

    api: RestApi
    host: str
    organization: str
    project: str
    name: str
    git_credentials: GitCredentials

    @property
    def label(self) -> str:
        """Organization, project and name."""
        return f"{self.organization}/{self.project}/{self.name}"

    async def call(
        self, method: str, path: str, body: Json = None, *, query: Mapping[str, str] = MappingProxyType({})
    ) -> Json:
        """Send a request about the project, below ``_apis``."""
        return await self.api.call(method, f"/{segment(self.project)}/_apis{path}", body, query=query)

    @property
    def path(self) -> str:
        """Where the repository is below ``_apis``."""
        return f"/git/repositories/{segment(self.name)}"

    async def create(self, new: NewRepository, marker: str) -> Json:  # noqa: ARG002  # Azure keeps no description
        """Create it."""
        return await self.call("POST", "/git/repositories", {"name": self.name, **new.options})

    async def find(self, marker: str) -> Json:
        """Return None if it is not there.

        Raises:
            ConflictError: it is there; nothing that Azure keeps of a repository says who made it.
        """
        try:
            await self.call("GET", self.path)
        except NotFoundError:
            return None
        raise ConflictError(
            f"The repository {self.label} is there, and it is not known whether an earlier run of this step created it "
            f"({marker}): look at it, delete it if it is empty, and retry the task"
        )

    async def settle(self, new: NewRepository) -> None:
        """Do nothing: it has no description."""

    async def open_request(self, request: Request) -> Json:
        """Open a pull request; ``options`` may have ``supportsIterations``, which goes into the query."""
        body: JsonObject = {
            "sourceRefName": f"refs/heads/{request.branch}",
            "targetRefName": f"refs/heads/{request.target}",
            "title": request.title,
            "description": request.description or "",
        }
        query = {name: str(value).lower() for name, value in request.options.items()}
        return await self.call("POST", f"{self.path}/pullrequests", body, query=query)

    async def find_request(self, request: Request) -> Json:
        """Return the pull request of the branch that has the commit in front, or else the open one of this title."""
        query = {
            "searchCriteria.sourceRefName": f"refs/heads/{request.branch}",
            "searchCriteria.targetRefName": f"refs/heads/{request.target}",
            "searchCriteria.status": "all" if request.commit else "active",
        }
        for one in (await self.call("GET", f"{self.path}/pullrequests", query=query))["value"]:
            same = (one.get("lastMergeSourceCommit") or {}).get("commitId") if request.commit else one["title"]
            if same == (request.commit or request.title):
                return one
        return None

    async def protect(self, branch: str, rules: Mapping[str, Json]) -> None:
        """Protect a branch; ``rules`` are settings of policies by the id of their type. Again without harm."""
        repository = (await self.call("GET", self.path))["id"]
        scope = [{"repositoryId": repository, "refName": f"refs/heads/{branch}", "matchKind": "Exact"}]
        known = (await self.call("GET", "/policy/configurations"))["value"]
        for kind, settings in rules.items():
            wanted = {**(settings or {}), "scope": scope}
            if not any(one["type"]["id"] == kind and one["settings"] == wanted for one in known):
                policy = {"isEnabled": True, "isBlocking": True, "type": {"id": kind}, "settings": wanted}
                await self.call("POST", "/policy/configurations", policy)

    async def add_webhook(self, hook: Webhook) -> Json:
        """Have one kind of event sent, such as ``git.push``; Azure has a subscription for each, and signs none."""
        wanted = await self._subscription(hook)
        return await self.api.call("POST", "/_apis/hooks/subscriptions", wanted)

    async def find_webhook(self, hook: Webhook) -> Json:
        """Return a subscription that is as wanted."""
        wanted = await self._subscription(hook)
        for one in (await self.api.call("GET", "/_apis/hooks/subscriptions"))["value"]:
            if all(one.get(name) == value for name, value in wanted.items()):
                return one
        return None

    async def _subscription(self, hook: Webhook) -> JsonObject:
        repository = await self.call("GET", self.path)
        return {
            "publisherId": "tfs",
            "eventType": hook.events[0],
            "consumerId": "webHooks",
            "consumerActionId": "httpRequest",
            "publisherInputs": {"projectId": repository["project"]["id"], "repository": repository["id"]},
            "consumerInputs": {"url": hook.url},
        }
