"""What can go wrong with JavaScript's values.

::

    Failure           an operation that JavaScript refuses, or that these values cannot do
    └── LimitFailure  a bound on time or memory was passed
"""

from typing import Final

MAX_TEXT: Final = 64 * 1024 * 1024
"""UTF-16 code units of one text that an operation builds; the limit ``scratch``."""

MAX_STEPS: Final = 1_000_000
"""Steps of one search with a regular expression that needs backtracking; the limit ``regex``."""

UNITS: Final = {"scratch": "UTF-16 code units in one value", "regex": "steps in one regular expression"}
"""What the limits count."""


class Failure(Exception):  # noqa: N818 - it is an error only once it has a position
    """A failed operation on its way to a position.

    Helpers raise it without knowing where they are. A template adds the place: ``pos`` is an offset in the
    expression, ``base`` the offset of that expression in the source, ``hint`` what to write instead.
    ``syntax`` says that the source itself is wrong, such as a regular expression that does not parse.
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
    """A bound was passed; ``limit`` names it and ``allowed`` is how much there may be."""

    __slots__ = ("allowed", "limit")

    def __init__(self, limit: str, allowed: float) -> None:
        super().__init__(f"The limit of {allowed:,.0f} {UNITS.get(limit, limit)} is exceeded")
        self.limit = limit
        self.allowed = allowed
