"""Mends a text in rounds: what does not overlap is done together, looked at again, and kept only if it helped."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from backstage_py.lint.check import Found
from backstage_py.lint.fixes import resolve
from backstage_py.lint.fixes.edits import Edit, apply, overlap
from backstage_py.lint.fixes.repair import Path, Rename, Write

_MOST_ROUNDS = 40
_HIDES_ALL = "BPY002"

Look = Callable[[str], Sequence[Found]]
"""Returns what is found in a text."""


@dataclass(frozen=True, slots=True)
class Mended:
    """A text as it is in the end, and what was mended, with the places that it had when it was."""

    text: str
    made: tuple[Found, ...] = ()


@dataclass(frozen=True, slots=True)
class _Way:
    found: Found
    edits: tuple[Edit, ...]


def mend(text: str, look: Look) -> Mended:
    """Make all sure repairs of a text; of one that is mended, none are left."""
    made: list[Found] = []
    seen = {text}
    for _ in range(_MOST_ROUNDS):
        found = look(text)
        step = _step(text, found, _ways(text, found), look)
        if step is None or step.text in seen:
            break
        seen.add(step.text)
        made += step.made
        text = step.text
    return Mended(text, tuple(made))


def edits_of(text: str, found: Found) -> tuple[Edit, ...] | None:
    """Return the edits that mend a finding; None where it cannot be mended by itself."""
    repair = found.finding.repair
    return resolve.edits(text, found.document, repair) if repair else None


def _ways(text: str, found: Sequence[Found]) -> list[_Way]:
    return [
        _Way(one, edits)
        for one in found
        if one.finding.repair and one.finding.repair.sure and (edits := edits_of(text, one))
    ]


def _step(text: str, found: Sequence[Found], ways: Sequence[_Way], look: Look) -> Mended | None:
    """What can be made at once; if that makes it worse, the first of it that helps by itself."""
    together: list[_Way] = []
    for way in ways:
        if not any(overlap(way.edits, other.edits) for other in together):
            together.append(way)
    for tried in (together, *([way] for way in (ways if len(ways) > 1 else ()))):
        if tried:
            after = apply(text, {edit for way in tried for edit in way.edits})
            if after != text and _is_better(found, look(after), tried):
                return Mended(after, tuple(way.found for way in tried))
    return None


def _is_better(before: Sequence[Found], after: Sequence[Found], tried: Sequence[_Way]) -> bool:
    """Whether what was to be mended is gone, and no mistake is new but in expressions that did not parse before."""
    left = {_place(one) for one in after}
    if any(_place(way.found) in left for way in tried):
        return False
    if any(way.found.problem.code == _HIDES_ALL for way in tried):
        return True
    seen_now = tuple(reach for way in tried for reach in _reaches(way))
    return not _mistakes(after, seen_now) - _mistakes(before, seen_now)


def _reaches(way: _Way) -> Iterator[tuple[Path, int]]:
    """Where a repair lets mistakes be seen that were there before: below a path, and how deep at least."""
    for change in way.found.finding.repair.changes if way.found.finding.repair else ():
        if isinstance(change, Rename):
            yield (*change.path[:-1], change.name), 1
        elif isinstance(change, Write):
            is_action = change.path[-1] == "action"
            yield (change.path[:-1], 1) if is_action else (change.path, 0)


def _place(found: Found) -> tuple[object, ...]:
    problem = found.problem
    return problem.file, problem.line, problem.column, problem.code, problem.message


def _mistakes(found: Sequence[Found], seen_now: Sequence[tuple[Path, int]]) -> Counter[str]:
    return Counter(
        one.problem.code
        for one in found
        if one.problem.severity == "error"
        and not any(
            one.finding.path[: len(path)] == path and len(one.finding.path) >= len(path) + depth
            for path, depth in seen_now
        )
    )
