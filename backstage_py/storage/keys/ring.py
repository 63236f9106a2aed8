"""Which key is used, when the next one is due, and which ones are done with; pure, in milliseconds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

LEAD = 10 * 60 * 1000
"""A key is known this long before it is used, so that every process, and whoever fetches key sets, has it by then."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as a process knows it; what the members mean is said in ``tables``.

    Attributes:
        content: the private key; None when a file of another process holds it, or nobody can unwrap it here.
    """

    id: str
    generation: int | None
    is_bare: bool
    used_from: int
    content: bytes | None = field(repr=False)
    public: str | None = None
    seen_at: int | None = None


def current(keys: Iterable[Key], now: int) -> Key | None:
    """Return the key that is used: the newest whose time has come, else the oldest (a clock was set back)."""
    usable = [key for key in in_turn(keys) if key.content is not None]
    begun = [key for key in usable if key.used_from <= now]
    return next(iter(begun[::-1] or usable), None)


def following(keys: Iterable[Key], now: int, rotation: int) -> tuple[int, int] | None:
    """Return generation and first moment of the key that is to be made; None while none is due.

    The very first is used at once: nobody can have used another.
    """
    turns = in_turn(keys)
    if not turns:
        return 1, now
    newest = turns[-1]
    if now < newest.used_from + rotation - LEAD:
        return None
    return (newest.generation or 0) + 1, max(newest.used_from + rotation, now + LEAD)


def outdated(keys: Iterable[Key], now: int, keep: int) -> Sequence[Key]:
    """Return the keys that nobody has used for ``keep`` milliseconds: their successors are, or their files are gone."""
    found = [key for key in keys if key.generation is None and (key.seen_at or 0) + keep < now]
    turns = in_turn(keys)
    found += [key for key, successor in pairwise(turns) if successor.used_from + keep < now]
    return found


def in_turn(keys: Iterable[Key]) -> Sequence[Key]:
    """Return the keys that are used one after the other, oldest first."""
    return sorted((key for key in keys if key.generation is not None), key=lambda key: key.generation or 0)
