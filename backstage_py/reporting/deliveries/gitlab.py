"""GitLab's webhooks: pushes, pipelines, deployments and incidents."""

from collections.abc import Iterator

from backstage_py.model.json import JsonObject
from backstage_py.model.platform_event import PlatformEvent, PlatformEventType, key_of, repository_of
from backstage_py.reporting.deliveries import changes
from backstage_py.reporting.deliveries.reading import at, moment, objects, text

_OUTCOMES = {
    "success": PlatformEventType.DEPLOYMENT_SUCCEEDED,
    "failed": PlatformEventType.DEPLOYMENT_FAILED,
}


def events(kind: str, payload: JsonObject) -> Iterator[PlatformEvent]:
    """Yield what a delivery tells; ``kind`` is its ``object_kind``."""
    repository = repository_of(text(payload, "project", "web_url") or "")
    if repository is None:
        return
    branch = text(payload, "project", "default_branch")
    match kind:
        case "push" if text(payload, "ref") == f"refs/heads/{branch}":
            yield from changes.pushed(repository, objects(payload, "commits"), None)
        case "pipeline" if text(payload, "object_attributes", "ref") == branch:
            yield from _pipeline(repository, payload)
        case "deployment":
            yield from _deployment(repository, payload)
        case "work_item" | "issue" | "incident":
            yield from _incident(repository, payload)


def _pipeline(repository: str, payload: JsonObject) -> Iterator[PlatformEvent]:
    attributes = payload["object_attributes"]
    when = moment(attributes, "finished_at")
    if when is not None and text(attributes, "status") == "success" and at(attributes, "tag") is not True:
        yield changes.built(repository, when, text(attributes, "sha"))


def _deployment(repository: str, payload: JsonObject) -> Iterator[PlatformEvent]:
    outcome = _OUTCOMES.get(text(payload, "status") or "")
    id_, when = text(payload, "deployment_id"), moment(payload, "status_changed_at")
    if outcome is None or id_ is None or when is None:
        return
    of_commit = (text(payload, "commit_url") or "").rpartition("/commit/")[2]  # the payload has the short one beside it
    yield PlatformEvent(
        key=key_of("gitlab-deployment", repository, id_, outcome.value),
        type=outcome,
        at=when,
        repository=repository,
        subject=id_,
        environment=text(payload, "environment"),
        revision=of_commit or text(payload, "short_sha"),
        traits={"production": True} if text(payload, "environment_tier") == "production" else {},
    )


def _incident(repository: str, payload: JsonObject) -> Iterator[PlatformEvent]:
    attributes = at(payload, "object_attributes")
    number, opened = text(attributes, "iid"), moment(attributes, "created_at")
    if (text(attributes, "type") or "").lower() != "incident" or number is None or opened is None:
        return
    yield changes.incident(repository, f"#{number}", opened, closed=False)
    action = text(attributes, "action")
    closed = moment(attributes, "closed_at") if action == "close" else None
    changed = closed if closed is not None else moment(attributes, "updated_at")
    if action in {"close", "reopen"} and changed is not None:
        yield changes.incident(repository, f"#{number}", changed, closed=action == "close")
