"""What is wrong with a value, and the shapes that keywords work with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from backstage_py.js import convert
from backstage_py.model.json import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Problem:
    """Where a value is wrong (a JSON pointer), and how."""

    path: str
    keyword: str
    message: str
    values: Mapping[str, Json]

    def below(self, part: str) -> "Problem":
        """Return the problem as seen from the object or list that holds the value."""
        return replace(self, path=f"/{part.replace('~', '~0').replace('/', '~1')}{self.path}")

    @property
    def params(self) -> str:
        """The values that the message is made of, each with its name."""
        return ", ".join(f"{name}: {convert.to_string(value)}" for name, value in self.values.items())

    def full_message(self) -> str:
        """Return the one-line form of errors about kinds: path, message and parameters."""
        return f"{self.path or '<root>'} {self.message} - {self.params}"


Problems = Sequence[Problem]
Check = Callable[[Json], Problems]
"""Takes a value and returns its problems, whose pointers begin at that value; none when it is valid."""


class Subschemas(Protocol):
    """What a keyword needs of the compiler."""

    def compile(self, schema: Json) -> Check:
        """Return the check of a subschema."""

    def reference(self, name: str) -> Check:
        """Return the check of the schema that a ``$ref`` names."""

    def composite(self) -> "Subschemas":
        """Return what compiles the options of ``anyOf`` and ``oneOf``."""


Keyword = Callable[[JsonObject, Subschemas], Check]


def one(keyword: str, message: str, **values: Json) -> Problems:
    """Return a problem with the value itself."""
    return (Problem("", keyword, message, values),)


def below(problems: Problems, part: str) -> Problems:
    """Return problems as seen from the object or list that holds the value."""
    return tuple(problem.below(part) for problem in problems)


def valid(_value: Json) -> Problems:
    """Find no problem."""
    return ()


def in_turn(checks: Sequence[Check]) -> Check:
    """Return a check that stops with the first one that finds something."""
    if len(checks) <= 1:
        return checks[0] if checks else valid
    fixed = tuple(checks)

    def run(value: Json) -> Problems:
        for check in fixed:
            if problems := check(value):
                return problems
        return ()

    return run
