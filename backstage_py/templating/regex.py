"""Regular expressions that a template brings along, matched in bounded time.

A pattern becomes an RE2 automaton, which takes time linear in the text. What RE2 cannot do (lookaround,
backreferences, counts above 1000) runs on the backtracking machine of ``regex_machine`` with a bound on its steps;
passing it is a ``LimitFailure``. Positions are UTF-16 code units throughout: surrogates travel as characters of a
private plane, which no text contains in this form.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, Protocol

from backstage_py.templating import regex_machine, regex_syntax
from backstage_py.templating.errors import Failure, LimitFailure
from backstage_py.templating.regex_syntax import Assertion, Chars, Choice, Group, Part, Pattern, Repeat, Sequence
from backstage_py.templating.text import fuse, units
from backstage_py.templating.values import Regex

Spans = list[tuple[int, int] | None]
"""Where the match and its groups are; None for a group that took no part."""

_PRIVATE: Final = 0x10_0000
_SURROGATE = re.compile("[\ud800-\udfff]")
_HIDDEN = re.compile(f"[{chr(_PRIVATE)}-{chr(_PRIVATE + 0x7FF)}]")
_RE2_MEMORY: Final = 16 << 20
_OTHER_LINE_END = re.compile("[\r\u2028\u2029]")


def check(pattern: str) -> None:
    """Raises Failure where JavaScript would refuse the pattern."""
    regex_syntax.parse(units(pattern))


def _hide(text: str) -> str:
    if text.isascii():
        return text
    return _SURROGATE.sub(lambda match: chr(ord(match[0]) - 0xD800 + _PRIVATE), text)


class Matcher(Protocol):
    """Finds the first match at or after an offset; ``sticky`` allows that offset only."""

    def find(self, text: str, start: int, *, sticky: bool) -> Spans | None:
        """Spans in code units of the spread text."""


class _Automaton:
    """RE2, with a fallback for what its line anchors see differently."""

    def __init__(self, compiled: Any, fallback: "regex_machine.Machine", *, by_line: bool) -> None:
        self._compiled = compiled
        self._fallback = fallback
        self._by_line = by_line

    def find(self, text: str, start: int, *, sticky: bool) -> Spans | None:
        if self._by_line and _OTHER_LINE_END.search(text):
            return self._fallback.find(text, start, sticky=sticky)
        engine = self._compiled
        match = engine.match(_hide(text), start) if sticky else engine.search(_hide(text), start)
        if match is None:
            return None
        spans = [match.span(group) for group in range(engine.groups + 1)]
        return [None if span[0] < 0 else span for span in spans]


@lru_cache(maxsize=256)
def _matcher(source: str, flags: str, *, captures: bool) -> tuple[Matcher, Pattern]:
    pattern = regex_syntax.parse(units(source))
    machine = regex_machine.Machine(pattern, ignore_case="i" in flags, multiline="m" in flags)
    if not pattern.linear or (captures and pattern.forgetful):
        return machine, pattern
    compiled = _compile(pattern, flags)
    if compiled is None:
        return machine, pattern
    by_line = "m" in flags and _has_anchor(pattern.root)
    return _Automaton(compiled, machine, by_line=by_line), pattern


def _compile(pattern: Pattern, flags: str) -> Any:
    """The RE2 automaton, or None if RE2 refuses the pattern for its size."""
    import re2

    options = re2.Options()
    options.max_mem = _RE2_MEMORY
    options.log_errors = False
    options.case_sensitive = "i" not in flags
    try:
        return re2.compile(("(?m)" if "m" in flags else "") + _emit(pattern.root), options)
    except re2.error:
        return None


def _has_anchor(part: Part) -> bool:
    if isinstance(part, Assertion):
        return part.kind in "^$"
    return any(_has_anchor(child) for child in regex_syntax.parts_of(part))


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


def execute(
    regex: Regex, spread: str, start: int, *, sticky: bool | None = None, captures: bool = True
) -> Spans | None:
    """The first match in a text that ``text.units`` spread; it does not look at or move ``last_index``.

    Raises:
        LimitFailure: a backtracking pattern takes too many steps.
    """
    matcher, _ = _matcher(regex.source, regex.flags, captures=captures)
    return matcher.find(spread, start, sticky="y" in regex.flags if sticky is None else sticky)


def test(regex: Regex, text: str) -> bool:
    """``regex.test(text)``, which moves ``last_index`` for the flags g and y."""
    moves = "g" in regex.flags or "y" in regex.flags
    spread = units(text)
    start = regex.last_index if moves else 0
    spans = execute(regex, spread, start, captures=False) if start <= len(spread) else None
    if moves:
        regex.last_index = 0 if spans is None or spans[0] is None else spans[0][1]
    return spans is not None


def replace(regex: Regex, text: str, replacement: str, bound: int, *, keep_index: bool) -> str:
    """``text.replace(regex, replacement)``.

    ``keep_index`` starts from and moves ``last_index``, as the method does; the filter makes a new object.

    Raises:
        LimitFailure: the result has more than ``bound`` units.
    """
    spread = units(text)
    template = units(replacement)
    captures = "$" in template
    _, pattern = _matcher(regex.source, regex.flags, captures=captures)
    sticky = "y" in regex.flags
    everywhere = "g" in regex.flags
    start = regex.last_index if keep_index and sticky and not everywhere else 0
    parts: list[str] = []
    size = copied = 0
    last = 0
    while start <= len(spread):
        spans = execute(regex, spread, start, captures=captures)
        if spans is None or spans[0] is None:
            last = 0
            break
        begin, end = spans[0]
        last = end
        parts += [spread[copied:begin], expand(template, spread, spans, pattern.names)]
        size += len(parts[-1]) + len(parts[-2])
        if size > bound:
            raise LimitFailure("scratch", bound)
        copied = end
        start = end + 1 if end == begin else end
        if not everywhere:
            break
    if keep_index and (sticky or everywhere):
        regex.last_index = last if sticky and not everywhere else 0
    parts.append(spread[copied:])
    return fuse("".join(parts))


_REFERENCE = re.compile(r"\$(?:(\$)|(&)|(`)|(')|([0-9]{1,2})|<([^>]*)>)")


def expand(template: str, spread: str, spans: Spans, names: dict[str, int]) -> str:
    """The replacement text with ``$1``, ``$&``, ``$<name>`` and the like filled in."""
    if "$" not in template:
        return template
    begin, end = spans[0] or (0, 0)

    def group(number: int) -> str:
        span = spans[number]
        return "" if span is None else spread[span[0] : span[1]]

    def fill(match: re.Match[str]) -> str:
        if match[1]:
            return "$"
        if match[2]:
            return spread[begin:end]
        if match[3]:
            return spread[:begin]
        if match[4]:
            return spread[end:]
        if match[5]:
            filled = _numbered(match[5], len(spans) - 1, group)
            return match[0] if filled is None else filled
        if not names:
            return match[0]
        return group(names[match[6]]) if match[6] in names else ""

    return _REFERENCE.sub(fill, template)


def _numbered(digits: str, groups: int, group: Callable[[int], str]) -> str | None:
    """The group of a one or two digit number, with the digit that does not belong to it; None if there is none."""
    for used in (digits, digits[:1]):
        if 1 <= int(used) <= groups:
            return group(int(used)) + digits[len(used) :]
    return None


def split(regex: Regex, text: str, limit: int) -> list[str | None]:
    """``text.split(regex, limit)``; a group that took no part is None."""
    if limit == 0:
        return []
    spread = units(text)
    if not spread:
        return [] if execute(regex, spread, 0, sticky=True) is not None else [text]
    pieces: list[str | None] = []
    copied = position = 0
    while position < len(spread):
        spans = execute(regex, spread, position, sticky=False if "y" not in regex.flags else None)
        if spans is None or spans[0] is None:
            if "y" in regex.flags:
                position += 1
                continue
            break
        begin, end = spans[0]
        if begin >= len(spread):
            break
        if end == copied:
            position += 1
            continue
        pieces.append(fuse(spread[copied:begin]))
        if len(pieces) == limit:
            return pieces
        copied = end
        for span in spans[1:]:
            pieces.append(None if span is None else fuse(spread[span[0] : span[1]]))
            if len(pieces) == limit:
                return pieces
        position = max(end, begin + 1) if end == begin else end
    pieces.append(fuse(spread[copied:]))
    return pieces


def require_string(kind: str) -> Failure:
    """The failure for replacing with a pattern in something that is not text."""
    return Failure(f"Replacing by a regular expression needs text, not {kind}")
