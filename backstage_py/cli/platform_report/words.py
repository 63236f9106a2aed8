"""Numbers of a report in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NOTHING = "-"
NOT_REACHED = "not reached"
_UNITS = ((86_400, 2, "d"), (3_600, 1, "h"), (60, 1, "min"))
"""Each with how many of it there must be."""
_MANY = 10


@dataclass(frozen=True, slots=True)
class Row:
    """A metric of one slice: what it is, its number, and what stands beside it, ``n`` first."""

    title: str
    value: str
    beside: str
    about: str


def duration(seconds: float | None) -> str:
    """Return a duration in the unit that suits it: ``26 h``, ``9.5 d``."""
    if seconds is None:
        return NOT_REACHED
    for unit, least, name in _UNITS:
        if seconds >= least * unit:
            count = seconds / unit
            return f"{count:.0f} {name}" if count >= _MANY or count == int(count) else f"{count:.1f} {name}"
    return f"{seconds:.0f} s"


def percentile(found: Mapping[str, Any], name: str = "p50Seconds") -> str:
    """Return a percentile; of nothing there is none."""
    return duration(found[name]) if found["n"] else NOTHING


def share(found: Mapping[str, Any]) -> str:
    """Return a share in percent; of nothing there is none."""
    return NOTHING if found["share"] is None else percent(found["share"])


def percent(part: float) -> str:
    """Return a part of one in percent, to a tenth where that says something."""
    return f"{f'{part * 100:.1f}'.removesuffix('.0')} %"


def team(ref: str | None) -> str:
    """Return a team's name; those of the usual kind and namespace without these."""
    return "no team known" if ref is None else ref.removeprefix("group:").removeprefix("default/")


def template(ref: str | None) -> str:
    """Return a template's name, as ``team`` does."""
    return "no template" if ref is None else ref.removeprefix("template:").removeprefix("default/")


def golden(measured: Mapping[str, Any]) -> Iterator[Row]:
    """Yield what is said of the platform itself."""
    first, never = measured["firstDeployment"], measured["firstDeployment"]["neverDeployed"]
    yield Row(
        "Time to first deployment",
        percentile(first),
        f"p95 {percentile(first, 'p95Seconds')}, n = {first['n']}",
        "repository to production, half of all",
    )
    yield Row(
        "Never deployed",
        str(never["n"]),
        f"of n = {first['n']}" + (f", oldest {duration(never['oldestSeconds'])}" if never["n"] else ""),
        "services that tasks created",
    )
    if "goldenPaths" in measured:
        path = measured["goldenPaths"]["golden"]
        yield Row("By golden path", share(path), f"{path['services']} of n = {path['n']}", "services of the catalog")
    changes = measured["infrastructureChanges"]
    yield Row(
        "Without a ticket",
        share(changes),
        f"{changes['withoutTicket']} of n = {changes['n']}",
        "changes of infrastructure, by tasks and by orders",
    )
    tasks = measured["tasks"]
    yield Row(
        "Tasks that failed",
        share(tasks["failureRate"]),
        f"{tasks['failed']} of n = {tasks['failureRate']['n']}",
        "completed or failed",
    )


def dora(measured: Mapping[str, Any]) -> Iterator[Row]:
    """Yield DORA's five."""
    lead, often = measured["changeLeadTime"], measured["deploymentFrequency"]
    fails, again = measured["changeFailRate"], measured["failedDeploymentRecoveryTime"]
    rework = measured["deploymentReworkRate"]
    yield Row(
        "Change lead time",
        percentile(lead),
        f"p95 {percentile(lead, 'p95Seconds')}, n = {lead['n']}",
        "commit to production, half of all",
    )
    weekly = NOTHING if often["perWeek"] is None else f"{often['perWeek']:g} a week"
    yield Row("Deployment frequency", weekly, f"n = {often['n']}", "deployments to production")
    yield Row(
        "Failed deployment recovery time",
        percentile(again),
        f"p95 {percentile(again, 'p95Seconds')}, n = {again['n']}, {again['open']} not recovered",
        "failure to recovery, half of all",
    )
    yield Row("Change fail rate", share(fails), f"{fails['failed']} of n = {fails['n']}", "deployments to production")
    yield Row(
        "Deployment rework rate", share(rework), f"{rework['rework']} of n = {rework['n']}", "because of an incident"
    )


def span(report: Mapping[str, Any]) -> str:
    """Return what a report is about: its days, team and template."""
    until = f"{_day(report['from'])} to {_day(report['to'])}"
    of = [
        f"team {team(report['team'])}" if report["team"] else "",
        f"template {template(report['template'])}" if report["template"] else "",
    ]
    return ", ".join(filter(None, (until, *of)))


def _day(moment: str) -> str:
    day, _, time = moment.partition("T")
    return day if time == "00:00:00.000Z" else f"{day} {time[:5]}"


def columns(measured: Mapping[str, Any]) -> Sequence[str]:
    """Return a slice as a line of a table; ``HEADS`` are its heads."""
    first, lead, again = (
        measured[name] for name in ("firstDeployment", "changeLeadTime", "failedDeploymentRecoveryTime")
    )
    changes, often, fails = (
        measured[name] for name in ("infrastructureChanges", "deploymentFrequency", "changeFailRate")
    )
    return (
        f"{percentile(first)} ({first['n']})",
        str(first["neverDeployed"]["n"]),
        f"{share(changes)} ({changes['n']})",
        f"{share(measured['tasks']['failureRate'])} ({measured['tasks']['failureRate']['n']})",
        str(often["n"]),
        f"{percentile(lead)} ({lead['n']})",
        f"{share(fails)} ({fails['n']})",
        f"{percentile(again)} ({again['n']})",
        f"{share(measured['deploymentReworkRate'])} ({measured['deploymentReworkRate']['n']})",
    )


HEADS = (
    "first deployment",
    "never deployed",
    "no ticket",
    "tasks failed",
    "deployments",
    "lead time",
    "fail rate",
    "recovery",
    "rework",
)
"""Of ``columns``."""
