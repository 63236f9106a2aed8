"""GitHub's webhooks: ``push``, ``workflow_run``, ``deployment_status`` and ``issues``."""

from collections.abc import Iterator

from backstage_py.model.json import JsonObject
from backstage_py.model.platform_event import PlatformEvent, PlatformEventType, key_of, repository_of
from backstage_py.reporting.deliveries import changes
from backstage_py.reporting.deliveries.reading import at, moment, objects, text

_OUTCOMES = {
    "success": PlatformEventType.DEPLOYMENT_SUCCEEDED,
    "failure": PlatformEventType.DEPLOYMENT_FAILED,
    "error": PlatformEventType.DEPLOYMENT_FAILED,
}
_INCIDENT = "incident"
"""The label of issues that are incidents."""


def events(kind: str, payload: JsonObject) -> Iterator[PlatformEvent]:
    """Yield what a delivery tells; ``kind`` is its ``X-GitHub-Event``."""
    repository = repository_of(text(payload, "repository", "html_url") or "")
    if repository is None:
        return
    branch = text(payload, "repository", "default_branch")
    match kind:
        case "push" if text(payload, "ref") == f"refs/heads/{branch}":
            commits = objects(payload, "commits")
            yield from changes.pushed(repository, commits, moment(payload, "repository", "pushed_at"))
        case "workflow_run" if text(payload, "workflow_run", "head_branch") == branch:
            yield from _run(repository, payload)
        case "deployment_status":
            yield from _deployment(repository, payload)
        case "issues":
            yield from _incident(repository, payload)


def _run(repository: str, payload: JsonObject) -> Iterator[PlatformEvent]:
    when = moment(payload, "workflow_run", "updated_at")
    is_green = text(payload, "workflow_run", "conclusion") == "success" and text(payload, "action") == "completed"
    is_of_request = (text(payload, "workflow_run", "event") or "").startswith("pull_request")  # a fork has a main, too
    if when is not None and is_green and not is_of_request:
        yield changes.built(repository, when, text(payload, "workflow_run", "head_sha"))


def _deployment(repository: str, payload: JsonObject) -> Iterator[PlatformEvent]:
    outcome = _OUTCOMES.get(text(payload, "deployment_status", "state") or "")
    status, when = text(payload, "deployment_status", "id"), moment(payload, "deployment_status", "created_at")
    if outcome is None or status is None or when is None:
        return
    says = at(payload, "deployment", "production_environment")
    yield PlatformEvent(
        key=key_of("github-deployment-status", repository, status),
        type=outcome,
        at=when,
        repository=repository,
        subject=text(payload, "deployment", "id"),
        environment=text(payload, "deployment", "environment"),
        revision=text(payload, "deployment", "sha"),
        traits={"production": True} if says is True else {},
    )


def _incident(repository: str, payload: JsonObject) -> Iterator[PlatformEvent]:
    """Yield the opening and closing of an issue that is labelled as an incident, whenever the label came."""
    number, opened = text(payload, "issue", "number"), moment(payload, "issue", "created_at")
    labels = {(text(one, "name") or "").lower() for one in objects(payload, "issue", "labels")}
    if _INCIDENT not in labels or number is None or opened is None:
        return
    yield changes.incident(repository, f"#{number}", opened, closed=False)
    action = text(payload, "action")
    changed = moment(payload, "issue", "closed_at" if action == "closed" else "updated_at")
    if action in {"closed", "reopened"} and changed is not None:
        yield changes.incident(repository, f"#{number}", changed, closed=action == "closed")
