"""What can go wrong in a template.

::

    TemplateError                 message, filename, line, column, source_line, hint
    ├── TemplateSyntaxError       the source does not parse
    ├── TemplateRuntimeError      an expression failed while it was evaluated
    └── TemplateLimitError        a bound on work, output or nesting was passed; ``limit`` names it

    Failure                       inside the package only: a message that has no position yet
    └── LimitFailure

Helpers raise ``Failure`` without knowing where they are. The expression that called them adds its offset, the
statement adds the offset of the expression, and ``engine`` turns the sum into a line and a column.
"""

LimitName = str


class Failure(Exception):  # noqa: N818 - it is an error only once it has a position
    """A failed operation on its way to a position.

    ``pos`` is an offset in the expression, ``base`` the offset of that expression in the source.
    """

    __slots__ = ("base", "hint", "message", "pos", "syntax")

    def __init__(self, message: str, *, pos: int | None = None, hint: str | None = None, syntax: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.pos = pos
        self.base: int | None = None
        self.hint = hint
        self.syntax = syntax

    def at(self, pos: int) -> "Failure":
        """The same failure; the innermost position wins."""
        if self.pos is None and self.base is None:
            self.pos = pos
        return self

    def within(self, base: int) -> "Failure":
        """The same failure, its position made relative to the whole source."""
        if self.base is None:
            self.base = base
        return self

    @property
    def offset(self) -> int:
        """Offset in the source, 0 if nobody added one."""
        return (self.base or 0) + (self.pos or 0)


class LimitFailure(Failure):
    """A bound was passed."""

    __slots__ = ("limit",)

    def __init__(self, limit: LimitName, allowed: float) -> None:
        super().__init__(f"The template exceeds the limit of {allowed:g} {LIMITS[limit]}")
        self.limit = limit


LIMITS = {
    "source": "UTF-16 code units of source",
    "work": "work units",
    "nesting": "levels of nesting",
    "output": "UTF-16 code units of output",
    "scratch": "UTF-16 code units in one value",
    "calls": "calls of registered filters and globals",
    "entries": "entries in one value",
    "regex": "steps in one regular expression",
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

    limit: LimitName = "work"
