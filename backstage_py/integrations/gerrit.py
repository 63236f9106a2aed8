"""Where a Gerrit has what, by ``baseUrl``, ``cloneUrl`` and ``gitilesBaseUrl`` of its integration."""

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from backstage_py.errors import InputError
from backstage_py.integrations.web.http import Answer
from backstage_py.model.json import Json
from backstage_py.model.scm import ScmIntegration

GUARD = b")]}'"
"""What stands before each JSON of Gerrit, so that no script of a page can load it."""


@dataclass(frozen=True, slots=True)
class Places:
    """URLs without slashes at the end.

    Attributes:
        pages: its web pages and its API.
        repositories: what git reads and writes is below it.
        files: Gitiles, which shows files.
    """

    pages: str
    repositories: str
    files: str

    def repository(self, project: str) -> str:
        """Return the URL that git writes to; ``/a/`` asks for credentials."""
        return f"{self.repositories}/a/{project}"

    def branch(self, project: str, branch: str) -> str:
        """Return the page that shows a branch."""
        return f"{self.files}/{project}/+/refs/heads/{branch}"

    def edit(self, project: str, branch: str, path: str) -> str:
        """Return the page on which people edit a file."""
        return f"{self.pages}/admin/repos/edit/repo/{project}/branch/refs/heads/{branch}/file/{path.lstrip('/')}"

    def archives(self, *, signed_in: bool) -> str:
        """Return the root of archives, which Gitiles gives to those who sign in at another address.

        Raises:
            InputError: Gitiles is no part of the Gerrit for which there are credentials.
        """
        if self.files.startswith(f"{self.pages}/"):
            return f"{self.pages}/a{self.files.removeprefix(self.pages)}" if signed_in else self.files
        if signed_in and self.files != self.pages:
            raise InputError(
                "Since the baseUrl (Gerrit) is not part of the gitilesBaseUrl, an authentication URL could not be "
                "constructed. Set a gitilesBaseUrl below the baseUrl, or read without a password"
            )
        return self.files


def parsed(answer: Answer) -> Json:
    """Return the JSON of an answer, which stands behind ``GUARD``."""
    return replace(answer, body=answer.body.removeprefix(GUARD)).json()


def places(integration: ScmIntegration) -> Places:
    """Return the places of a host."""
    base = integration.site
    clone = str(integration.options.get("cloneUrl") or base).rstrip("/")
    return Places(base, clone, str(integration.options.get("gitilesBaseUrl") or base).rstrip("/"))


def files_host(integration: ScmIntegration) -> str:
    """Return the host of Gitiles, as URLs of files have it."""
    return urlsplit(places(integration).files).netloc.lower()
