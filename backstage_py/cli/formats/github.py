"""Annotations of GitHub Actions: one workflow command per problem."""

from collections.abc import Sequence

from backstage_py.model.problem import Problem

_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}


def render(problems: Sequence[Problem]) -> str:
    """Return one line per problem."""
    return "".join(f"{_line(problem)}\n" for problem in problems)


def _line(problem: Problem) -> str:
    place = f"file={_property(problem.file)},line={problem.line},col={problem.column},title={problem.code}"
    text = f"{problem.message}. {problem.fix}" if problem.fix else problem.message
    return f"::{_COMMANDS[problem.severity]} {place}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
