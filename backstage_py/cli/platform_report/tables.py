"""The tables of the page: teams with their months, months, and services that were never deployed."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from backstage_py.cli.platform_report import words


def teams(report: Mapping[str, Any]) -> str:
    """Return each team, and each of its months."""
    return _table("Each team, and each of its months", ("team", *words.HEADS), list(_team_lines(report["teams"])))


def _team_lines(teams: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for one in teams:
        yield _line(words.team(one["team"]), words.columns(one["total"]))
        if len(one["months"]) > 1:
            yield from (_line(month["month"], words.columns(month), "month") for month in one["months"])


def months(report: Mapping[str, Any]) -> str:
    """Return each month of all teams."""
    lines = [_line(one["month"], words.columns(one)) for one in report["months"]]
    return _table("Each month", ("month", *words.HEADS), lines)


def never_deployed(report: Mapping[str, Any]) -> str:
    """Return the services that were never deployed, oldest first; the report names some of many."""
    found = report["total"]["firstDeployment"]["neverDeployed"]
    lines = [_line(one["name"], tuple(_service(one))) for one in found["services"]]
    if more := found["n"] - len(lines):
        lines.append(_line(f"and {more} more", ("", "", "")))
    return _table("Never deployed to production", ("service", "team", "template", "age"), lines, "names")


def _service(found: Mapping[str, Any]) -> Iterator[str]:
    yield words.team(found["team"])
    yield words.template(found["template"])
    yield words.duration(found["ageSeconds"])


def _table(title: str, heads: Sequence[str], lines: Sequence[str], style: str = "numbers") -> str:
    if not lines:
        return ""
    shown = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    body = f"<thead><tr>{shown}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return f'<h2>{escape(title)}</h2><div class="card"><table class="{style}">{body}</table></div>\n'


def _line(name: str, values: Sequence[str], style: str = "") -> str:
    cells = "".join(f"<td>{_with_small_n(value)}</td>" for value in values)
    return f'<tr class="{style}"><th scope="row">{escape(name)}</th>{cells}</tr>'


def _with_small_n(value: str) -> str:
    number, has_n, n = value.partition(" (")
    return f"{escape(number)} <small>({escape(n)}</small>" if has_n else escape(value)
