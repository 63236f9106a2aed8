"""Patterns as RE2 automata, which take time linear in the text.

RE2 knows no surrogates: they travel as characters of a private plane, which no text contains in its spread form. With
the flag u a text may contain them; such a text goes to the machine.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from backstage_py.js import budget, regex_syntax
from backstage_py.js.regex_machine import Machine, Spans
from backstage_py.js.regex_syntax import Assertion, Chars, Choice, Group, Part, Pattern, Repeat, Sequence

_PRIVATE: Final = 0x10_0000
_MEMORY: Final = 16 << 20
_SURROGATE = re.compile("[\ud800-\udfff]")
_PRIVATE_CHARACTER = re.compile("[\U00100000-\U0010ffff]")
_OTHER_LINE_END = re.compile("[\r\u2028\u2029]")


class Automaton:
    """A compiled pattern, and the machine for texts in which RE2 would see other edges than JavaScript.

    RE2 overlooks line ends other than LF, and finds a "no word edge" inside of the bytes of a character.
    """

    def __init__(self, compiled: Any, machine: Machine, pattern: Pattern, *, multiline: bool) -> None:
        self._compiled = compiled
        self._machine = machine
        self._by_line = multiline and _has_assertion(pattern.root, "^$")
        self._off_edges = _has_assertion(pattern.root, "B")
        self._unicode = pattern.unicode

    def matches(self, text: str, start: int) -> Iterator[Spans]:
        """All matches from an offset on; behind an empty one the search goes on a character further."""
        if self._is_beyond(text):
            yield from self._machine.matches(text, start)
            return
        previous = None
        drawn = budget.current.get()
        if drawn:
            drawn.spend(regex=_steps(text))
        for match in self._compiled.finditer(_hide(text), start):
            span = match.span()
            if span == previous:  # RE2's iterator gives an empty match twice if it had to search for it
                continue
            previous = span
            if drawn:
                drawn.spend(regex=1)
            spans = [match.span(group) for group in range(self._compiled.groups + 1)]
            yield [None if each[0] < 0 else each for each in spans]

    def found(self, text: str) -> bool:
        """Whether there is a match."""
        if self._is_beyond(text):
            return self._machine.found(text)
        if drawn := budget.current.get():
            drawn.spend(regex=_steps(text))
        return self._compiled.search(_hide(text).encode()) is not None  # bytes spare RE2 the offsets of characters

    def _is_beyond(self, text: str) -> bool:
        if text.isascii():
            return self._by_line and "\r" in text
        return (
            self._off_edges
            or (self._by_line and _OTHER_LINE_END.search(text) is not None)
            or (self._unicode and _PRIVATE_CHARACTER.search(text) is not None)
        )


def _steps(text: str) -> int:
    """Return for how many of the machine's steps a search in a text counts: it is some fifty times as fast."""
    return 1 + len(text) // 50


def automaton(pattern: Pattern, machine: Machine, *, ignore_case: bool, multiline: bool) -> Automaton | None:
    """The automaton of a linear pattern, or None if RE2 refuses it for its size."""
    compiled = compile_linear(pattern, ignore_case=ignore_case, multiline=multiline)
    return None if compiled is None else Automaton(compiled, machine, pattern, multiline=multiline)


def compile_linear(pattern: Pattern, *, ignore_case: bool, multiline: bool) -> Any | None:
    """RE2's own object for a linear pattern, which has the methods of ``re.Pattern``; None if RE2 refuses its size."""
    import re2

    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    options.case_sensitive = not ignore_case
    try:
        return re2.compile(("(?m)" if multiline else "") + _emit(pattern.root), options)
    except re2.error:
        return None


def _hide(text: str) -> str:
    if text.isascii():
        return text
    return _SURROGATE.sub(lambda match: chr(ord(match[0]) - 0xD800 + _PRIVATE), text)


def _has_assertion(part: Part, kinds: str) -> bool:
    if isinstance(part, Assertion):
        return part.kind in kinds
    return any(_has_assertion(child, kinds) for child in regex_syntax.parts_of(part))


def _emit(part: Part) -> str:
    """The part in RE2's syntax; each piece stands alone in a group where it must."""
    if isinstance(part, Chars):
        return _emit_chars(part)
    if isinstance(part, Sequence):
        return "".join(_emit(child) for child in part.parts)
    if isinstance(part, Choice):
        return f"(?:{'|'.join(_emit(child) for child in part.options)})"
    if isinstance(part, Group):
        return f"({_emit(part.body)})"
    if isinstance(part, Repeat):
        most = "" if part.most == regex_syntax.MANY else str(part.most)
        return f"(?:{_emit(part.body)}){{{part.least},{most}}}{'' if part.greedy else '?'}"
    if isinstance(part, Assertion):
        return part.kind if part.kind in "^$" else f"\\{part.kind}"
    raise AssertionError(part)  # pragma: no cover - lookaround and backreferences are not linear


def _emit_chars(part: Chars) -> str:
    if not part.ranges:
        return r"[\x{0}-\x{10ffff}]" if part.negated else r"[^\x{0}-\x{10ffff}]"
    return ("[^" if part.negated else "[") + "".join(_emit_range(low, high) for low, high in part.ranges) + "]"


def _emit_range(low: int, high: int) -> str:
    """A range, its surrogates replaced by their stand-ins."""
    pieces = []
    for first, last in ((low, min(high, 0xD7FF)), (max(low, 0xE000), high)):
        if first <= last:
            pieces.append(rf"\x{{{first:x}}}-\x{{{last:x}}}")
    first, last = max(low, 0xD800), min(high, 0xDFFF)
    if first <= last:
        shift = _PRIVATE - 0xD800
        pieces.append(rf"\x{{{first + shift:x}}}-\x{{{last + shift:x}}}")
    return "".join(pieces)
