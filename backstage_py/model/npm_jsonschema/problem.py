"""One violation, what is wrong with a schema itself, and the shapes that keywords work with."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from backstage_py.errors import InputError
from backstage_py.js import budget
from backstage_py.js.convert import truthy
from backstage_py.js.text import WHITESPACE_CLASS
from backstage_py.js.values import UNDEFINED
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject

if TYPE_CHECKING:
    from backstage_py.model.npm_jsonschema.scope import Scope

Path = tuple[str | int, ...]


class SchemaProblem(InputError):  # noqa: N818  # a problem of the schema, beside those of a value
    """The schema itself cannot be used; the message is that of the exception in JavaScript."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One violation. ``instance`` and ``argument`` are UNDEFINED where there is none.

    What it says draws on the output of the budget in force: each of many may quote the same large schema.
    """

    path: Path
    message: str
    schema: JsonObject
    instance: Json
    name: str
    argument: Json

    def __post_init__(self) -> None:
        _spend(self.message)

    @property
    def property(self) -> str:
        """The place as ``instance.a.b[0]``."""
        return place(self.path)

    def __str__(self) -> str:
        _spend(self.message)
        return f"{self.property} {self.message}"

    def as_json(self) -> JsonObject:
        """Return the members that the package's errors have once they are JSON."""
        answer: JsonObject = {"path": list(self.path), "property": self.property, "message": self.message}
        name = name_of(self.schema)
        answer["schema"] = self.schema if name is None else name
        if self.instance is not UNDEFINED:
            answer["instance"] = self.instance
        answer["name"] = self.name
        if self.argument is not UNDEFINED:
            answer["argument"] = self.argument
        answer["stack"] = str(self)
        _spend(answer)
        return answer


def _spend(made: Json) -> None:
    if drawn := budget.current.get():
        drawn.spend(output=budget.size(made, drawn.output))


def name_of(schema: Json) -> Json:
    """Return ``schema.$id || schema.id``, None when that is nothing."""
    if not isinstance(schema, dict):
        return None
    name = schema.get("$id")
    name = name if truthy(name) else schema.get("id")
    return name if truthy(name) else None


Problems = list[Problem]
Check = Callable[[Json, Path, Problems], None]
Test = Callable[[Json, Path], bool]


class Compiler(Protocol):
    """What a keyword needs of the compiler: the checks of its subschemas."""

    def check(self, schema: Json, scope: "Scope") -> Check:
        """Return the check of a subschema for the same value."""

    def child(self, schema: Json, scope: "Scope") -> Check:
        """Return the check of a subschema that may open a scope of its own."""

    def answering(self, schema: Json, scope: "Scope") -> Json:
        """Return the schema that a violation of ``schema`` names: references lead elsewhere."""


Keyword = Callable[[JsonObject, Compiler, "Scope"], Check]
Keywords = Mapping[str, Keyword]
_INDEX = re.compile(r"[0-9]+")
_AWKWARD = re.compile(rf"[.\[\]{WHITESPACE_CLASS}]|\A[0-9]")


def suffix(part: str | int) -> str:
    """Return how a path's part is written behind ``instance``."""
    text = str(part)
    if not _AWKWARD.search(text):
        return f".{text}"
    return f"[{text}]" if _INDEX.fullmatch(text) else f"[{json.text(text)}]"


def place(path: Path) -> str:
    """Return a path as ``instance.a.b[0]``."""
    return "instance" + "".join(map(suffix, path))


def raising(message: str) -> Check:
    """Return a check that cannot be made."""

    def check(_instance: Json, _path: Path, _problems: Problems) -> None:
        raise SchemaProblem(message)

    return check


def accept(_instance: Json, _path: Path, _problems: Problems) -> None:
    """Find no problem."""


def accepts(check: Check, instance: Json, path: Path) -> bool:
    """Return whether a check finds nothing."""
    found: Problems = []
    check(instance, path, found)
    return not found


def unless_missing(check: Check) -> Check:
    """Return a check that lets a missing value pass."""

    def run(instance: Json, path: Path, problems: Problems) -> None:
        if instance is not UNDEFINED:
            check(instance, path, problems)

    return run
