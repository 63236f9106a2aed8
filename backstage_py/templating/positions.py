"""From an offset in a source to a line and a column, and from a failure to an error with both."""

from backstage_py.js.errors import Failure, LimitFailure
from backstage_py.templating.errors import (
    LIMITS,
    TemplateError,
    TemplateLimitError,
    TemplateRuntimeError,
    TemplateSyntaxError,
)

_SHOWN = 160
"""How much of a long line an error shows."""


def position(source: str, offset: int, first_line: int, first_column: int) -> tuple[int, int, int]:
    """Line and column in the file, and the column in the source's own line."""
    before = source.rfind("\n", 0, offset) + 1
    lines = source.count("\n", 0, offset)
    column = offset - before + 1
    return first_line + lines, column + (first_column - 1 if lines == 0 else 0), column


def error_for(failure: Failure, source: str, filename: str | None, first_line: int, first_column: int) -> TemplateError:
    """The error for a failure at an offset of the source."""
    offset = min(failure.offset, len(source))
    line, column, caret = position(source, offset, first_line, first_column)
    begin = source.rfind("\n", 0, offset) + 1
    end = source.find("\n", offset)
    shown = source[begin : len(source) if end < 0 else end].rstrip("\r")
    if len(shown) > _SHOWN:
        cut = max(0, min(caret - _SHOWN // 2, len(shown) - _SHOWN))
        shown, caret = shown[cut : cut + _SHOWN], caret - cut
    kind: type[TemplateError] = TemplateSyntaxError if failure.syntax else TemplateRuntimeError
    message = failure.message
    if isinstance(failure, LimitFailure):
        kind = TemplateLimitError
        message = f"The template exceeds the limit of {failure.allowed:g} {LIMITS[failure.limit]}"
    error = kind(
        message,
        filename=filename,
        line=line,
        column=column,
        source_line=shown,
        caret=caret,
        hint=failure.hint,
    )
    if isinstance(error, TemplateLimitError) and isinstance(failure, LimitFailure):
        error.limit = failure.limit
    return error
