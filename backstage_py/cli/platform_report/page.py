"""The report as one file of HTML, which needs nothing beside it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from backstage_py.cli.platform_report import charts, tables, words
from backstage_py.cli.platform_report.charts import Series, Span

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_MOST_TEAMS = 12
_HOW = (
    "Percentiles are the half (p50) and 95 of 100 (p95); n stands in parentheses. What has not ended, such as services "
    "that were never deployed, counts for as long as it was watched (Kaplan and Meier); <i>not reached</i> is where "
    "too few have ended. What follows a creation belongs to the month of the creation. DORA's five are those of "
    "dora.dev/guides/dora-metrics; every definition is in docs/platform-metrics.md of backstage-py."
)
_NOT_HERE = (
    "Whether people are content (NPS), and how much capacity teams win: no event says so. Ask them.",
    "What went around the platform: changes of infrastructure, deployments and incidents that nobody tells of.",
)


def html(report: Mapping[str, Any]) -> str:
    """Return the page."""
    total = report["total"]
    style = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    return "".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Platform report, {escape(words.span(report))}</title><style>{style}</style></head>\n<body><main>",
            f'<h1>Platform report</h1><p class="quiet">{escape(words.span(report))}; as of {_moment(report)}</p>',
            _tiles("Golden paths", words.golden(total)),
            _tiles("DORA's five", words.dora(total)),
            "<h2>Over time and by team</h2>",
            f'<div class="charts">{"".join(_charts(report))}</div>',
            tables.teams(report),
            tables.months(report),
            tables.never_deployed(report),
            _footer(),
            "</main></body></html>\n",
        ]
    )


def _tiles(title: str, rows: Iterable[words.Row]) -> str:
    tiles = "".join(
        f'<div class="tile"><span>{escape(one.title)}</span><b>{escape(one.value)}</b>'
        f"<small>{escape(one.beside)}</small><small>{escape(one.about)}</small></div>"
        for one in rows
    )
    return f'<h2>{escape(title)}</h2><div class="tiles">{tiles}</div>\n'


def _charts(report: Mapping[str, Any]) -> Iterator[str]:
    months = report["months"]
    names = [one["month"] for one in months]
    first = charts.spans("Time to the first deployment by team, p50 to p95", _spans(report["teams"]))
    yield _card(("Deployments to production by month", charts.stacked_bars(*_deployments(names, months))))
    yield _card(
        ("First deployment by team, since the repository was created", first),
        ("Services of the catalog by golden path", _golden(report)),
    )
    yield _card(("Change lead time by month", charts.lines("Change lead time by month", names, _lead_times(months))))
    yield _card(("Tasks by month", charts.stacked_bars("Tasks by month", names, _tasks(months))))


def _lead_times(months: Sequence[Mapping[str, Any]]) -> list[Series]:
    found = [one["changeLeadTime"] for one in months]
    return [
        Series("p50", "good", [one["p50Seconds"] for one in found]),
        Series("p95", "amber", [one["p95Seconds"] for one in found]),
    ]


def _golden(report: Mapping[str, Any]) -> str:
    if not report["hasCatalog"]:
        return '<p class="quiet">The catalog is that of another Backstage.</p>'
    found = report["total"]["goldenPaths"]
    counts = {words.template(one["template"]): one["services"] for one in found["byTemplate"]}
    return charts.shares("Services by template", {**counts, "no golden path": found["others"]["services"]})


def _deployments(names: Sequence[str], months: Sequence[Mapping[str, Any]]) -> tuple[str, Sequence[str], list[Series]]:
    """Return the bars: each deployment once, as what is worst of it."""
    ended = [one["changeFailRate"]["n"] for one in months]
    failed = [one["changeFailRate"]["failed"] for one in months]
    well = [n - bad for n, bad in zip(ended, failed, strict=True)]
    return (
        "Deployments by month",
        names,
        [Series("without a failure", "good", well), Series("failed", "bad", failed)],
    )


def _spans(teams: Sequence[Mapping[str, Any]]) -> list[Span]:
    rows = []
    for one in teams[:_MOST_TEAMS]:
        first = one["total"]["firstDeployment"]
        beside = f"{first['deployed']} of {first['n']}" if first["n"] else "none created"
        rows.append(Span(words.team(one["team"]), beside, first["p50Seconds"], first["p95Seconds"]))
    return rows


def _tasks(months: Sequence[Mapping[str, Any]]) -> list[Series]:
    colours = {"completed": "good", "failed": "bad", "cancelled": "part-other"}
    return [Series(name, colour, [one["tasks"][name] for one in months]) for name, colour in colours.items()]


def _card(*charts: tuple[str, str]) -> str:
    inside = "".join(f"<h3>{escape(title)}</h3>{drawn}" for title, drawn in charts)
    return f'<section class="card">{inside}</section>\n'


def _footer() -> str:
    items = "".join(f"<li>{one}</li>" for one in _NOT_HERE)
    return f"<footer><p>{_HOW}</p><p>Not measured here:</p><ul>{items}</ul></footer>"


def _moment(report: Mapping[str, Any]) -> str:
    return f"{report['asOf'][:16].replace('T', ' ')} UTC"
