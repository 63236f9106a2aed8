"""One validation error, and the shapes that keywords work with."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject

Path = tuple[str | int, ...]


class _Missing:
    """JavaScript's ``undefined``: a property that is not there."""

    __slots__ = ()


MISSING = _Missing()
NO_ARGUMENT = _Missing()


@dataclass(frozen=True, slots=True)
class Problem:
    """One validation error."""

    path: Path
    message: str
    schema: Json
    instance: Json
    name: str
    argument: Json

    @property
    def property(self) -> str:
        """The place as ``instance.a.b[0]``."""
        return "instance" + "".join(suffix(part) for part in self.path)

    def __str__(self) -> str:
        return f"{self.property} {self.message}"

    def as_json(self) -> JsonObject:
        """Return the members that the package's errors have once they are JSON."""
        schema = self.schema
        if isinstance(schema, dict) and (name := schema.get("$id") or schema.get("id")):
            schema = name
        answer: JsonObject = {"path": list(self.path), "property": self.property, "message": self.message}
        answer["schema"] = schema
        if self.instance is not MISSING:
            answer["instance"] = self.instance
        answer["name"] = self.name
        if self.argument is not NO_ARGUMENT:
            answer["argument"] = self.argument
        answer["stack"] = str(self)
        return answer


Problems = list[Problem]
Check = Callable[[Json, Path, Problems], None]


class Compiler(Protocol):
    """What a keyword needs of the compiler: the checks of its subschemas."""

    def check(self, schema: Json) -> Check:
        """Return the check of a subschema."""

    def accepts(self, schema: Json, instance: Json, path: Path) -> bool:
        """Return whether a subschema holds."""


Keyword = Callable[[JsonObject, Compiler], Check]
_INDEX = re.compile(r"\d+")
_AWKWARD = re.compile(r"[.\s\[\]]|^\d")


def suffix(part: str | int) -> str:
    """Return how a path's part is written behind ``instance``."""
    text = str(part)
    if not _AWKWARD.search(text):
        return f".{text}"
    return f"[{text}]" if _INDEX.fullmatch(text) else f"[{json.text(text)}]"
