"""For people: place, severity, code and message, the line with a caret below, and what to do."""

import unicodedata
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from backstage_py.js import text
from backstage_py.lint.files import LARGEST_DOCUMENT, read_text
from backstage_py.model.problem import SEVERITIES, Problem

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH = 110
_STYLES = {"error": "bold red", "warning": "yellow", "info": "cyan"}


def render(problems: Sequence[Problem]) -> str:
    """Return the problems as plain lines, and how many there are."""
    excerpts = Excerpts()
    return "\n".join([line for problem in problems for line in _lines(problem, excerpts)] + [summary(problems)]) + "\n"


def show(problems: Sequence[Problem], console: "Console") -> None:
    """Write the problems to a terminal, grouped by file."""
    from rich.text import Text

    excerpts = Excerpts()
    for file, group in groupby(problems, key=lambda problem: problem.file):
        console.print(Text(file, style="bold underline"))
        for problem in group:
            head = Text()
            head.append(f"  {problem.line}:{problem.column}".ljust(10), style="dim")
            head.append(problem.severity.ljust(8), style=_STYLES[problem.severity])
            head.append(f" {problem.code} ", style="dim")
            head.append(problem.message)
            console.print(head, soft_wrap=True)
            for shown in excerpts.of(problem):
                console.print(Text(f"          {shown}", style="dim"), no_wrap=True, overflow="ellipsis", crop=True)
            if problem.fix:
                console.print(Text(f"          {problem.fix}", style="green"), soft_wrap=True)
        console.print()
    console.print(Text(summary(problems), style="bold" if problems else "green"))


class Excerpts:
    """Lines of the files as they are now; a file is read once for the problems that follow each other in it."""

    def __init__(self) -> None:
        self._file = ""
        self._lines: list[str] = []

    def of(self, problem: Problem) -> list[str]:
        """Return the line and a caret below the column; nothing if there is no such line any more."""
        if problem.file != self._file:
            self._file = problem.file
            self._lines = read_text(Path(problem.file), problem.file, LARGEST_DOCUMENT).text.split("\n")
        if not 0 < problem.line <= len(self._lines):
            return []
        return _excerpt(self._lines[problem.line - 1].rstrip("\r"), problem.column)


def _excerpt(line: str, column: int) -> list[str]:
    before = line[: character(line, column - 1)]
    start = max(0, len(before) - _WIDTH // 2) if len(line) > _WIDTH else 0
    shown = line[start : start + _WIDTH]
    if not shown.strip():
        return []
    printable = "".join(one if one.isprintable() or one == "\t" else "?" for one in shown)
    indent = "".join("\t" if one == "\t" else " " * _cells(one) for one in before[start:])
    return [printable, f"{indent}^"]


def character(line: str, units: int) -> int:
    """Return how many characters a number of UTF-16 units is, in which problems count their columns."""
    return len(text.fuse(text.units(line)[:units]))


def _cells(one: str) -> int:
    """How wide a terminal shows a character."""
    return 0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1


def summary(problems: Sequence[Problem]) -> str:
    """Return how many problems of each severity there are."""
    counts = [(sum(one.severity == name for one in problems), name) for name in SEVERITIES]
    words = [f"{count} {name}{'s' if count > 1 and name != 'info' else ''}" for count, name in counts if count]
    return ", ".join(words) if words else "No problems found."


def _lines(problem: Problem, excerpts: Excerpts) -> list[str]:
    head = f"{problem.file}:{problem.line}:{problem.column}: {problem.severity} {problem.code} {problem.message}"
    return [
        head,
        *(f"    {shown}" for shown in excerpts.of(problem)),
        *([f"    fix: {problem.fix}"] if problem.fix else []),
    ]
