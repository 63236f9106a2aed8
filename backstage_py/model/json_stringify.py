"""JSON text as ``JSON.stringify(value, replacer, space)`` of JavaScript writes it."""

import json
import math
from collections.abc import Iterator, Sequence

from backstage_py.errors import InputError
from backstage_py.model.json import Json
from backstage_py.model.yaml.keys import is_index, numbered_first
from backstage_py.model.yaml.numbers import js_number

_WIDEST_INDENT = 10
_DEEPEST = 200


def stringify(value: Json, replacer: Sequence[str] | None = None, space: str | int = "") -> str:
    """Return the text.

    Args:
        value: plain data.
        replacer: the only members that objects keep, at every level, in this order.
        space: what each level is indented with: a text, of which ten characters count, or a number of spaces.

    Raises:
        InputError: the value is nested more than 200 levels deep.
    """
    indent = " " * min(space, _WIDEST_INDENT) if isinstance(space, int) else space[:_WIDEST_INDENT]
    names = None if replacer is None else tuple(dict.fromkeys(replacer))
    return "".join(_Writer(indent, names).write(value, "\n", 0))


class _Writer:
    def __init__(self, indent: str, names: tuple[str, ...] | None) -> None:
        self._indent = indent
        self._names = names

    def write(self, value: Json, line: str, depth: int) -> Iterator[str]:
        if depth > _DEEPEST:
            raise InputError(f"The data is nested more than {_DEEPEST} levels deep")
        if isinstance(value, dict):
            yield from self._object(value, line, depth)
        elif isinstance(value, list | tuple):
            items = (self.write(item, line + self._indent, depth + 1) for item in value)
            yield from self._bracketed("[", items, "]", line)
        else:
            yield _atom(value)

    def _object(self, value: dict[str, Json], line: str, depth: int) -> Iterator[str]:
        names = self._names if self._names is not None else _order(value)
        colon = ": " if self._indent else ":"

        def member(name: str) -> Iterator[str]:
            yield json.dumps(name, ensure_ascii=False) + colon
            yield from self.write(value[name], line + self._indent, depth + 1)

        yield from self._bracketed("{", (member(name) for name in names if name in value), "}", line)

    def _bracketed(self, start: str, items: Iterator[Iterator[str]], end: str, line: str) -> Iterator[str]:
        inner = line + self._indent if self._indent else ""
        lead = start + inner
        for item in items:
            yield lead
            yield from item
            lead = "," + inner
        yield start + end if lead.startswith(start) else (line if self._indent else "") + end


def _order(value: dict[str, Json]) -> dict[str, Json]:
    return numbered_first(value) if any(map(is_index, value)) else value


def _atom(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return js_number(float(value)) if math.isfinite(value) else "null"
    return json.dumps(value, ensure_ascii=False)
