"""The repository on GitHub that is deployed: files on its branches, and pull requests between them."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from backstage_py.errors import ConflictError, ForeignError, InputError, NotAllowedError, NotFoundError
from backstage_py.integrations import github
from backstage_py.integrations.crossplane.deliveries import Delivery
from backstage_py.integrations.github import GithubApi
from backstage_py.model import web_url
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.scm import ScmIntegration

_PAGE, _MOST_PAGES = 100, 50


class GitHosts(Protocol):
    """The git hosts that are configured, as the door's ``ScmIntegrations`` has them."""

    def by_url(self, url: str) -> ScmIntegration | None:
        """Return the one that serves a URL."""

    async def token(self, host: str, owner: str | None = None) -> str | None:
        """Return a token for an owner's repositories."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of a branch: its text, and what names its content."""

    text: str
    sha: str


@dataclass(frozen=True, slots=True)
class Deployed:
    """One repository, and the branch of it that is deployed."""

    api: GithubApi
    delivery: Delivery

    async def read(self, path: str, branch: str) -> File | None:
        """Return a file of a branch."""
        found = await self._find(self._contents(path), {"ref": branch})
        return File(base64.b64decode(found["content"]).decode(), found["sha"]) if found else None

    async def files(self) -> dict[str, str]:
        """Return what names the content of each file of the branch that is deployed, by its path.

        Raises:
            ForeignError: the repository has too many for one answer of GitHub.
        """
        path = self._path("/git/trees/{branch}", branch=self.delivery.branch)
        found = await self._find(path, {"recursive": "1"}) or {}
        if found.get("truncated"):
            raise ForeignError(
                f"{self.delivery.repository} has more files than GitHub lists at once; give resources one of their own"
            )
        return {one["path"]: one["sha"] for one in found.get("tree", []) if one["type"] == "blob"}

    async def content(self, sha: str) -> str:
        """Return a file by what names its content."""
        found = await self.api.call("GET", self._path("/git/blobs/{sha}", sha=sha))
        return base64.b64decode(found["content"]).decode()

    async def write(self, path: str, text: str, branch: str, message: str) -> None:
        """Write a new file to a branch, as one commit. Raises ConflictError, InputError: it, or the branch, moved."""
        content = base64.b64encode(text.encode()).decode()
        await self.api.call("PUT", self._contents(path), {"message": message, "content": content, "branch": branch})

    async def remove(self, path: str, branch: str, message: str, sha: str) -> None:
        """Remove a file from a branch, as one commit."""
        await self.api.call("DELETE", self._contents(path), {"message": message, "sha": sha, "branch": branch})

    async def open_requests(self, head: str | None = None) -> list[JsonObject]:
        """Return the open pull requests to the branch that is deployed: all, or that of a branch."""
        owner, _ = self.delivery.owner_and_name
        query = {"state": "open", "base": self.delivery.branch, "per_page": str(_PAGE)}
        query |= {"head": f"{owner}:{head}"} if head else {}
        found: list[JsonObject] = []
        for number in range(1, _MOST_PAGES + 1):
            page = await self.api.call("GET", self._path("/pulls"), query={**query, "page": str(number)})
            found += page
            if len(page) < _PAGE:
                break
        own = [
            one for one in found if ((one["head"].get("repo") or {}).get("full_name") or "").lower() == self._full_name
        ]
        return [one for one in own if head is None or one["head"]["ref"] == head]

    @property
    def _full_name(self) -> str:
        """The repository, of which pull requests of forks are not."""
        return "/".join(self.delivery.owner_and_name).lower()

    async def _changes_only(self, request: JsonObject, path: str) -> bool:
        """Whether a pull request changes one file and nothing besides."""
        number = str(request["number"])
        found = await self.api.call("GET", self._path("/pulls/{number}/files", number=number))
        return [one["filename"] for one in found] == [path]

    async def branch_off(self, head: str) -> None:
        """Have a branch begin where the deployed one is now, whatever an earlier request left there."""
        base = await self.api.call("GET", self._ref(self.delivery.branch))
        sha = base["object"]["sha"]
        try:
            await self.api.call("POST", self._path("/git/refs"), {"ref": f"refs/heads/{head}", "sha": sha})
        except (ConflictError, InputError, ForeignError):
            if await self._find(self._ref(head)) is None:
                raise
            await self.api.call("PATCH", self._ref(head, "refs"), {"sha": sha, "force": True})

    async def open_request(self, head: str, title: str, body: str) -> JsonObject:
        """Open a pull request for a branch, or find the one that is open."""
        fields = {"title": title, "body": body, "head": head, "base": self.delivery.branch}
        try:
            made: JsonObject = await self.api.call("POST", self._path("/pulls"), fields)
        except (ConflictError, InputError, ForeignError):
            [*found] = await self.open_requests(head)
            if not found:
                raise
            return found[0]
        return made

    async def merge(self, request: JsonObject, path: str) -> str:
        """Merge a pull request that changes one file, as it was seen; return why it is not merged, empty if it is."""
        if not await self._changes_only(request, path):
            return f"it changes more than {path}"
        body = {"sha": request["head"]["sha"], "merge_method": self.delivery.merge_method}
        number = str(request["number"])
        try:
            await self.api.call("PUT", self._path("/pulls/{number}/merge", number=number), body)
        except (ConflictError, InputError, NotAllowedError, ForeignError) as error:
            return error.message
        await self.forget(request["head"]["ref"])
        return ""

    async def close(self, request: JsonObject) -> None:
        """Close a pull request without merging it, and drop its branch."""
        path = self._path("/pulls/{number}", number=str(request["number"]))
        await self.api.call("PATCH", path, {"state": "closed"})
        await self.forget(request["head"]["ref"])

    async def forget(self, head: str) -> None:
        """Drop a branch; the repository may have done so itself."""
        try:
            await self.api.call("DELETE", self._ref(head, "refs"))
        except (NotFoundError, InputError, ForeignError):
            return

    async def _find(self, path: str, query: dict[str, str] | None = None) -> Json:
        try:
            return await self.api.call("GET", path, query=query)
        except NotFoundError:
            return None

    def _path(self, template: str, **names: str) -> str:
        owner, name = self.delivery.owner_and_name
        return github.path("/repos/{owner}/{repo}" + template, owner=owner, repo=name, **names)

    def _contents(self, path: str) -> str:
        return f"{self._path('/contents')}/{web_url.segments(path)}"

    def _ref(self, branch: str, kind: str = "ref") -> str:
        return f"{self._path('/git')}/{kind}/heads/{web_url.segments(branch)}"


@asynccontextmanager
async def opened(delivery: Delivery, integrations: GitHosts | None) -> AsyncIterator[Deployed]:
    """Open the repository that is deployed, with the credentials of ``integrations``.

    Raises:
        InputError: no integration of GitHub knows its host, or it has no token.
    """
    one = integrations.by_url(delivery.repository) if integrations else None
    if integrations is None or one is None or one.type != "github" or not one.api_base_url:
        raise InputError(f"No integration for GitHub knows the host of {delivery.repository}; add it to 'integrations'")
    token = await integrations.token(one.host, delivery.owner_and_name[0])
    if not token:
        raise InputError(f"There is no token for {delivery.repository}; give 'integrations.github' one that may write")
    async with GithubApi(one.api_base_url, token) as api:
        yield Deployed(api, delivery)
