"""The metrics of some services and tasks in a span of time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from backstage_py.model.json import JsonObject
from backstage_py.reporting.measures.deployments import Deployment
from backstage_py.reporting.measures.durations import Durations, seconds, share
from backstage_py.reporting.measures.runs import Order, TaskRun
from backstage_py.reporting.measures.stories import Component, Service
from backstage_py.reporting.measures.window import Window

MOST_NAMED = 50
"""So many services that never deployed are named; their number is always told."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What is measured together.

    Attributes:
        services: with their deployments.
        tasks: that ran for them.
        components: of the catalog.
        orders: of infrastructure, without a task.
    """

    services: Sequence[tuple[Service, Sequence[Deployment]]]
    tasks: Sequence[TaskRun]
    components: Sequence[Component]
    orders: Sequence[Order] = ()

    def of_team(self, team: str | None) -> "Slice":
        """Return what belongs to a team."""
        return Slice(
            [one for one in self.services if one[0].team == team],
            [one for one in self.tasks if one.team == team],
            [one for one in self.components if one.owner_ref == team],
            [one for one in self.orders if one.team == team],
        )

    def of_template(self, template: str, repositories: frozenset[str]) -> "Slice":
        """Return what a template made; ``repositories`` are those that it created."""
        return Slice(
            [one for one in self.services if one[0].template_ref == template],
            [one for one in self.tasks if one.template_ref == template],
            [one for one in self.components if one.repository in repositories],
        )

    def measured(self, window: Window, as_of: int) -> JsonObject:
        """Return the metrics of what happened in a span; ``as_of`` is until when the end of what began is known."""
        return {
            "tasks": _tasks(self.tasks, window),
            "infrastructureChanges": _infrastructure(self.tasks, self.orders, window),
            "firstDeployment": _first_deployment(self, window, as_of),
            "firstCommit": _milestone(self, window, as_of, "first_commit_at"),
            "firstGreenBuild": _milestone(self, window, as_of, "first_build_at"),
            "incidents": _incidents([one for one, _ in self.services], window),
            **_dora([one for _, found in self.services for one in found if one.at in window], window, as_of),
        }

    def golden_paths(self, templates: dict[str, str]) -> JsonObject:
        """Return by which template the services of the catalog came; ``templates`` are those by repository."""
        listed = [one for one in self.components if one.type == "service"]
        known = Counter(found for one in listed if (found := templates.get(one.repository or "")))
        made = known.total()
        return {
            "byTemplate": [
                {"template": template, "services": count, **share(count, len(listed))}
                for template, count in sorted(known.items())
            ],
            "others": {"services": len(listed) - made, **share(len(listed) - made, len(listed))},
            "golden": {"services": made, **share(made, len(listed))},
        }


def _tasks(tasks: Sequence[TaskRun], window: Window) -> JsonObject:
    ended = Counter(one.outcome for one in tasks if one.ended_at in window)
    judged = ended["completed"] + ended["failed"]
    return {
        "created": sum(one.created_at in window for one in tasks),
        "completed": ended["completed"],
        "failed": ended["failed"],
        "cancelled": ended["cancelled"],
        "failureRate": share(ended["failed"], judged),
    }


def _infrastructure(tasks: Sequence[TaskRun], orders: Sequence[Order], window: Window) -> JsonObject:
    made = [one for one in tasks if one.is_infrastructure and one.outcome == "completed" and one.ended_at in window]
    ordered = sum(one.at in window for one in orders)
    without = ordered + sum(not one.has_ticket for one in made)
    return {"withoutTicket": without, **share(without, ordered + len(made))}


def _first_deployment(found: Slice, window: Window, as_of: int) -> JsonObject:
    created = [one for one, _ in found.services if one.created_at in window]
    never = sorted((one for one in created if one.first_deployment_at is None), key=lambda one: one.created_at or 0)
    return {
        **_since_creation(created, as_of, "first_deployment_at").as_json(),
        "deployed": len(created) - len(never),
        "neverDeployed": {
            "n": len(never),
            "oldestSeconds": seconds(as_of - (never[0].created_at or 0)) if never else None,
            "services": [
                {
                    "name": one.name,
                    "team": one.team,
                    "template": one.template_ref,
                    "ageSeconds": seconds(as_of - (one.created_at or 0)),
                }
                for one in never[:MOST_NAMED]
            ],
        },
    }


def _milestone(found: Slice, window: Window, as_of: int, name: str) -> JsonObject:
    created = [one for one, _ in found.services if one.created_at in window]
    lengths = _since_creation(created, as_of, name)
    return {**lengths.as_json(), "reached": len(lengths.ended)}


def _incidents(services: Sequence[Service], window: Window) -> JsonObject:
    opened = [one for service in services for one in service.incidents if one.opened_at in window]
    return {"opened": len(opened), "open": sum(one.closed_at is None for one in opened)}


def _since_creation(services: Sequence[Service], as_of: int, name: str) -> Durations:
    pairs = [(one.created_at or 0, getattr(one, name)) for one in services]
    return Durations(
        [reached - created for created, reached in pairs if reached is not None],
        [as_of - created for created, reached in pairs if reached is None],
    )


def _dora(deployments: Sequence[Deployment], window: Window, as_of: int) -> JsonObject:
    succeeded = [one for one in deployments if one.has_succeeded]
    failures = [one.failure for one in deployments if one.failure]
    recovery = Durations(
        [one.ended_at - one.began_at for one in failures if one.ended_at is not None],
        [max(as_of - one.began_at, 0) for one in failures if one.ended_at is None],
    )
    rework = sum(one.is_rework for one in succeeded)
    return {
        "deploymentFrequency": {
            "n": len(succeeded),
            "perWeek": round(len(succeeded) / window.weeks, 2) if window.weeks else None,
        },
        "changeLeadTime": Durations([lead for one in succeeded for lead in one.lead_times]).as_json(),
        "changeFailRate": {"failed": len(failures), **share(len(failures), len(deployments))},
        "failedDeploymentRecoveryTime": {
            **recovery.as_json(),
            "recovered": len(recovery.ended),
            "open": len(recovery.open),
        },
        "deploymentReworkRate": {"rework": rework, **share(rework, len(succeeded))},
    }
