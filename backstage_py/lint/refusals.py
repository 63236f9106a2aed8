"""All that a reader refuses in a file, though it stops at the first: it reads again without what it refused."""

import copy
import itertools
from collections.abc import Callable
from typing import TypeVar

from backstage_py.errors import InputError
from backstage_py.model.json import Json

T = TypeVar("T")
Where = tuple[str | int, ...]
_MOST = 50
"""Refusals of one file: whoever has more reads the first ones."""
_EMPTY_ENTRIES = frozenset({"cases"})
"""Lists whose entries may be empty, so that the others keep their numbers; else the list goes with its entry."""


class RefusedError(InputError):
    """What stands at a place of a file is wrong.

    Args:
        message: with the place, for whoever gets nothing else.
        where: the path of the value; of the key, where that is wrong.
        reason: the message without the place.
    """

    def __init__(self, message: str, where: Where, reason: str) -> None:
        super().__init__(message)
        self.where = where
        self.reason = reason


def collect(value: Json, read: Callable[[Json], T]) -> tuple[T | None, list[RefusedError]]:
    """Read a value as often as something in it is refused, each time without that.

    Returns:
        What is read in the end, None where the rest cannot be read, and the refusals. Those that only follow from
        what was left out are not among them.
    """
    found: list[RefusedError] = []
    for _ in range(_MOST):
        try:
            return read(value), found
        except RefusedError as refused:
            follows = any(one.where[: len(refused.where)] == refused.where for one in found)
            if not follows:
                found.append(refused)
            if not refused.where or (follows and any(one.where == refused.where for one in found)):
                return None, found
            value = _without(value, refused.where)
    return None, found


def _without(value: Json, where: Where) -> Json:
    """Return a copy without what stands at a path."""
    if isinstance(where[-1], int) and where[-2:-1] and where[-2] not in _EMPTY_ENTRIES:
        where = where[:-1]
    changed = copy.deepcopy(value)
    parent = changed
    for part, after in itertools.pairwise((*where, None)):
        inner = parent[part]
        if after is None or not isinstance(inner, dict | list):  # the path names what is missing
            if isinstance(part, int):
                parent[part] = {}
            else:
                del parent[part]
            break
        parent = inner
    return changed
