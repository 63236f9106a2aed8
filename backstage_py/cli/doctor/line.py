"""The answer of a check."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a check ended."""

    OK = "ok"
    PROBLEM = "problem"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Line:
    """What one check found.

    Attributes:
        way: the way of use that needs it; "all" where each does.
        check: its name.
        outcome: how it ended.
        text: what was found.
        advice: what to do about a problem, or to have it tried; empty when it is well.
    """

    way: str
    check: str
    outcome: Outcome
    text: str
    advice: str = ""


Found = tuple[Outcome, str, str]
"""The part of a line that a check knows: outcome, text, advice."""


def well(text: str) -> Found:
    """Return that all is well."""
    return Outcome.OK, text, ""


def bad(text: str, advice: str) -> Found:
    """Return that something is wrong."""
    return Outcome.PROBLEM, text, advice


def untried(text: str, advice: str) -> Found:
    """Return that it could not be tried."""
    return Outcome.SKIPPED, text, advice
