"""Who approved a pull request on GitHub, and who merged it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from backstage_py.errors import InputError
from backstage_py.integrations import github
from backstage_py.integrations.github import GithubApi
from backstage_py.model.json import JsonObject
from backstage_py.model.scm import ScmIntegration

_PATH = re.compile(r"/([^/]+)/([^/]+)/pull/(\d+)/?")
_DECIDING = ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")
_PAGE, _MOST_PAGES = 100, 10


class GitHosts(Protocol):
    """The git hosts that are configured, as the door's ``ScmIntegrations`` has them."""

    def by_url(self, url: str) -> ScmIntegration | None:
        """Return the one that serves a URL."""

    async def token(self, host: str, owner: str | None = None) -> str | None:
        """Return a token for an owner's repositories."""


@dataclass(frozen=True, slots=True)
class Approval:
    """What became of a pull request: logins of those whose last word was approval, and of who merged it, if anybody."""

    approvers: Sequence[str]
    merged_by: str

    def __str__(self) -> str:
        """Such as ``ada, ben`` and ``nobody (merged by ada)``."""
        if self.approvers:
            return ", ".join(self.approvers)
        return f"nobody (merged by {self.merged_by})" if self.merged_by else "nobody yet"


async def approval(hosts: GitHosts | None, url: str) -> Approval:
    """Ask GitHub who approved a pull request.

    Raises:
        InputError: the URL is none of a pull request on a configured GitHub that there is a token for. BackstageError:
            of ``github.foreign_errors``.
    """
    found = _PATH.fullmatch(urlsplit(url).path)
    one = hosts.by_url(url) if hosts else None
    if found is None or hosts is None or one is None or one.type != "github" or not one.api_base_url:
        raise InputError(f"'{url}' is no pull request on a GitHub of 'integrations.github'")
    owner, name, number = found.groups()
    token = await hosts.token(one.host, owner)
    if not token:
        raise InputError(f"There is no token for {url}; give 'integrations.github' one that may read pull requests")
    path = github.path("/repos/{owner}/{repo}/pulls/{number}", owner=owner, repo=name, number=number)
    async with GithubApi(one.api_base_url, token) as api:
        request: JsonObject = await api.call("GET", path)
        reviews: list[JsonObject] = []
        for page in range(1, _MOST_PAGES + 1):
            listed = await api.call("GET", f"{path}/reviews", query={"per_page": str(_PAGE), "page": str(page)})
            reviews += listed
            if len(listed) < _PAGE:
                break
    return Approval(_approvers(reviews), _login(request.get("merged_by")))


def _approvers(reviews: Sequence[JsonObject]) -> list[str]:
    """Return those whose last word was approval; comments change nothing."""
    last = {_login(one.get("user")): one["state"] for one in reviews if one.get("state") in _DECIDING}
    return [login for login, state in last.items() if login and state == "APPROVED"]


def _login(user: JsonObject | None) -> str:
    return str((user or {}).get("login") or "")
