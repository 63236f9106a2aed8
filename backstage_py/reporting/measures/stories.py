"""What happened to each service, put together of all events and the catalog."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from backstage_py.model.platform_event import PlatformEvent, PlatformEventType

_DEPLOYMENTS = (PlatformEventType.DEPLOYMENT_SUCCEEDED, PlatformEventType.DEPLOYMENT_FAILED)
_INCIDENTS = (PlatformEventType.INCIDENT_OPENED, PlatformEventType.INCIDENT_CLOSED)


@dataclass(frozen=True, slots=True)
class Component:
    """A component of the catalog; ``repository`` is None when its annotations name none."""

    ref: str
    type: str | None
    owner_ref: str | None
    repository: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """A deployment to production that ended."""

    at: int
    has_succeeded: bool
    revision: str | None


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that was wrong with a service; ``closed_at`` is None while it is."""

    opened_at: int
    closed_at: int | None

    def is_open_at(self, moment: int) -> bool:
        """Whether it was open then; at the moment at which it opens it is not."""
        return self.opened_at < moment and (self.closed_at is None or moment <= self.closed_at)


@dataclass(frozen=True, slots=True)
class Service:
    """A repository, or an entity of which no repository is known, with all that was told of it.

    Attributes:
        name: the repository, or the entity's reference.
        team: its owner in the catalog, else the team that the form of its task named; None when neither is known.
        template_ref: of the template that created it; None for one that no task created.
        created_at: when a task created its repository.
        first_commit_at: the first commit to the default branch that the task did not make itself.
        first_build_at: the first green build of the default branch.
        commits: of the default branch, in the order in which they were pushed.
        attempts: to deploy it to production, in their order.
        incidents: in their order.
    """

    name: str
    team: str | None
    template_ref: str | None
    created_at: int | None
    first_commit_at: int | None
    first_build_at: int | None
    commits: Sequence[PlatformEvent]
    attempts: Sequence[Attempt]
    incidents: Sequence[Incident]

    @property
    def first_deployment_at(self) -> int | None:
        """When it was first in production."""
        since = self.created_at or 0
        return next((one.at for one in self.attempts if one.has_succeeded and one.at >= since), None)


def services(
    events: Iterable[PlatformEvent], components: Sequence[Component], production: frozenset[str]
) -> Sequence[Service]:
    """Return what happened to each service.

    Args:
        events: in the order in which they happened.
        components: of the catalog, by which events about entities find their repositories, and services their teams.
        production: environments that are production, in lower case.
    """
    of_entity = {one.ref: one.repository for one in components if one.repository}
    teams = {one.repository: one.owner_ref for one in sorted(components, key=lambda one: one.ref, reverse=True)}
    teams |= {one.ref: one.owner_ref for one in components}
    told: defaultdict[str, list[PlatformEvent]] = defaultdict(list)
    for event in events:
        name = event.repository or of_entity.get(event.entity_ref or "") or event.entity_ref
        if name and not event.type.value.startswith("task_"):
            told[name].append(event)
    return [_service(name, teams.get(name), told[name], production) for name in sorted(told)]


def _service(name: str, owner: str | None, events: Sequence[PlatformEvent], production: frozenset[str]) -> Service:
    by_type: Mapping[PlatformEventType, list[PlatformEvent]] = {kind: [] for kind in PlatformEventType}
    for one in events:
        by_type[one.type].append(one)
    created = max(by_type[PlatformEventType.REPOSITORY_CREATED], key=lambda one: one.at, default=None)
    commits = sorted(by_type[PlatformEventType.COMMIT], key=_pushed)
    since = created.at if created else 0
    own = [one for one in commits if created is None or one.revision != created.revision]
    builds = by_type[PlatformEventType.BUILD_SUCCEEDED]
    return Service(
        name=name,
        team=owner or (created.owner_ref if created else None),
        template_ref=created.template_ref if created else None,
        created_at=created.at if created else None,
        first_commit_at=min((one.at for one in own if one.at >= since), default=None),
        first_build_at=min((one.at for one in builds if one.at >= since), default=None),
        commits=commits,
        attempts=_attempts([one for one in events if one.type in _DEPLOYMENTS and _is_in(one, production)]),
        incidents=_incidents([one for one in events if one.type in _INCIDENTS]),
    )


def _pushed(event: PlatformEvent) -> tuple[int, int, str]:
    return int(event.traits.get("pushedAt") or event.at), int(event.traits.get("position") or 0), event.key


def _is_in(event: PlatformEvent, production: frozenset[str]) -> bool:
    return event.traits.get("production") is True or (event.environment or "").lower() in production


def _attempts(events: Sequence[PlatformEvent]) -> Sequence[Attempt]:
    """Return the ends of deployments; one that tells the same end again counts once."""
    newest: dict[str, PlatformEventType] = {}
    found = []
    for one in events:
        subject = one.subject or one.key
        if newest.get(subject) is not one.type:
            newest[subject] = one.type
            found.append(Attempt(one.at, one.type is PlatformEventType.DEPLOYMENT_SUCCEEDED, one.revision))
    return found


def _incidents(events: Sequence[PlatformEvent]) -> Sequence[Incident]:
    """Return the incidents that were opened; one that was opened again ends when it is closed for the last time."""
    of: defaultdict[str, list[PlatformEvent]] = defaultdict(list)
    for one in events:
        of[one.subject or one.key].append(one)
    found = []
    for told in of.values():
        opened = min((one.at for one in told if one.type is PlatformEventType.INCIDENT_OPENED), default=None)
        newest = max(told, key=lambda one: (one.at, one.type is PlatformEventType.INCIDENT_CLOSED))
        if opened is not None:
            is_closed = newest.type is PlatformEventType.INCIDENT_CLOSED
            found.append(Incident(opened, newest.at if is_closed else None))
    return sorted(found, key=lambda one: one.opened_at)
