"""The ``repoUrl`` of templates: ``github.com?owner=acme&repo=shop``, as the form's RepoUrlPicker writes it."""

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from backstage_py.errors import InputError
from backstage_py.model.json import Json
from backstage_py.model.scm import ScmIntegration

_REQUIRED = {
    "bitbucketCloud": ("workspace", "project", "repo"),
    "bitbucketServer": ("project", "repo"),
    "azure": ("project", "repo"),
    "gitea": ("repo",),
    "gerrit": ("repo",),
}
_PARAMETERS = ("owner", "organization", "workspace", "project", "repo")


class _Hosts(Protocol):
    def by_host(self, host: str) -> ScmIntegration | None: ...


@dataclass(frozen=True, slots=True)
class RepoUrl:
    """Where a repository is or will be; which parts are set depends on the host."""

    host: str
    owner: str | None
    organization: str | None
    workspace: str | None
    project: str | None
    repo: str

    def as_json(self) -> Json:
        """Return the parts that are set, as the filter ``parseRepoUrl`` gives them to templates."""
        order = ("host", "owner", "repo", "organization", "workspace", "project")
        return {name: value for name in order if (value := getattr(self, name)) is not None}


def parse(repo_url: str, hosts: _Hosts) -> RepoUrl:
    """Take a ``repoUrl`` apart. The wording of the errors is Backstage's, which its forms show.

    Raises:
        InputError: no integration knows the host, or a part that it needs is missing.
    """
    try:
        parts = urlsplit(f"https://{repo_url}")
        host = parts.netloc.rpartition("@")[2].lower()
        values = parse_qs(parts.query)
    except ValueError as error:
        raise InputError(f"Invalid repo URL passed to publisher, got {repo_url}, {error}") from error
    integration = hosts.by_host(host)
    if not integration:
        raise InputError(
            f"No matching integration configuration for host {host}, please check your integrations config"
        )
    found = {name: values[name][0].strip("/") if name in values else None for name in _PARAMETERS}
    for name in _needed(integration.type, found):
        if not found[name]:
            shown = f"https://{parts.netloc}{parts.path or '/'}?{parts.query}"
            raise InputError(f"Invalid repo URL passed to publisher: {shown}, missing {name}")
    return RepoUrl(
        host, found["owner"], found["organization"], found["workspace"], found["project"], str(found["repo"])
    )


def _needed(host_type: str, found: dict[str, str | None]) -> tuple[str, ...]:
    if host_type == "gitlab":
        return () if found["project"] else ("owner", "repo")
    return _REQUIRED.get(host_type, ("repo", "owner"))
