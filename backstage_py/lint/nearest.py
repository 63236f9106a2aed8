"""The nearest known name, for what is probably a misspelling."""

import difflib
import re
from collections.abc import Iterable
from functools import lru_cache

_SURE_FOR_TWO = 12
_SURE_FOR_ONE = 4
_BEGINNING = 8
_SEPARATORS = re.compile("[-_.]")
_WORDS = re.compile(r"[A-Z]?[^A-Z]+|[A-Z]")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like ``name``, None if none does."""
    return _nearest(name, tuple(known))


@lru_cache(maxsize=4096)
def _nearest(name: str, candidates: tuple[str, ...]) -> str | None:
    """Kept, since a slip that a file has once it often has in each of its entities."""
    folded = {_folded(candidate): candidate for candidate in candidates}
    if (same := folded.get(_folded(name))) and same != name:
        return same
    close = difflib.get_close_matches(name, candidates, n=1, cutoff=0.75)
    return close[0] if close and close[0] != name else None


def misspelled(name: str, known: Iterable[str]) -> str | None:
    """Return the known name of which ``name`` is surely a misspelling.

    It is sure when only case or separators differ, when one typing slip lies between them, or two in a long name.
    """
    close = nearest(name, known)
    if close is None:
        return None
    if same_ignoring_style(name, close):
        return close
    shorter = min(len(name), len(close))
    if name[-1:].isdigit() or close[-1:].isdigit():  # names that are counted: host1, host2
        return None
    allowed = 2 if shorter >= _SURE_FOR_TWO else 1 if shorter >= _SURE_FOR_ONE else 0
    return close if 0 < distance(name, close) <= allowed else None


def slip_of(key: str, known: Iterable[str], present: Iterable[str], *, shortest: int = 4) -> str | None:
    """Return the key of a closed list of which one is surely a misspelling: none that is there already.

    Short ones count, too: beside keys that are known, ``ype`` is ``type`` and ``di`` is ``id``.

    Args:
        key: as written.
        known: the list.
        present: what is there.
        shortest: length of the shortest that one slip may be of; ``note`` is no ``not``.
    """
    there = set(present)
    missing = [one for one in known if one not in there]
    close = misspelled(key, missing) or number_of(key, missing)
    if close is None:
        near = [one for one in missing if len(one) >= shortest and distance(key, one) == 1]
        close = min(near, default=None)
    return close


def number_of(name: str, known: Iterable[str]) -> str | None:
    """Return the known name of which ``name`` is the other number: ``property`` is ``properties``, ``tag`` ``tags``."""
    words = _singular(name)
    if any(character.isupper() for character in name) and (
        same := next((one for one in known if one != name and _singular(one) == words), None)
    ):
        return same
    folded = _folded(name)
    forms = {f"{folded}s", f"{folded}es", folded.removesuffix("s"), folded.removesuffix("es")}
    forms |= {f"{folded[:-1]}ies"} if folded.endswith("y") else set()
    forms |= {f"{folded[:-3]}y"} if folded.endswith("ies") else set()
    return next((one for one in known if len(one) >= _SURE_FOR_ONE and _folded(one) in forms - {folded}), None)


def begun(key: str, known: Iterable[str]) -> str | None:
    """Return the only key of which another is the beginning: ``reviewButton`` is ``reviewButtonText``."""
    longer = [one for one in known if one.startswith(key) and len(key) >= _BEGINNING]
    return longer[0] if len(longer) == 1 else None


def shortened(name: str, known: Iterable[str]) -> str | None:
    """Return the only known name that is the same but for one word cut short: ``track-api`` is ``tracking-api``."""
    words = _SEPARATORS.split(name.lower())
    found = []
    for one in known:
        others = _SEPARATORS.split(one.lower())
        differing = [pair for pair in zip(words, others, strict=False) if pair[0] != pair[1]]
        if len(words) == len(others) > 1 and len(differing) == 1 and _is_cut(*differing[0]):
            found.append(one)
    return found[0] if len(found) == 1 else None


def _is_cut(left: str, right: str) -> bool:
    short, long = sorted((left, right), key=len)
    return len(short) >= _SURE_FOR_ONE and long.startswith(short) and not long[-1:].isdigit()


def _singular(name: str) -> list[str]:
    """The words of a name in camel case, each as one: ``dependenciesOf`` is ``dependencyOf``."""
    words = [word.lower() for word in _WORDS.findall(name)]
    return [f"{word[:-3]}y" if word.endswith("ies") else word.removesuffix("s") for word in words]


def same_ignoring_style(left: str, right: str) -> bool:
    """Say whether two names differ in case and separators only."""
    return _folded(left) == _folded(right)


@lru_cache(maxsize=4096)
def distance(left: str, right: str) -> int:
    """Return how many slips (a wrong, missing, doubled or swapped character) lie between two names."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        current = [i]
        for j, b in enumerate(right, 1):
            best = min(row[j] + 1, current[j - 1] + 1, row[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                best = min(best, before[j - 2] + 1)
            current.append(best)
        before, row = row, current
    return row[-1]


def _folded(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
