"""Where some strings occur in a text, in time linear in the text and in the number of strings, whatever they hold.

All searching is ``str.find``, which takes linear time and lets other threads run in between. What it cannot do alone
is to skip: a string such as ``aaaa`` occurs in ``aaaaaaaa`` at each character. Here a run of overlapping occurrences
is one span. Own code, since libraries list each occurrence: 2 MB of text with nested strings become gigabytes.
"""

import re
from collections.abc import Collection, Iterator, Sequence

_GRAM = 4  # characters; each string has at least that many
_CHUNK = 1 << 18
_FEW = 64
_SHORT_TEXT = 4_096
_COVERED, _FIRST = 1, 2
_SPAN = re.compile(rb"\x02\x01*")


def present(text: str, strings: Sequence[str]) -> Sequence[str]:
    """Return those of the strings, of four characters and more, that occur in the text."""
    if len(strings) > _FEW and len(text) > _SHORT_TEXT:
        strings = _possible(text, strings)
    return [one for one in strings if one in text]


def replaced(text: str, strings: Collection[str], by: str) -> str:
    """Return the text with ``by`` for each occurrence; those that overlap become a single one, neighbours do not."""
    marks = bytearray(len(text))
    for one in strings:
        for start, stop in _spans(text, one):
            marks[start] = marks[start] or _FIRST
            marks[start + 1 : stop] = b"\x01" * (stop - start - 1)
    parts, cursor = [], 0
    for span in _SPAN.finditer(marks):
        parts += [text[cursor : span.start()], by]
        cursor = span.end()
    return "".join([*parts, text[cursor:]])


def last_end(text: str, string: str) -> int:
    """Return where the last occurrence ends, -1 without one. ``str.rfind`` may take quadratic time."""
    if len(text) <= _SHORT_TEXT:
        at = text.rfind(string)
        return at if at < 0 else at + len(string)
    at = text[::-1].find(string[::-1])
    return at if at < 0 else len(text) - at


def longest_overlap(text: str, string: str) -> int:
    """Return how many characters the end of the text and the beginning of the string have in common at most.

    Less than the whole string. By the failure function of Knuth, Morris and Pratt.
    """
    borders = [0] * len(string)
    for index in range(1, len(string)):
        borders[index] = _grown(string, borders, borders[index - 1], string[index])
    matched = 0
    for character in text[max(len(text) - len(string) + 1, 0) :]:
        matched = _grown(string, borders, matched, character)
    return matched


def _grown(string: str, borders: Sequence[int], matched: int, character: str) -> int:
    while matched and string[matched] != character:
        matched = borders[matched - 1]
    return matched + (string[matched] == character)


def _possible(text: str, strings: Sequence[str]) -> Sequence[str]:
    """Return the strings whose first, middle and last four characters are in the text."""
    grams = {one: {one[:_GRAM], one[len(one) // 2 - 2 :][:_GRAM], one[-_GRAM:]} for one in strings}
    wanted = set[str]().union(*grams.values())
    seen: set[str] = set()
    for start in range(0, len(text), _CHUNK):
        chunk = text[start : start + _CHUNK + _GRAM - 1]
        seen |= wanted & {chunk[at : at + _GRAM] for at in range(len(chunk) - _GRAM + 1)}
    return [one for one in strings if grams[one] <= seen]


def _spans(text: str, string: str) -> Iterator[tuple[int, int]]:
    """Yield spans that cover all occurrences of a string, in order; they may overlap, but only a few do.

    Two occurrences that overlap by half and more begin a periodic run; all of it is passed at once. What then overlaps
    the run's end does so by less than half: two periods that fit into the string together are multiples of one.
    """
    size = len(string)
    start = text.find(string)
    while start >= 0:
        following = text.find(string, start + 1)
        if 0 <= following <= start + size // 2:
            last = start + _last_multiple(text, start, following - start, size)
            yield start, last + size
            following = text.find(string, last + 1)
        else:
            yield start, start + size
        start = following


def _last_multiple(text: str, start: int, period: int, size: int) -> int:
    """Return how far behind ``start`` the last occurrence begins that is whole periods away."""
    stop, step = start + size, size
    while step:
        piece = text[stop : stop + step]
        if piece and piece == text[stop - period : stop - period + len(piece)]:
            stop += len(piece)
            step *= 2
        else:
            step //= 2
    return (stop - start - size) // period * period
