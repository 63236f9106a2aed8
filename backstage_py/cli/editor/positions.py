"""Places of a text as an editor counts them: lines as it ends them, columns in UTF-16 units or what was agreed."""

import re
from bisect import bisect_right
from collections.abc import Iterable

from lsprotocol import types
from pygls.workspace import TextDocument

from backstage_py.lint.fixes.edits import Edit

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")


class Places:
    """The places of one version of a document; offsets count characters from 0."""

    def __init__(self, document: TextDocument) -> None:
        self._codec = document.position_codec
        self._source = document.source
        self._lines = _LINE.findall(self._source)
        if len(self._lines) > 1 and self._lines[-1] == "" and not self._lines[-2].endswith(("\n", "\r")):
            self._lines.pop()  # the expression matches once more at the end
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def of(self, offset: int) -> types.Position:
        """Return the position of an offset."""
        offset = max(0, min(offset, len(self._source)))
        line = min(bisect_right(self._starts, offset) - 1, len(self._lines) - 1)
        found = types.Position(line, offset - self._starts[line])
        return self._codec.position_to_client_units(self._lines, found)

    def between(self, start: int, end: int) -> types.Range:
        """Return the range from one offset to another."""
        return types.Range(self.of(start), self.of(end))

    def at(self, line: int, column: int) -> int:
        r"""Return the offset of a line and a column in characters, both from 0; here lines end with ``\n`` alone."""
        start = 0
        for _ in range(line):
            start = self._source.find("\n", start) + 1
            if start == 0:
                return len(self._source)
        end = self._source.find("\n", start)
        return min(start + column, end if end >= 0 else len(self._source))

    def offset(self, position: types.Position) -> int:
        """Return the offset of a position that the editor sent."""
        if position.line >= len(self._lines):
            return len(self._source)
        found = self._codec.position_from_client_units(self._lines, position)
        return min(self._starts[found.line] + found.character, len(self._source))

    def spot(self, position: types.Position) -> tuple[int, int]:
        r"""Return line and column in characters, where lines end with ``\n`` alone."""
        offset = self.offset(position)
        return self._source.count("\n", 0, offset), offset - self._source.rfind("\n", 0, offset) - 1

    def edits(self, edits: Iterable[Edit]) -> list[types.TextEdit]:
        """Return edits as the editor takes them."""
        return [types.TextEdit(self.between(edit.start, edit.end), edit.text) for edit in sorted(edits)]
