"""The topic ``platform``, for what has no webhooks of its own form: Argo CD's notifications, other CI, pagers.

A delivery is one event, ``{"type", "id", "at", "repository" | "entityRef", "environment", "revision", "production"}``;
``type`` is a deployment or an incident. ``docs/platform-metrics.md`` has Argo CD's template for it.
"""

from collections.abc import Iterator

from backstage_py.errors import InputError
from backstage_py.model import entity_ref
from backstage_py.model.json import JsonObject
from backstage_py.model.platform_event import PlatformEvent, PlatformEventType, key_of, repository_of
from backstage_py.reporting.deliveries import changes
from backstage_py.reporting.deliveries.reading import at, moment, text

_DEPLOYMENTS = {PlatformEventType.DEPLOYMENT_SUCCEEDED.value, PlatformEventType.DEPLOYMENT_FAILED.value}
_INCIDENTS = {PlatformEventType.INCIDENT_OPENED.value, PlatformEventType.INCIDENT_CLOSED.value}


def events(payload: JsonObject) -> Iterator[PlatformEvent]:
    """Yield what a delivery tells.

    Raises:
        InputError: a member is missing or wrong; its sender is the operator's own, and wants to know.
    """
    kind, id_, when = text(payload, "type"), text(payload, "id"), moment(payload, "at")
    if kind not in _DEPLOYMENTS | _INCIDENTS:
        raise InputError(f"'type' should be one of {', '.join(sorted(_DEPLOYMENTS | _INCIDENTS))}")
    if id_ is None or when is None:
        raise InputError("'id' should be what the deployment or incident is known by, 'at' a moment in ISO 8601")
    repository, entity = _subject(payload)
    if kind in _INCIDENTS:
        yield changes.incident(repository, id_, when, closed=kind.endswith("closed"), entity=entity)
        return
    environment = text(payload, "environment")
    if environment is None:
        raise InputError("'environment' should be where it was deployed to, such as production")
    yield PlatformEvent(
        key=key_of("deployment", repository or entity or "", environment, id_, kind),
        type=PlatformEventType(kind),
        at=when,
        repository=repository,
        entity_ref=entity,
        subject=id_,
        environment=environment,
        revision=text(payload, "revision"),
        traits={"production": True} if at(payload, "production") is True else {},
    )


def _subject(payload: JsonObject) -> tuple[str | None, str | None]:
    url, ref = text(payload, "repository"), text(payload, "entityRef")
    repository = repository_of(url) if url else None
    try:
        entity = str(entity_ref.parse(ref, default_kind="component")) if ref else None
    except InputError as error:
        raise InputError(f"'entityRef': {error.message}") from None
    if repository is None and entity is None:
        raise InputError("Name the 'repository' by its URL, or an entity of the catalog as 'entityRef'")
    return repository, entity
