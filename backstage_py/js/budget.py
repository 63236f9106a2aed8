"""What may be used up for one request or run, by all that it renders and checks together.

A ``Limits`` object bounds a single render; a budget bounds any number of them. It is found through a context variable,
so that it holds in threads and below host functions, too; without one nothing is counted.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

_ENTRY = 8  # bytes that an entry counts for besides its text
_SCALARS = frozenset({int, float, bool, type(None)})


class Bound(NamedTuple):
    """How much there is of something, and how messages name it: what is counted, and which key sets the bound."""

    most: int
    what: str
    key: str


class Exceeded(Exception):  # noqa: N818  # a way out of all that draws on the budget
    """A budget is used up; ``budget`` is the one, ``limit`` the last part of the key. Its text is for the caller."""

    def __init__(self, budget: "Budget", bound: Bound) -> None:
        super().__init__(f"This takes more than {bound.most:,} {bound.what}; {bound.key} allows no more")
        self.budget = budget
        self.limit = bound.key.rpartition(".")[2]


class Budget:
    """What is left for one request or run. Threads may share it; a few steps may go uncounted then.

    Args:
        evaluation: steps of the template language, as ``templating.limits`` counts ``work``.
        regex: steps of regular expressions.
        output: bytes of what is made, each character counted as one.

    Attributes:
        evaluation: what is left of each; below zero once it is used up.
        regex: see there.
        output: see there.
    """

    __slots__ = ("_bounds", "evaluation", "output", "regex")

    def __init__(self, evaluation: Bound, regex: Bound, output: Bound) -> None:
        self._bounds = (evaluation, regex, output)
        self.evaluation = evaluation.most
        self.regex = regex.most
        self.output = output.most

    def spend(self, *, evaluation: int = 0, regex: int = 0, output: int = 0) -> None:
        """Take something out.

        Raises:
            Exceeded: there is not as much left.
        """
        self.evaluation -= evaluation
        self.regex -= regex
        self.output -= output
        if self.evaluation < 0 or self.regex < 0 or self.output < 0:
            self.refuse()

    def refuse(self) -> None:
        """Raise Exceeded for the first thing of which nothing is left."""
        for bound, left in zip(self._bounds, (self.evaluation, self.regex, self.output), strict=True):
            if left < 0:
                raise Exceeded(self, bound)

    def take_from(self, other: "Budget") -> None:
        """Take out what was taken out of another one, which began full."""
        evaluation, regex, output = other._bounds  # noqa: SLF001  # of this class
        self.evaluation -= evaluation.most - other.evaluation
        self.regex -= regex.most - other.regex
        self.output -= output.most - other.output
        self.spend()


current: ContextVar[Budget | None] = ContextVar("budget", default=None)
"""What is drawn on here and in what is called from here."""


@contextmanager
def drawn_on(budget: Budget | None) -> Iterator[None]:
    """Draw on a budget within the block."""
    token = current.set(budget)
    try:
        yield
    finally:
        current.reset(token)


def size(value: object, most: int = 1 << 62) -> int:
    """Return about how many bytes a JSON value takes as text; more than ``most`` is not looked at."""
    total = 0
    stack = [value]
    while stack:
        one = stack.pop()
        kind = type(one)
        if kind is str:
            total += len(one)  # type: ignore[arg-type]  # mypy does not know it by its type
        elif kind in _SCALARS:
            total += _ENTRY
            continue
        elif kind is dict or isinstance(one, Mapping):
            total += _ENTRY * len(one) + sum(map(len, map(str, one)))  # type: ignore[arg-type,call-overload]  # as above
            stack += one.values()  # type: ignore[attr-defined]  # as above
        elif kind is list or kind is tuple:
            total += _ENTRY * len(one)  # type: ignore[arg-type]  # as above
            stack += one  # type: ignore[arg-type]  # as above
        else:
            total += _ENTRY
            continue
        if total > most:
            break
    return total
