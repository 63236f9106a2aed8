"""A project on a Gerrit."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

from backstage_py.errors import NotFoundError
from backstage_py.integrations import gerrit
from backstage_py.integrations.advice import by_words
from backstage_py.integrations.forges import account, forge
from backstage_py.integrations.forges.forge import NewRepository, Request, Webhook
from backstage_py.integrations.forges.rest import RestApi
from backstage_py.integrations.gerrit import GUARD, Places
from backstage_py.integrations.git import GitCredentials
from backstage_py.integrations.patience import Patience
from backstage_py.model import web_url
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.scm import ScmIntegration

_BY_WORDS = (
    (
        r"already exists",
        "Choose another name, or have the project that is there renamed or deleted; it was not made by this task",
    ),
    (r"parent|group .* not found|Unprocessable", "Check 'workspace' (the parent project) and 'owner' (a group)"),
    (r"[Cc]reate project|not permitted", "Give the integration's user the global capability 'Create Project'"),
    (r"read.?only", "Have the project's state set to active, or choose another one"),
)


@dataclass(frozen=True, slots=True)
class Project:
    """A project on Gerrit and the means to change it; a ``Forge``. Its name may have slashes."""

    api: RestApi
    host: str
    name: str
    git_credentials: GitCredentials

    @property
    def label(self) -> str:
        """The name."""
        return self.name

    async def call(
        self,
        method: str,
        template: str = "",
        body: Json = None,
        **names: str,
    ) -> Json:
        """Send a request about this project, e.g. to ``/branches/{branch}``."""
        return await self.api.call(
            method, web_url.path("/projects/{project}" + template, project=self.name, **names), body
        )

    async def create(self, new: NewRepository, marker: str) -> Json:
        """Create it; ``options`` have ``parent``, ``branches`` and ``owners``, see ``Forge``."""
        return await self.call("PUT", body={**new.options, "description": forge.provisional(marker)})

    async def find(self, marker: str) -> Json:
        """Return it if it has the marker."""
        return await forge.marked(self.call("GET"), marker)

    async def settle(self, new: NewRepository) -> None:
        """Give it its description."""
        await self.call("PUT", "/description", {"description": new.description})

    async def open_request(self, request: Request) -> Json:
        """Open a change that merges one branch into another; a change of files is pushed, see ``review_ref``."""
        body: JsonObject = {
            "project": self.name,
            "branch": request.target,
            "subject": request.title,
            "merge": {"source": request.branch},
            **request.options,
        }
        return await self.api.call("POST", "/changes/", body)

    async def find_request(self, request: Request) -> Json:
        """Return the open change of this title, or that of the commit where it is known."""
        meant = f"commit:{request.commit}" if request.commit else "status:open"
        found = await self._changes(f"project:{_quoted(self.name)} branch:{_quoted(request.target)} {meant}")
        return next((one for one in found if request.commit or one["subject"] == request.title), None)

    async def find_change(self, change: str, branch: str) -> Json:
        """Return the change with a ``Change-Id`` that is meant for a branch."""
        found = await self._changes(f"change:{change} project:{_quoted(self.name)} branch:{_quoted(branch)}")
        return found[0] if found else None

    async def protect(self, branch: str, rules: Mapping[str, Json]) -> None:
        """Add permissions for a branch, such as ``{"push": {"rules": {…}}}``. Again without harm."""
        await self.call("POST", "/access", {"add": {f"refs/heads/{branch}": {"permissions": dict(rules)}}})

    async def add_webhook(self, hook: Webhook) -> Json:
        """Add a webhook, where Gerrit has the plugin of this name; its name stands for its id."""
        name = str(hook.options.get("name") or "backstage")
        body = {"url": hook.url, "events": [*hook.events]}
        path = web_url.path(_WEBHOOK, project=self.name, name=name)
        return {**(await self.api.call("PUT", path, body) or {}), "id": name}

    async def find_webhook(self, hook: Webhook) -> Json:
        """Return a webhook that is as wanted."""
        name = str(hook.options.get("name") or "backstage")
        try:
            found = await self.api.call("GET", web_url.path(_WEBHOOK, project=self.name, name=name))
        except NotFoundError:
            return None
        is_same = (found.get("url"), sorted(found.get("events") or ())) == (hook.url, sorted(hook.events))
        return {**found, "id": name} if is_same else None

    async def _changes(self, query: str) -> list[Json]:
        found: list[Json] = await self.api.call("GET", "/changes/", query={"q": query})
        return found


_WEBHOOK = "/config/server/webhooks~projects/{project}/remotes/{name}"


def places(integration: ScmIntegration) -> Places:
    """Return the places of a host."""
    return gerrit.places(integration)


def review_ref(branch: str) -> str:
    """Return what is pushed to in order to propose a commit for a branch."""
    return f"refs/for/{branch}"


def opened(integration: ScmIntegration, patience: Patience) -> tuple[RestApi, GitCredentials]:
    """Return the API of a host as the user of its integration, and with what git pushes.

    Raises:
        InputError: the configuration has no user.
    """
    credentials = account.of(integration, " (an HTTP password of Gerrit)")
    headers = {"Authorization": credentials.header()}
    api = RestApi("Gerrit", f"{places(integration).pages}/a", headers, patience, advice, guard=GUARD)
    return api, credentials


def advice(status: int, message: str, _headers: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return what to do about a refusal, empty when nothing is known."""
    if status == HTTPStatus.UNAUTHORIZED:
        return "The HTTP password is wrong or was made anew: take the one of Gerrit's settings into integrations.gerrit"
    if found := by_words(_BY_WORDS, message):
        return found
    if status == HTTPStatus.FORBIDDEN:
        return "The integration's user needs more rights in the project"
    if status == HTTPStatus.NOT_FOUND:
        return "It does not exist, or the integration's user may not see it: check the names, and the project's access"
    return ""


def _quoted(text: str) -> str:
    escaped = text.replace('"', "")
    return f'"{escaped}"'
