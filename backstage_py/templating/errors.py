"""What can go wrong in a template.

::

    TemplateError                 message, filename, line, column, source_line, hint
    ├── TemplateSyntaxError       the source does not parse
    ├── TemplateRuntimeError      an expression failed while it was evaluated
    └── TemplateLimitError        a bound on work, output or nesting was passed; ``limit`` names it

Inside the package, helpers raise ``Failure`` of ``js.errors`` without knowing where they are. The expression that
called them adds its offset, the statement adds the offset of the expression, and ``positions`` turns the sum into a
line and a column.
"""

from backstage_py.js.errors import UNITS

LIMITS = {
    "source": "UTF-16 code units of source",
    "work": "work units",
    "nesting": "levels of nesting",
    "output": "UTF-16 code units of output",
    "calls": "calls of registered filters and globals",
    "entries": "entries in one value",
    **UNITS,
}
"""Names of the limits and what they count."""


class TemplateError(Exception):
    """A template cannot be rendered.

    Args:
        message: what is wrong, without the position.
        filename: the file or field the source came from, if known.
        line: 1-based.
        column: 1-based, in characters.
        source_line: the text of that line.
        hint: what to write instead, if known.
    """

    def __init__(
        self,
        message: str,
        *,
        filename: str | None = None,
        line: int = 1,
        column: int = 1,
        source_line: str = "",
        caret: int = 1,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.filename = filename
        self.line = line
        self.column = column
        self.source_line = source_line
        self.caret = caret
        self.hint = hint

    def __str__(self) -> str:
        place = f"{self.filename}:" if self.filename else ""
        lines = [f"{place}{self.line}:{self.column}: {self.message}"]
        if self.source_line:
            lines += [f"    {self.source_line}", f"    {self._indent()}^"]
        if self.hint:
            lines.append(f"    hint: {self.hint}")
        return "\n".join(lines)

    def _indent(self) -> str:
        return "".join("\t" if character == "\t" else " " for character in self.source_line[: self.caret - 1])


class TemplateSyntaxError(TemplateError):
    """The source is not a template."""


class TemplateRuntimeError(TemplateError):
    """An expression failed."""


class TemplateLimitError(TemplateError):
    """A bound was passed; ``limit`` is its field in ``Limits``."""

    limit: str = "work"
