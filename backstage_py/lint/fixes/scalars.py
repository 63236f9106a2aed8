"""How a text is written where another one stands: in the same style, or in quotes where that is not enough."""

import json
from collections.abc import Iterator
from typing import TypeAlias

from backstage_py.lint import places
from backstage_py.lint.fixes.edits import Edit
from backstage_py.model.yaml.nodes import Scalar

Constant: TypeAlias = str | float | bool | None
_BLOCKS = ("literal", "folded")


def part(text: str, node: Scalar, start: int, end: int, new: str) -> Iterator[Edit]:
    """Yield the edit for the characters from ``start`` up to ``end`` of a scalar's text."""
    raw = text[node.start : node.end]
    if 0 <= start < end <= len(node.text):
        first, last = places.source_span(raw, node, start, end)
        yield Edit(node.start + first, node.start + last, _escaped(new, node.style))


def instead(text: str, node: Scalar, new: str) -> Iterator[Edit]:
    """Yield the edits, the plainest first, for another text in the place of a scalar."""
    raw = text[node.start : node.end]
    if node.style in _BLOCKS or "\n" in raw:
        return
    if node.style == "single":
        yield Edit(node.start, node.end, _single(new))
    elif node.style == "double":
        yield Edit(node.start, node.end, _double(new))
    else:
        for written in (new, _single(new), _double(new)):
            yield Edit(node.start, node.end, written)


def put(node: Scalar, value: Constant) -> Iterator[Edit]:
    """Yield the edit for a value that need not be text."""
    if isinstance(value, str):
        yield Edit(node.start, node.end, _single(value))
        yield Edit(node.start, node.end, _double(value))
    else:
        yield Edit(node.start, node.end, json.dumps(value))


def _escaped(new: str, style: str) -> str:
    if style == "single":
        return _single(new)[1:-1]
    return _double(new)[1:-1] if style == "double" else new


def _single(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _double(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
