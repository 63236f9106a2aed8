"""Regular expressions of JavaScript, matched in bounded time, since nobody has reviewed them.

- ``tester`` says whether a pattern of a JSON Schema is found in a text; ``problem`` why JavaScript refuses one.
- ``test``, ``replace`` and ``split`` are those of JavaScript, for a ``Regex`` with flags; ``replace_all`` for texts.
- ``linear`` gives RE2's object where a library wants one.

A pattern becomes an RE2 automaton (``regex_re2``). What RE2 cannot do as JavaScript does it (lookaround,
backreferences, counts above 1000, captures that a later round of a repetition forgets) runs on the backtracking
machine of ``regex_machine`` with a bound on its steps; passing it is a ``LimitFailure``. All positions are UTF-16
code units.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Protocol

from backstage_py.js import regex_machine, regex_re2, regex_syntax
from backstage_py.js.errors import MAX_TEXT, Failure, LimitFailure
from backstage_py.js.regex_machine import Spans
from backstage_py.js.text import fuse, length, units
from backstage_py.js.values import Regex

_SYNTAX = re.compile(r"[\^$\\.*+?()[\]{}|/]")


class Matcher(Protocol):
    """Finds the matches of a pattern in a spread text."""

    def matches(self, text: str, start: int) -> Iterator[Spans]:
        """All matches from an offset on; behind an empty one the search goes on a character further."""

    def found(self, text: str) -> bool:
        """Whether there is a match."""


class PatternError(ValueError):
    """A pattern cannot be used: it is no regular expression, or a search with it takes too many steps."""


def check(pattern: str) -> None:
    """Raises Failure where JavaScript would refuse the pattern."""
    regex_syntax.parse(units(pattern))


def problem(pattern: str) -> str | None:
    """Why JavaScript refuses a pattern without flags; None if it takes it."""
    try:
        check(pattern)
    except Failure as failure:
        return failure.message
    return None


_SHOWN = 200  # characters of a pattern in a message
CHECK_STEPS = 200_000
"""Steps of one search by ``tester``, some hundredths of a second: forms are checked while others wait."""


def _shown(source: str) -> str:
    """Return a pattern as a message quotes it."""
    return source if len(source) <= _SHOWN else f"{source[:_SHOWN]}…"


@lru_cache(maxsize=512)
def tester(source: str) -> Callable[[str], bool]:
    """Returns a function that says whether a pattern is found in a text, as npm's ``jsonschema`` and Ajv look for it.

    The pattern has the flag u where it parses with it, else no flag.

    Raises:
        PatternError: the pattern is no regular expression. The function raises it for a text that takes too long.
    """
    try:
        pattern = _lenient(source)
    except Failure as failure:
        raise PatternError(f"'{_shown(source)}' is not a regular expression: {failure.message}") from failure
    machine = regex_machine.Machine(pattern, ignore_case=False, multiline=False, steps=CHECK_STEPS)
    linear = regex_re2.automaton(pattern, machine, ignore_case=False, multiline=False) if pattern.linear else None
    matcher: Matcher = linear or machine
    form = fuse if pattern.unicode else units

    def found(text: str) -> bool:
        try:
            return matcher.found(form(text))
        except Failure as failure:
            told = (
                f"'{_shown(source)}' cannot be matched against a text of {length(text)} characters: {failure.message}"
            )
            advice = ". Write it without repetitions inside of repetitions" if isinstance(failure, LimitFailure) else ""
            raise PatternError(told + advice) from failure

    return found


def _lenient(source: str) -> regex_syntax.Pattern:
    try:
        return regex_syntax.parse(fuse(source), unicode=True)
    except Failure as failure:
        if not failure.syntax:
            raise
        return regex_syntax.parse(units(source))


def linear(source: str, *, ignore_case: bool = False, multiline: bool = False) -> "re.Pattern[str]":
    """Returns a compiled pattern that searches in time linear in the text; it has the methods of ``re.Pattern``.

    Raises:
        PatternError: it is no regular expression, or one with lookaround, backreferences or large counts.
    """
    try:
        pattern = regex_syntax.parse(source)
    except Failure as failure:
        raise PatternError(f"'{_shown(source)}' is not a regular expression: {failure.message}") from failure
    compiled = None
    if pattern.linear:
        compiled = regex_re2.compile_linear(pattern, ignore_case=ignore_case, multiline=multiline)
    if compiled is None:
        raise PatternError(
            f"'{_shown(source)}' is not a regular expression that runs in linear time. "
            "Look-around and back-references are not supported here"
        )
    return compiled  # type: ignore[no-any-return]  # re2 publishes no types


@lru_cache(maxsize=256)
def _parsed(source: str) -> regex_syntax.Pattern:
    return regex_syntax.parse(units(source))


@lru_cache(maxsize=256)
def _matcher(source: str, *, ignore_case: bool, multiline: bool, captures: bool) -> Matcher:
    pattern = _parsed(source)
    machine = regex_machine.Machine(pattern, ignore_case=ignore_case, multiline=multiline)
    if not pattern.linear or (captures and pattern.forgetful):
        return machine
    return regex_re2.automaton(pattern, machine, ignore_case=ignore_case, multiline=multiline) or machine


def matches(regex: Regex, spread: str, start: int, *, captures: bool = True) -> Iterator[Spans]:
    """All matches in a text that ``text.units`` spread, without regard to the flags g and y and to ``last_index``.

    Raises:
        LimitFailure: a backtracking pattern takes too many steps.
    """
    matcher = _matcher(regex.source, ignore_case="i" in regex.flags, multiline="m" in regex.flags, captures=captures)
    return matcher.matches(spread, start)


def execute(regex: Regex, spread: str, start: int, *, captures: bool = True) -> Spans | None:
    """The first match at or after an offset; with the flag y at the offset only."""
    spans = next(matches(regex, spread, start, captures=captures), None)
    if spans is None or ("y" in regex.flags and _extent(spans)[0] != start):
        return None
    return spans


def _extent(spans: Spans) -> tuple[int, int]:
    """Begin and end of the whole match."""
    whole = spans[0]
    if whole is None:  # pragma: no cover - the whole match is always there
        raise AssertionError(spans)
    return whole


def test(regex: Regex, text: str) -> bool:
    """``regex.test(text)``, which moves ``last_index`` for the flags g and y."""
    moves = "g" in regex.flags or "y" in regex.flags
    spread = units(text)
    start = regex.last_index if moves else 0
    spans = execute(regex, spread, start, captures=False) if start <= len(spread) else None
    if moves:
        regex.last_index = 0 if spans is None else _extent(spans)[1]
    return spans is not None


def replace(regex: Regex, text: str, replacement: str, *, keep_index: bool) -> str:
    """``text.replace(regex, replacement)``.

    ``keep_index`` starts from and moves ``last_index``, as the method does; the filter makes a new object.

    Raises:
        LimitFailure: the result is too long.
    """
    spread = units(text)
    template = units(replacement)
    names = _parsed(regex.source).names
    parts: list[str] = []
    left = MAX_TEXT
    copied = 0
    for spans in _replaced(regex, spread, captures="$" in template, keep_index=keep_index):
        begin, end = _extent(spans)
        parts += [spread[copied:begin], expand(template, spread, spans, names, left)]
        left -= len(parts[-1]) + len(parts[-2])
        if left < 0:
            raise LimitFailure("scratch", MAX_TEXT)
        copied = end
    parts.append(spread[copied:])
    return fuse("".join(parts))


def _replaced(regex: Regex, spread: str, *, captures: bool, keep_index: bool) -> Iterator[Spans]:
    """The matches that a replacement takes: all with the flag g, those in a row with y too, else the first."""
    sticky, everywhere = "y" in regex.flags, "g" in regex.flags
    if not everywhere:
        start = regex.last_index if keep_index and sticky else 0
        spans = execute(regex, spread, start, captures=captures) if start <= len(spread) else None
        if keep_index and sticky:
            regex.last_index = 0 if spans is None else _extent(spans)[1]
        if spans is not None:
            yield spans
        return
    if keep_index:
        regex.last_index = 0
    expected = 0
    for spans in matches(regex, spread, 0, captures=captures):
        begin, end = _extent(spans)
        if sticky and begin != expected:
            return
        expected = end + 1 if end == begin else end
        yield spans


_REFERENCE = re.compile(r"\$(?:(\$)|(&)|(`)|(')|([0-9]{1,2})|<([^>]*)>)")


def expand(template: str, spread: str, spans: Spans, names: dict[str, int], bound: int = MAX_TEXT) -> str:
    """The replacement text with ``$1``, ``$&``, ``$<name>`` and the like filled in.

    Raises:
        LimitFailure: it gets longer than the bound.
    """
    if "$" not in template:
        return template
    begin, end = _extent(spans)
    left = bound

    def group(number: int) -> str:
        span = spans[number]
        return "" if span is None else spread[span[0] : span[1]]

    def fill(match: re.Match[str]) -> str:
        nonlocal left
        filled = _filled(match, spread, (begin, end), names, group, len(spans) - 1)
        left -= len(filled)
        if left < 0:
            raise LimitFailure("scratch", MAX_TEXT)
        return filled

    return _REFERENCE.sub(fill, template)


def _filled(
    match: re.Match[str],
    spread: str,
    whole: tuple[int, int],
    names: dict[str, int],
    group: Callable[[int], str],
    groups: int,
) -> str:
    """What one reference stands for; itself if there is no such group."""
    if match[1]:
        return "$"
    if match[2]:
        return spread[whole[0] : whole[1]]
    if match[3]:
        return spread[: whole[0]]
    if match[4]:
        return spread[whole[1] :]
    if match[5]:
        for used in (match[5], match[5][:1]):
            if 1 <= int(used) <= groups:
                return group(int(used)) + match[5][len(used) :]
        return match[0]
    if not names:
        return match[0]
    return group(names[match[6]]) if match[6] in names else ""


def replace_all(text: str, find: str, replacement: str, *, is_pattern: bool) -> str:
    """``text.replaceAll(find, replacement)``; ``find`` is plain text, or a regular expression with the flag g.

    In the replacement ``$$``, ``$&``, ``$1``, ``$<name>``, ``$``` and ``$'`` have their meaning, for plain text too.

    Raises:
        PatternError: the expression is wrong or takes more than ``MAX_STEPS`` steps, or the result is longer
            than ``MAX_TEXT``.
    """
    regex = Regex(find if is_pattern else _SYNTAX.sub(r"\\\g<0>", find), "g")
    try:
        return replace(regex, text, replacement, keep_index=False)
    except Failure as failure:
        raise PatternError(f"'{find}' cannot be replaced: {failure.message}") from failure


def split(regex: Regex, text: str, limit: int) -> list[str | None]:
    """``text.split(regex, limit)``; a group that took no part is None."""
    if limit == 0:
        return []
    spread = units(text)
    if not spread:
        return [] if next(matches(regex, spread, 0), None) is not None else [text]
    pieces: list[str | None] = []
    copied = 0
    for spans in matches(regex, spread, 0):
        begin, end = _extent(spans)
        if begin >= len(spread):
            break
        if end == copied:
            continue
        found = [(copied, begin), *spans[1:]]
        pieces += [None if span is None else fuse(spread[span[0] : span[1]]) for span in found]
        if len(pieces) >= limit:
            return pieces[:limit]
        copied = end
    pieces.append(fuse(spread[copied:]))
    return pieces


def require_string(kind: str) -> Failure:
    """The failure for replacing with a pattern in something that is not text."""
    return Failure(f"Replacing by a regular expression needs text, not {kind}")
