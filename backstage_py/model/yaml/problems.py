"""What is wrong with a YAML text, in the words that Backstage's clients know."""

from bisect import bisect_right
from dataclasses import dataclass, field

from backstage_py.js.text import length
from backstage_py.model.yaml.nodes import Fault

_WIDTH = 80
_KEEP_LEFT = 60
_HINTS = {
    "Map keys must be unique": "Remove one of the two keys or rename it.",
    "Tabs are not allowed as indentation": "Indent with spaces.",
    "Nested mappings are not allowed in compact mappings": (
        "Put quotes around the value if its colon is meant as text, or start the inner map on a new line."
    ),
    "All mapping items must start at the same column": "Align this line with the keys of the map it belongs to.",
    "Implicit map keys need to be followed by map values": (
        "Add a colon after the key, or indent the line if it continues the value above."
    ),
    "Implicit keys need to be on a single line": (
        "Look for a missing colon on the line above, or indent the line that continues a value."
    ),
    "Plain value cannot start with": "Put quotes around the value.",
    "Unexpected scalar at node end": (
        "Put quotes around the whole value; a value that starts with a quote, [ or { ends where that one closes."
    ),
    "Missing closing": "Close the quote, or indent the following lines more than the key.",
    "Unexpected block-seq-ind on same line with key": "Start the list on the line after the key.",
    "in block collection must be sufficiently indented": "Close the bracket, and indent its lines more than the key.",
    "Unresolved alias": "Define the anchor (&name) above its use, or put quotes around a text that starts with *.",
    "Invalid escape sequence": "Write two backslashes, or use single quotes, where no escapes exist.",
}


@dataclass(frozen=True, slots=True)
class YamlProblem:
    """One problem of a document; line and column count from 1, columns in UTF-16 units as JavaScript counts."""

    message: str
    """The bare sentence, without position."""
    line: int
    column: int
    name: str = "YAMLParseError"
    pretty: str = field(default="", repr=False)
    """The message as the JS package prints it: sentence, position, and the line with a marker below."""
    source_line: str = field(default="", repr=False)
    cause: tuple[int, int] | None = None
    """Line and column of what is to be mended, if that is on another line: a quote that is never closed, say."""

    @property
    def hint(self) -> str:
        """What to do about it; empty if nothing general can be said."""
        return next((hint for start, hint in _HINTS.items() if start in self.message), "")

    def __str__(self) -> str:
        return f"{self.name}: {self.pretty}"


class YamlError(ValueError):
    """A text that is no valid YAML document.

    Attributes:
        message: the bare sentence.
        filename: as given by the caller, or None.
        line: from 1.
        column: from 1.
        source_line: the offending line.
        problem: the same, with Backstage's own text of it.
    """

    def __init__(self, problem: YamlProblem, filename: str | None = None) -> None:
        self.problem = problem
        self.message = problem.message
        self.filename = filename
        self.line = problem.line
        self.column = problem.column
        self.source_line = problem.source_line
        super().__init__(self._text())

    def _text(self) -> str:
        place = f"{self.filename or '<yaml>'}:{self.line}:{self.column}"
        caret = "".join("\t" if ch == "\t" else " " for ch in self.source_line[: self.column - 1]) + "^"
        lines = [f"{place}: {self.message}", f"  {self.source_line}", f"  {caret}"]
        if self.problem.hint:
            lines.append(self.problem.hint)
        return "\n".join(lines)


class Lines:
    """Offsets of a text as lines and columns."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0]
        at = text.find("\n")
        while at != -1:
            self.starts.append(at + 1)
            at = text.find("\n", at + 1)

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1, of an offset."""
        index = bisect_right(self.starts, offset) - 1
        return index + 1, length(self.text[self.starts[index] : offset]) + 1 + max(0, offset - len(self.text))

    def raw(self, line: int) -> str:
        """A line with its break; empty after the last."""
        if line > len(self.starts):
            return ""
        end = self.starts[line] if line < len(self.starts) else len(self.text)
        return self.text[self.starts[line - 1] : end]

    def problem(self, fault: Fault) -> YamlProblem:
        """The fault with its place and picture."""
        line, column = self.place(fault.start)
        cause = self.place(fault.cause) if fault.cause >= 0 else (line, column)
        return YamlProblem(
            fault.message,
            line,
            column,
            fault.name,
            self._pretty(fault, line, column),
            self.raw(line).rstrip("\r\n"),
            cause if cause[0] != line else None,
        )

    def _pretty(self, fault: Fault, line: int, column: int) -> str:
        if fault.name != "YAMLParseError":
            return fault.message
        head = f"{fault.message} at line {line}, column {column}"
        shown, caret = self.raw(line).rstrip("\r\n"), column - 1
        if caret >= _KEEP_LEFT and len(shown) > _WIDTH:
            cut = min(caret - 39, len(shown) - (_WIDTH - 1))
            shown = "…" + shown[cut:]
            caret -= cut - 1
        if len(shown) > _WIDTH:
            shown = shown[: _WIDTH - 1] + "…"
        if line > 1 and not shown[:caret].strip(" "):
            previous = self.raw(line - 1)
            shown = (previous[: _WIDTH - 1] + "…\n" if len(previous) > _WIDTH else previous) + shown
        if not shown.strip(" "):
            return head
        end_line, end_column = self.place(fault.end)
        count = max(1, min(end_column - column, _WIDTH - caret)) if end_line == line and end_column > column else 1
        return f"{head}:\n\n{shown}\n{' ' * caret}{'^' * count}\n"
