"""Events that several hosts tell in the same way."""

from collections.abc import Iterator, Sequence

from backstage_py.model.json import JsonObject
from backstage_py.model.platform_event import PlatformEvent, PlatformEventType, key_of
from backstage_py.reporting.deliveries.reading import moment, text

MOST_COMMITS = 2_048
"""As many as GitHub names of one push."""


def pushed(repository: str, commits: Sequence[JsonObject], at: int | None) -> Iterator[PlatformEvent]:
    """Yield the commits of a push to the default branch, in their order.

    ``at`` is when they were pushed; a host that does not say so is taken to have had them when the newest was made.
    """
    known = [
        (revision, when)
        for one in commits[:MOST_COMMITS]
        if (revision := text(one, "id")) and (when := moment(one, "timestamp")) is not None
    ]
    if not known:
        return
    arrived = at if at is not None else max(when for _, when in known)
    for position, (revision, when) in enumerate(known):
        yield PlatformEvent(
            key=key_of("commit", repository, revision),
            type=PlatformEventType.COMMIT,
            at=when,
            repository=repository,
            revision=revision,
            traits={"pushedAt": arrived, "position": position},
        )


def built(repository: str, at: int, revision: str | None) -> PlatformEvent:
    """Return a green build of the default branch; a repository keeps the first that it had."""
    return PlatformEvent(
        key=key_of("build", repository),
        type=PlatformEventType.BUILD_SUCCEEDED,
        at=at,
        repository=repository,
        revision=revision,
    )


def incident(
    repository: str | None, subject: str, at: int, *, closed: bool, entity: str | None = None
) -> PlatformEvent:
    """Return the opening or the closing of an incident, which may be opened and closed again."""
    event = PlatformEventType.INCIDENT_CLOSED if closed else PlatformEventType.INCIDENT_OPENED
    return PlatformEvent(
        key=key_of(event.value, repository or entity or "", subject, str(at)),
        type=event,
        at=at,
        repository=repository,
        entity_ref=entity,
        subject=subject,
    )
