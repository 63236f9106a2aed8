"""What became of each deployment to production: whether it failed, what repaired it, which changes came with it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backstage_py.reporting.measures.stories import Attempt, Incident, Service


@dataclass(frozen=True, slots=True)
class Failure:
    """What was wrong with a deployment, from when to when; ``ended_at`` is None while it is."""

    began_at: int
    ended_at: int | None


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment that ended, judged.

    Attributes:
        failure: None when nothing is known to have been wrong with it.
        is_rework: it was made because of what was wrong in production: in an incident, or back to an earlier revision.
        lead_times: of the changes that came to production with it, in milliseconds.
    """

    at: int
    has_succeeded: bool
    failure: Failure | None
    is_rework: bool
    lead_times: Sequence[int]


def judged(service: Service) -> Sequence[Deployment]:
    """Return the deployments of a service, in their order."""
    attempts = service.attempts
    back = _rollbacks(attempts)
    blamed = _blamed(service)
    changes = _Changes(service)
    return [
        Deployment(
            at=one.at,
            has_succeeded=one.has_succeeded,
            failure=_failure(attempts, position, blamed.get(position, ()), back),
            is_rework=one.has_succeeded
            and (position in back or any(incident.is_open_at(one.at) for incident in service.incidents)),
            lead_times=tuple(changes.delivered(one)) if one.has_succeeded else (),
        )
        for position, one in enumerate(attempts)
    ]


def _rollbacks(attempts: Sequence[Attempt]) -> dict[int, int]:
    """Return the positions of deployments that went back to an earlier revision, with those of what they undid."""
    found: dict[int, int] = {}
    known: set[str] = set()
    before: int | None = None
    for position, one in enumerate(attempts):
        if not one.has_succeeded:
            continue
        if before is not None and one.revision in known and one.revision != attempts[before].revision:
            found[position] = before
        if one.revision:
            known.add(one.revision)
        before = position
    return found


def _blamed(service: Service) -> dict[int, list[Incident]]:
    """Return the incidents by the position of the deployment that they are put down to: the newest before them."""
    found: dict[int, list[Incident]] = {}
    for incident in service.incidents:
        earlier = [n for n, one in enumerate(service.attempts) if one.has_succeeded and one.at <= incident.opened_at]
        if earlier:
            found.setdefault(earlier[-1], []).append(incident)
    return found


def _failure(
    attempts: Sequence[Attempt], position: int, incidents: Sequence[Incident], back: dict[int, int]
) -> Failure | None:
    one = attempts[position]
    if not one.has_succeeded:
        return Failure(one.at, next((later.at for later in attempts[position + 1 :] if later.has_succeeded), None))
    if incidents:
        ends = [incident.closed_at for incident in incidents]
        closed = [end for end in ends if end is not None]
        return Failure(incidents[0].opened_at, max(closed) if len(closed) == len(ends) else None)
    undone = next((attempts[later].at for later, undoes in back.items() if undoes == position), None)
    return None if undone is None else Failure(one.at, undone)


class _Changes:
    """The commits of a service that are not in production yet."""

    def __init__(self, service: Service) -> None:
        self._commits = service.commits
        self._positions = {one.revision: position for position, one in enumerate(service.commits)}
        self._delivered = 0

    def delivered(self, attempt: Attempt) -> Iterator[int]:
        """Yield how long each commit took that a deployment is the first to bring; they are no longer waiting then.

        A deployment brings its own revision and all that was pushed before it. Of a revision that no push told of,
        nothing is known, and nothing is counted.
        """
        position = self._positions.get(attempt.revision)
        if position is None:
            return
        for one in self._commits[self._delivered : position + 1]:
            yield max(attempt.at - one.at, 0)
        self._delivered = max(self._delivered, position + 1)
