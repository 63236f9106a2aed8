"""What happened that a platform is measured by: one fact each, as it is stored and counted."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from backstage_py.errors import InputError
from backstage_py.model import entity_ref
from backstage_py.model.json import Json

_LONGEST_KEY = 64


class PlatformEventType(StrEnum):
    """What can happen."""

    TASK_CREATED = "task_created"
    TASK_COMPLETED = "task_completed"
    TASK_FAILED = "task_failed"
    TASK_CANCELLED = "task_cancelled"
    REPOSITORY_CREATED = "repository_created"
    COMMIT = "commit"
    BUILD_SUCCEEDED = "build_succeeded"
    DEPLOYMENT_SUCCEEDED = "deployment_succeeded"
    DEPLOYMENT_FAILED = "deployment_failed"
    INFRASTRUCTURE_CHANGED = "infrastructure_changed"
    INCIDENT_OPENED = "incident_opened"
    INCIDENT_CLOSED = "incident_closed"


@dataclass(frozen=True, slots=True)
class PlatformEvent:
    """A fact. It holds names, moments and switches, never what a task or a delivery said beside them.

    Attributes:
        key: the same for the same fact, whoever tells it and however often; see ``key_of``.
        type: what happened.
        at: when, in milliseconds since 1970, by whoever it happened to.
        repository: where, as ``repository_of`` writes it.
        entity_ref: the entity that it is about, where one is named.
        template_ref: of the template that a task came from.
        owner_ref: the team that a task's form names.
        subject: the id of the task, deployment or incident, by which events belong together.
        environment: of a deployment.
        revision: the commit.
        traits: what else counts, such as ``{"production": true}``.
    """

    key: str
    type: PlatformEventType
    at: int
    repository: str | None = None
    entity_ref: str | None = None
    template_ref: str | None = None
    owner_ref: str | None = None
    subject: str | None = None
    environment: str | None = None
    revision: str | None = None
    traits: Mapping[str, Json] = field(default_factory=dict)


def key_of(*parts: str) -> str:
    """Return the key of a fact that these texts identify."""
    text = ":".join(part.replace(":", "::") for part in parts)
    return text if len(text) <= _LONGEST_KEY else hashlib.sha256(text.encode()).hexdigest()


def owner_in(parameters: Mapping[str, Json]) -> str | None:
    """Return the team that a form names as ``owner``, as most templates call it, or as ``team``; None without one."""
    given = parameters.get("owner") or parameters.get("team")
    try:
        return str(entity_ref.parse(given, default_kind="group")) if isinstance(given, str) else None
    except InputError:
        return None


def repository_of(url: str) -> str | None:
    """Return the name by which one repository is known in all its addresses: ``host/path``, in lower case.

    Pages, clone addresses and addresses of files of the usual hosts give the same; None for what is no address.
    """
    try:
        parts = urlsplit(url if "://" in url else f"ssh://{url.replace(':', '/', 1)}")
        host = parts.hostname
        port = parts.port if parts.scheme in {"http", "https"} else None
    except ValueError:
        return None
    path = _repository_path((host or "").lower(), [one for one in parts.path.split("/") if one])
    if not host or not path:
        return None
    return f"{host}{f':{port}' if port else ''}/{path}".lower()


def _repository_path(host: str, segments: list[str]) -> str | None:
    """Return the path of a repository, without what the address says about a file or a page in it."""
    match segments:
        case ["scm", project, name, *_] | ["projects" | "users", project, "repos", name, *_]:  # Bitbucket Server
            segments = [project, name]
        case _ if "_git" in segments[:-1]:  # Azure DevOps
            segments = segments[: segments.index("_git") + 2]
        case _ if "-" in segments:  # a page of GitLab
            segments = segments[: segments.index("-")]
        case [owner, name, "tree" | "blob" | "src" | "raw" | "edit" | "commits", *_]:
            segments = [owner, name]
        case _ if host in {"github.com", "bitbucket.org"}:
            segments = segments[:2]
    return "/".join(segments).removesuffix(".git") or None
