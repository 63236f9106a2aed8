"""Numbers and URLs that GitHub's objects carry."""

import base64
import hashlib
from urllib.parse import quote

from backstage_py.sandbox.records import Repository
from backstage_py.sandbox.settings import SandboxSettings

_FOLDERS = {
    "archive": "/{archive_format}{/ref}",
    "assignees": "/assignees{/user}",
    "blobs": "/git/blobs{/sha}",
    "branches": "/branches{/branch}",
    "collaborators": "/collaborators{/collaborator}",
    "comments": "/comments{/number}",
    "commits": "/commits{/sha}",
    "compare": "/compare/{base}...{head}",
    "contents": "/contents/{+path}",
    "contributors": "/contributors",
    "deployments": "/deployments",
    "downloads": "/downloads",
    "events": "/events",
    "forks": "/forks",
    "git_commits": "/git/commits{/sha}",
    "git_refs": "/git/refs{/sha}",
    "git_tags": "/git/tags{/sha}",
    "hooks": "/hooks",
    "issue_comment": "/issues/comments{/number}",
    "issue_events": "/issues/events{/number}",
    "issues": "/issues{/number}",
    "keys": "/keys{/key_id}",
    "labels": "/labels{/name}",
    "languages": "/languages",
    "merges": "/merges",
    "milestones": "/milestones{/number}",
    "notifications": "/notifications{?since,all,participating}",
    "pulls": "/pulls{/number}",
    "releases": "/releases{/id}",
    "stargazers": "/stargazers",
    "statuses": "/statuses/{sha}",
    "subscribers": "/subscribers",
    "subscription": "/subscription",
    "tags": "/tags",
    "teams": "/teams",
    "trees": "/git/trees{/sha}",
}


def number(*parts: str) -> int:
    """Return a positive number below 2**31 that stays the same for the same thing, as GitHub's ids do."""
    digest = hashlib.sha256("\0".join(parts).lower().encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF or 1


def node(kind: str, *parts: str) -> str:
    """Return an opaque id in the form of GitHub's node ids."""
    return f"{kind}_{base64.urlsafe_b64encode(number(kind, *parts).to_bytes(4, 'big')).decode().rstrip('=')}"


def repository_api(settings: SandboxSettings, repository: Repository) -> str:
    """Return the API's URL of a repository."""
    return f"{settings.api_url}/repos/{repository.full_name}"


def repository_page(settings: SandboxSettings, repository: Repository) -> str:
    """Return the page of a repository."""
    return f"{settings.base_url}/{repository.full_name}"


def page(settings: SandboxSettings, repository: Repository, kind: str, ref: str, path: str) -> str:
    """Return the page of a file (``blob``) or folder (``tree``)."""
    return f"{repository_page(settings, repository)}/{kind}/{quote(ref)}/{quote(path)}".rstrip("/")


def repository_templates(settings: SandboxSettings, repository: Repository) -> dict[str, str]:
    """Return the ``<noun>_url`` members of a repository, several of them URI templates."""
    api = repository_api(settings, repository)
    return {f"{noun}_url": f"{api}{folder}" for noun, folder in _FOLDERS.items()}
