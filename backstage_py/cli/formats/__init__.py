"""Problems as text for people and for machines: one module per format, each with ``render(problems) -> str``.

What it promises: every format shows every problem with file, line, column, severity, code and message. ``text`` alone
looks at the files again, to show the line. Nothing here decides anything.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum

from backstage_py.model.problem import Problem


class Format(StrEnum):
    """The formats, as the option ``--format`` names them."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    JUNIT = "junit"


class ResultFormat(StrEnum):
    """The formats of the commands whose outcome is no list of problems."""

    TEXT = "text"
    JSON = "json"


class ReportFormat(StrEnum):
    """The formats of the platform's report."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


def renderer(name: Format) -> Callable[[Sequence[Problem]], str]:
    """Return the function that writes a format for machines; ``text`` without colours."""
    from importlib import import_module

    render: Callable[[Sequence[Problem]], str] = import_module(f"{__name__}.{name}").render
    return render
