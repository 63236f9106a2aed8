"""Keys of maps that go or come, in block and in flow style, with the lines that are theirs alone."""

import re
from dataclasses import dataclass

from backstage_py.lint import places
from backstage_py.lint.fixes.edits import Edit
from backstage_py.lint.fixes.repair import Path
from backstage_py.model.yaml import Document
from backstage_py.model.yaml.nodes import Mapping, Node, Scalar

_REST_OF_LINE = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\r?\n|\Z)")
_INDENT = 2
_LEAD = re.compile(r"(?:[ ]|-[ ])*\Z")


@dataclass(frozen=True, slots=True)
class Pair:
    """A key of a map, by its place among the others."""

    mapping: Mapping
    index: int
    key: Scalar


def pair(document: Document, path: Path) -> Pair | None:
    """Return the pair of which the last part of a path is the key, None where the source has none."""
    mapping, key = places.find(document, path[:-1]), places.key(document, path)
    if not isinstance(mapping, Mapping) or key is None:
        return None
    return Pair(mapping, next(index for index, (one, _) in enumerate(mapping.pairs) if one is key), key)


def removal(text: str, found: Pair) -> Edit | None:
    """Return the edit by which a pair goes; None for the only one of a map, or where comments would go with it."""
    pairs = found.mapping.pairs
    if len(pairs) == 1:
        return None
    following = pairs[found.index + 1][0] if found.index + 1 < len(pairs) else None
    end = _end(pairs[found.index])
    if found.mapping.flow:
        if following is not None:
            return _unless_comment(text, found.key.start, following.start)
        return _unless_comment(text, _end(pairs[found.index - 1]), end)
    begin = text.rfind("\n", 0, found.key.start) + 1
    if text[begin : found.key.start].strip(" "):  # it stands behind the dash of its item
        return (
            Edit(found.key.start, following.start, "")
            if following and not text[end : following.start].strip()
            else None
        )
    if text[end - 1] == "\n":
        return Edit(begin, end, "")
    rest = _REST_OF_LINE.match(text, end)
    return Edit(begin, rest.end(), "") if rest else None


def insertion(document: Document, path: Path, key: str, value: str) -> Edit | None:
    """Return the edit by which a map gets a key before all others; None where it has none."""
    text = document.source.text
    mapping = places.find(document, path)
    if not isinstance(mapping, Mapping) or not mapping.pairs:
        return None
    at = mapping.pairs[0][0].start
    if mapping.flow:
        return Edit(at, at, f"{key}: {value}, ")
    lead = text[text.rfind("\n", 0, at) + 1 : at]
    return (
        Edit(at, at, f"{key}: {value}{newline_of(text)}{' ' * len(lead)}")
        if _LEAD.match(lead.lstrip("\ufeff"))
        else None
    )


def nesting(text: str, found: Pair, name: str, key: str) -> tuple[Edit, ...]:
    """Return the edits by which a pair becomes ``name``, with its value below ``key``; the value's lines stay."""
    if found.mapping.flow:
        end = _end(found.mapping.pairs[found.index])
        colon = text.index(":", found.key.end) + 1
        return (Edit(found.key.start, colon, f"{name}: {{{key}:"), Edit(end, end, "}"))
    lead = " " * (found.key.start - text.rfind("\n", 0, found.key.start) - 1 + _INDENT)
    return (Edit(found.key.start, found.key.end, f"{name}:{newline_of(text)}{lead}{key}"),)


def newline_of(text: str) -> str:
    """Return how the lines of a text end."""
    return "\r\n" if "\r\n" in text else "\n"


def _end(one: "tuple[Node, Node | None]") -> int:
    key, value = one
    return value.end if value is not None else key.end


def _unless_comment(text: str, start: int, end: int) -> Edit | None:
    return None if "#" in text[start:end] else Edit(start, end, "")
