"""What a platform is measured by: events as they are recorded, and the report of the last 90 days.

Those of the report are the same in all replicas, and of everything together: teams, templates and months are many, and
are what the report itself is for. A percentile that is not reached yet is not told.
"""

from collections.abc import Mapping
from typing import Any

from backstage_py.metrics.instruments import Instrument, counter, shared

EVENTS = counter(
    "backstage_py_platform_events_total",
    "Events that were recorded for the platform's metrics, each once however often it was told, by type",
    "type",
)
SERVICES = shared(
    "backstage_py_platform_services", "Services that tasks created: deployed to production, or never_deployed", "state"
)
FIRST_DEPLOYMENT = shared(
    "backstage_py_platform_first_deployment_seconds",
    "From the creation of a repository to the first deployment to production; those never deployed count as watched",
    "percentile",
)
GOLDEN_PATHS = shared(
    "backstage_py_platform_catalog_services", "Services of the catalog, by whether a template made them", "path"
)
INFRASTRUCTURE = shared(
    "backstage_py_platform_infrastructure_changes",
    "Changes of infrastructure by tasks and by orders, with and without a ticket",
    "ticket",
)
DEPLOYMENTS = shared(
    "backstage_py_platform_deployments",
    "Deployments to production: those that succeeded, and which failed in some way or were rework",
    "kind",
)
LEAD_TIME = shared("backstage_py_platform_change_lead_time_seconds", "From a commit to production", "percentile")
FAIL_RATIO = shared("backstage_py_platform_change_fail_ratio", "Share of deployments to production that failed")
RECOVERY = shared(
    "backstage_py_platform_failed_deployment_recovery_seconds",
    "From the failure of a deployment to its end; those not recovered count as watched",
    "percentile",
)
REWORK_RATIO = shared("backstage_py_platform_deployment_rework_ratio", "Share of deployments that were rework")
OPEN_INCIDENTS = shared("backstage_py_platform_open_incidents", "Incidents of the last 90 days that are not closed")

Readings = dict[Instrument, dict[tuple[str, ...], float]]


def readings(total: Mapping[str, Any]) -> Readings:
    """Return what is told of a report's ``total``."""
    first, golden = total["firstDeployment"], total["goldenPaths"]
    changes, failures = total["infrastructureChanges"], total["changeFailRate"]
    rework = total["deploymentReworkRate"]
    return {
        SERVICES: {("deployed",): first["deployed"], ("never_deployed",): first["neverDeployed"]["n"]},
        FIRST_DEPLOYMENT: _percentiles(first),
        GOLDEN_PATHS: {("golden",): golden["golden"]["services"], ("other",): golden["others"]["services"]},
        INFRASTRUCTURE: {
            ("without",): changes["withoutTicket"],
            ("with",): changes["n"] - changes["withoutTicket"],
        },
        DEPLOYMENTS: {
            ("succeeded",): total["deploymentFrequency"]["n"],
            ("failed",): failures["failed"],
            ("rework",): rework["rework"],
        },
        LEAD_TIME: _percentiles(total["changeLeadTime"]),
        FAIL_RATIO: _ratio(failures),
        RECOVERY: _percentiles(total["failedDeploymentRecoveryTime"]),
        REWORK_RATIO: _ratio(rework),
        OPEN_INCIDENTS: {(): total["incidents"]["open"]},
    }


def _percentiles(found: Mapping[str, float | None]) -> dict[tuple[str, ...], float]:
    known = {("50",): found["p50Seconds"], ("95",): found["p95Seconds"]}
    return {label: value for label, value in known.items() if value is not None}


def _ratio(found: Mapping[str, float | None]) -> dict[tuple[str, ...], float]:
    return {} if found["share"] is None else {(): found["share"]}
