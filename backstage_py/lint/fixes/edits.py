"""Changes of a text, in characters; nothing here knows what the text is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """The characters from ``start`` up to ``end`` give way to ``text``; offsets count characters from 0."""

    start: int
    end: int
    text: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Return the text with the edits, which must not overlap."""
    parts: list[str] = []
    at = 0
    for edit in sorted(edits):
        parts += (text[at : edit.start], edit.text)
        at = edit.end
    return "".join((*parts, text[at:]))


def between(before: str, after: str) -> tuple[Edit, ...]:
    """Return the edits that make one text of the other, each of whole lines."""
    old, new = before.split("\n"), after.split("\n")
    starts = [0]
    for line in old:
        starts.append(starts[-1] + len(line) + 1)
    found = []
    for tag, first, last, begin, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            is_last = last == len(old)
            text = "\n".join(new[begin:end]) + ("" if is_last or begin == end else "\n")
            found.append(Edit(starts[first], min(starts[last], len(before)), text))
    return tuple(found) if apply(before, found) == after else (Edit(0, len(before), after),)


def overlap(some: Sequence[Edit], others: Sequence[Edit]) -> bool:
    """Say whether two groups of edits touch each other; the same edit twice counts as once."""
    return any(a != b and a.start <= b.end and b.start <= a.end for a in some for b in others)
