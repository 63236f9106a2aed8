"""The report for a terminal."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from backstage_py.cli.platform_report import words


def show(report: Mapping[str, Any], console: Console) -> None:
    """Write it."""
    total = report["total"]
    console.print(f"[bold]Platform report[/bold] {_plain(words.span(report))}", highlight=False)
    console.print(_numbers("Golden paths", words.golden(total)))
    console.print(_numbers("DORA", words.dora(total)))
    console.print(_slices("team", ((words.team(one["team"]), one["total"]) for one in report["teams"])))
    console.print(_slices("month", ((one["month"], one) for one in report["months"])))
    never = total["firstDeployment"]["neverDeployed"]
    if never["n"]:
        console.print(_never(never))
    console.print(
        "Half of all (p50); n in parentheses. What has not ended counts as watched, so p50 may not be reached yet.\n"
        "Teams in each month: --format json or html. What each number means: docs/platform-metrics.md",
        style="dim",
        highlight=False,
    )


def _numbers(title: str, rows: Iterable[words.Row]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    for one in rows:
        table.add_row(one.title, f"[bold]{_plain(one.value)}[/bold]", _plain(one.beside), f"[dim]{one.about}[/dim]")
    return table


def _slices(head: str, lines: Iterable[tuple[str, Mapping[str, Any]]]) -> Table:
    table = Table(head, title=f"By {head}", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name in words.HEADS:
        table.add_column(name, justify="right")
    for name, measured in lines:
        table.add_row(_plain(name), *words.columns(measured))
    return table


def _never(never: Mapping[str, Any]) -> Table:
    table = Table(title="Never deployed to production", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name in ("service", "team", "template", "age"):
        table.add_column(name, justify="right" if name == "age" else "left")
    for one in never["services"]:
        names = (one["name"], words.team(one["team"]), words.template(one["template"]))
        table.add_row(*map(_plain, names), words.duration(one["ageSeconds"]))
    if more := never["n"] - len(never["services"]):
        table.add_row(f"and {more} more")
    return table


def _plain(text: str) -> str:
    """Return a text that is neither markup nor an order to the terminal."""
    return escape("".join(one if one.isprintable() else "?" for one in text))
