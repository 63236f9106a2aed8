"""For people: place, severity, code and message, the line with a caret below, and what to do."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from backstage_py.lint.files import LARGEST_DOCUMENT, read_text
from backstage_py.model.problem import SEVERITIES, Problem

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH = 110
_STYLES = {"error": "bold red", "warning": "yellow", "info": "cyan"}


def render(problems: Sequence[Problem]) -> str:
    """Return the problems as plain lines, and how many there are."""
    return "\n".join([line for problem in problems for line in _lines(problem)] + [summary(problems)]) + "\n"


def show(problems: Sequence[Problem], console: "Console") -> None:
    """Write the problems to a terminal, grouped by file."""
    from rich.text import Text

    for file, group in groupby(problems, key=lambda problem: problem.file):
        console.print(Text(file, style="bold underline"))
        for problem in group:
            head = Text(f"  {problem.line}:{problem.column}".ljust(10), style="dim")
            head.append(problem.severity.ljust(8), style=_STYLES[problem.severity])
            head.append(f" {problem.code} ", style="dim")
            head.append(problem.message)
            console.print(head, soft_wrap=True)
            for shown in excerpt(problem):
                console.print(Text(f"          {shown}", style="dim"), no_wrap=True, overflow="ellipsis", crop=True)
            if problem.fix:
                console.print(Text(f"          {problem.fix}", style="green"), soft_wrap=True)
        console.print()
    console.print(Text(summary(problems), style="bold" if problems else "green"))


def excerpt(problem: Problem) -> list[str]:
    """Return the line and a caret below the column; nothing if there is no such line any more."""
    lines = _source(problem.file)
    if not 0 < problem.line <= len(lines):
        return []
    line = lines[problem.line - 1].rstrip("\r")
    before = line[: problem.column - 1]
    start = max(0, len(before) - _WIDTH // 2) if len(line) > _WIDTH else 0
    shown = line[start : start + _WIDTH]
    if not shown.strip():
        return []
    printable = "".join(one if one.isprintable() or one == "\t" else "?" for one in shown)
    indent = "".join("\t" if one == "\t" else " " for one in before[start:])
    return [printable, f"{indent}^"]


def summary(problems: Sequence[Problem]) -> str:
    """Return how many problems of each severity there are."""
    counts = [(sum(one.severity == name for one in problems), name) for name in SEVERITIES]
    words = [f"{count} {name}{'s' if count > 1 and name != 'info' else ''}" for count, name in counts if count]
    return ", ".join(words) if words else "No problems found."


def _lines(problem: Problem) -> list[str]:
    head = f"{problem.file}:{problem.line}:{problem.column}: {problem.severity} {problem.code} {problem.message}"
    return [
        head,
        *(f"    {shown}" for shown in excerpt(problem)),
        *([f"    fix: {problem.fix}"] if problem.fix else []),
    ]


@lru_cache(maxsize=16)
def _source(file: str) -> list[str]:
    return read_text(Path(file), file, LARGEST_DOCUMENT).text.split("\n")
