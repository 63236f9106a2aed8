"""What a rule would have changed, said in terms of the document or of the text; ``resolve`` finds the characters."""

import re
from dataclasses import dataclass
from typing import TypeAlias

from backstage_py.lint.fixes.edits import Edit
from backstage_py.lint.syntax import Reference
from backstage_py.model.json import Json

Path = tuple[str | int, ...]

_NAMES = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\[0\])?\.[A-Za-z_$][\w$]*)*\Z")


@dataclass(frozen=True, slots=True)
class Write:
    """The characters from ``start`` up to ``end`` of the text at ``path`` become ``text``; without them, all of it."""

    path: Path
    text: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Put:
    """The text, number, or whatever is no list and no map at ``path`` becomes this one."""

    path: Path
    value: str | float | bool | None


@dataclass(frozen=True, slots=True)
class Rename:
    """The last key of ``path`` becomes ``name``."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Remove:
    """The last key of ``path`` goes, with its value."""

    path: Path


@dataclass(frozen=True, slots=True)
class Insert:
    """The map at ``path`` gets a key in front of all others."""

    path: Path
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Nest:
    """The last key of ``path`` becomes ``name``, and its value that of ``key`` in a map below it."""

    path: Path
    name: str
    key: str


Change: TypeAlias = Write | Put | Rename | Remove | Insert | Nest | Edit
"""An ``Edit`` is a change of the text itself, whatever it is."""


@dataclass(frozen=True, slots=True)
class Repair:
    """How a finding is mended.

    Attributes:
        title: what is done, for people: ``Write "lower"``.
        changes: made together or not at all.
        sure: it is what the author meant; otherwise it is offered to them, and not made by itself.
    """

    title: str
    changes: tuple[Change, ...]
    sure: bool = True


def rename(path: Path, name: Json, *, sure: bool = True) -> Repair | None:
    """Return the repair that gives a key another name; None without one."""
    return Repair(f'Write "{name}"', (Rename(path, str(name)),), sure) if name else None


def write(path: Path, text: str | None, *, sure: bool = True) -> Repair | None:
    """Return the repair that writes another text at a path; None without one."""
    return Repair(f'Write "{text}"', (Write(path, text),), sure) if text is not None else None


def word(path: Path, at: int, old: str, new: str | None, *, sure: bool = True) -> Repair | None:
    """Return the repair that writes another word at an offset of a text; None without one."""
    return Repair(f'Write "{new}"', (Write(path, new, at, at + len(old)),), sure) if new is not None else None


def member(path: Path, text: str, reference: Reference, index: int, new: str | None, *, sure: bool) -> Repair | None:
    """Return the repair that writes another name in a chain; None without one, or where it cannot be written."""
    span = member_span(text, reference, index, new) if new else None
    return Repair(f'Write "{new}"', (Write(path, span.text, span.start, span.end),), sure) if span else None


def member_span(text: str, reference: Reference, index: int, new: str) -> Edit | None:
    """Return how another name is written in a chain: as ``['new-name']`` where a dot cannot be before it."""
    name, at = reference.names[index], reference.offsets[index]
    start = text.find(name, at, at + len(name) + 2)
    if start < 0 or "'" in new or '"' in new:
        return None
    end = start + len(name)
    if reference.quoted[index]:
        return None if "." in new else Edit(start, end, new)
    if _NAMES.match(new):
        return Edit(start, end, new)
    dot = text.rfind(".", 0, start)
    if index == 0 or dot < 0 or text[dot + 1 : start].strip():
        return None
    return Edit(dot, end, f"['{new}']")


def of_characters(found: Repair) -> Repair:
    """Return the same repair of a text that is a whole file."""
    changes = [Edit(one.start or 0, one.end or 0, one.text) for one in found.changes if isinstance(one, Write)]
    return Repair(found.title, tuple(changes), found.sure)
