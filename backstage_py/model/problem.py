"""What a check found in a text of an author: the one shape that every output format is made of."""

from dataclasses import dataclass, field
from typing import Literal

from backstage_py.model.json import JsonObject

Severity = Literal["error", "warning", "info"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True, slots=True, order=True)
class Replacement:
    """What is written instead of a part of a file; lines and columns count as those of problems do."""

    start_line: int
    start_column: int
    end_line: int
    end_column: int
    text: str


@dataclass(frozen=True, slots=True, order=True)
class Mending:
    """How a problem is mended: what is done, in words, and what changes in its file."""

    title: str
    replacements: tuple[Replacement, ...]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One finding; line and column count from 1, ``file`` is as the author named it.

    Attributes:
        code: stable, such as ``BPY301``; documented in ``backstage_py/lint/RULES.md``.
        fix: what to write or do instead, if that is known.
        mending: the same as changes of the file, where it can be made and was asked for.
    """

    file: str
    line: int
    column: int
    code: str
    severity: Severity
    message: str
    fix: str | None = None
    mending: Mending | None = field(default=None, compare=False)

    def as_json(self) -> JsonObject:
        """Return the problem as ``--format json`` shows it."""
        shown: JsonObject = {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
        }
        return shown | ({"fix": self.fix} if self.fix else {})
