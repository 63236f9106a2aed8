"""Changing some lines of a text and no others.

A YAML library writes a whole document in a layout of its own. Here the document is written twice, as it was and as it
is to be, and only what differs between the two is carried over to the text that people laid out.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

_VALUE = re.compile(
    r"""(?P<key>\s*(?:-\s+)*[^\s#'"\[{][^#:]*:(?=\s)[ \t]*)"""
    r"""(?P<value>'(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|[^\s#'"\[{|>](?:\S|[ \t]+(?!#|\s))*|(?=\s|$))"""
    r"""(?P<rest>(?:[ \t]+\#.*)?\s*)$"""
)
"""A line with a plain or quoted value: its key with the spaces after it, the value, and what follows."""
_STEP = 2
_MOST_ALIKE = 200_000
"""Pairs of lines that are alike, with which a comparison is still quick."""


class LayoutLostError(ValueError):
    """A change stands where the text and what the library wrote of it have no line in common."""


def carried(text: str, before: str, after: str) -> str:
    """Return ``text`` with what changed from ``before`` to ``after``, which are the same document in another layout.

    The caller has to see whether the result means what ``after`` means.

    Raises:
        LayoutLostError: a change has no place in the text.
    """
    lines, old, new = text.splitlines(), before.splitlines(), after.splitlines()
    place = {
        block.a + n: block.b + n for block in _compared(old, lines).get_matching_blocks() for n in range(block.size)
    }
    return _Carrying(text.splitlines(keepends=True), old, place, _lists_stand_below_their_key(lines)).through(new)


def _compared(left: list[str], right: list[str]) -> "SequenceMatcher[int]":
    """Compare lines by what they say, spaces aside, and below which lines: so few are alike, and that goes fast.

    Raises:
        LayoutLostError: too many are alike.
    """
    keys = _keys(left), _keys(right)
    known = Counter(keys[1])
    if sum(known[key] for key in keys[0]) > _MOST_ALIKE:
        raise LayoutLostError("too many lines are alike")
    return SequenceMatcher(None, *keys, autojunk=False)


def _keys(lines: list[str]) -> list[int]:
    """Return what stands for each line and those that it is below; comments and blanks are above none."""
    above: list[tuple[int, int]] = []
    found = []
    for line in lines:
        bare = "".join(line.split())
        if bare and not bare.startswith("#"):
            depth = 2 * _depth(line) + _is_item(line)  # an item is below its key, wherever it stands
            while above and above[-1][0] >= depth:
                above.pop()
            above.append((depth, hash((above[-1][1] if above else 0, bare))))
            found.append(above[-1][1])
        else:
            found.append(hash((above[-1][1] if above else 0, bare)))
    return found


def _lists_stand_below_their_key(lines: list[str]) -> bool:
    """Say whether items of lists are not further in than the key that has them."""
    return any(
        _is_item(item) and not _is_item(key) and key.rstrip().endswith(":") and _depth(item) == _depth(key)
        for key, item in pairwise(lines)
    )


@dataclass(frozen=True, slots=True)
class _Carrying:
    """A text, its library's writing, and the lines that stand for each other."""

    text: list[str]
    before: list[str]
    place: dict[int, int]
    lists_stand_below_their_key: bool

    def through(self, after: list[str]) -> str:
        changes = _compared(self.before, after).get_opcodes()
        made, done = "", 0
        for kind, start, end, new_start, new_end in changes:
            if kind == "equal":
                continue
            first, last = self._span(start, end)
            made += "".join(self.text[done:first])
            made = self._ended(made) + "".join(self._lines(start, end, after[new_start:new_end]))
            done = last
        return made + "".join(self.text[done:])

    def _span(self, start: int, end: int) -> tuple[int, int]:
        """Return the lines of the text that stand for some of ``before``; none of them is where lines come in."""
        if start == end:
            where = 0 if not start else self._place(start - 1) + 1
            return where, where
        return self._place(start), self._place(end - 1) + 1

    def _place(self, line: int) -> int:
        if line not in self.place:
            raise LayoutLostError(f"the line {self.before[line]!r} is written otherwise")
        return self.place[line]

    def _lines(self, start: int, end: int, new: list[str]) -> Iterator[str]:
        if end - start == len(new):
            for number, line in enumerate(new, start):
                kept = self.text[self._place(number)]
                yield kept if self.before[number] == line else _with_change(kept, self.before[number], line)
            return
        placed: list[tuple[int, int]] = []
        for line in new:
            depth = _depth(line)
            above = next(((one, own) for one, own in reversed(placed) if one < depth), None)
            own = self._indent(line, start) if above is None else above[1] + depth - above[0]
            if above is not None and _is_item(line) and self.lists_stand_below_their_key:
                own -= _STEP
            placed.append((depth, own))
            yield " " * own + line.lstrip(" ") + self._end

    def _indent(self, line: str, before: int) -> int:
        """Return how far a new line goes in: as the nearest line before it of the same depth and kind does."""
        for number in reversed(range(before)):
            known = self.before[number]
            if number in self.place and known.strip() and _depth(known) == _depth(line):
                own = self.text[self.place[number]]
                if _is_item(own) == _is_item(line):
                    return _depth(own)
        return _depth(line)

    @property
    def _end(self) -> str:
        return "\r\n" if any(line.endswith("\r\n") for line in self.text) else "\n"

    def _ended(self, text: str) -> str:
        return text if not text or text.endswith("\n") else text + self._end


def _bare(line: str) -> str:
    return "".join(line.split())


def _is_item(line: str) -> bool:
    return line.lstrip(" ").startswith("- ")


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _with_change(own: str, old: str, new: str) -> str:
    """Return a line with another value in its own spacing; where it is more than that, the new line in its depth."""
    mine, former, wanted = (_VALUE.match(line) for line in (own, old, new))
    if mine and former and wanted and _bare(former["key"]) == _bare(wanted["key"]):
        key = mine["key"] if mine["key"].endswith(" ") else f"{mine['key']} "
        return f"{key}{wanted['value']}{mine['rest']}"
    return " " * _depth(own) + new.lstrip(" ") + own[len(own.rstrip("\r\n")) :]
