"""Glob patterns as ``globby`` 11 reads them, over entries that are known already.

Backstage gives patterns to globby, which expands folders, gives braces to ``braces`` and the rest to ``fast-glob``
and ``micromatch``. What is followed here, held by a test against the packages: names that start with a dot count,
``./`` at the start is nothing, a bare folder means all below it, ``*`` stays in one level and ``**`` does not, sets,
ranges, extended globs, and ``!pattern`` for the patterns before it. A pattern is matched level by level with RE2, so
a hostile one costs no more than a long one.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from backstage_py.errors import InputError

_LONGEST = 1_000
_MOST_EXPANDED = 1_000
_MAGIC = re.compile(r"[*?\[{]|[@!+]\(|\(.*\|.*\)")
_NOT_LITERAL = re.compile(r"[-*+?.^${}(|)\[\]]")
_EXTENDED = {"@": "", "?": "?", "*": "*", "+": "+"}
_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "ascii": r"\x00-\x7F",
    "blank": r" \t",
    "digit": "0-9",
    "lower": "a-z",
    "punct": r"\-!\"#$%&'()\*+,./:;<=>?@\[\]^_`{|}~",
    "space": r" \t\r\n\v\f",
    "upper": "A-Z",
    "word": "A-Za-z0-9_",
    "xdigit": "A-Fa-f0-9",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder by its path with ``/``, relative to where the patterns start."""

    path: str
    is_folder: bool


@dataclass(frozen=True, slots=True)
class _Level:
    """What one level of a path must be: ``wanted`` matches all of it and ``unwanted`` does not."""

    wanted: Any
    unwanted: Any | None = None

    def matches(self, name: str) -> bool:
        return bool(self.wanted.fullmatch(name)) and not (self.unwanted and self.unwanted.fullmatch(name))


@dataclass(frozen=True, slots=True)
class _Glob:
    """A pattern without braces; None stands for ``**``. ``base`` is the folder that is searched."""

    base: str
    levels: tuple[_Level | None, ...]

    def matches(self, entry: Entry) -> bool:
        return self.names(entry) or (entry.is_folder and _match(self.levels, [*entry.path.split("/"), ""]))

    def names(self, entry: Entry) -> bool:
        """Tell whether the path as it is matches; a folder may also match with a slash at its end."""
        return _match(self.levels, entry.path.split("/"))

    def may_reach(self, path: str) -> bool:
        """Tell whether the search comes by: only what is below the base is looked at, not the base itself."""
        return not self.base or path.startswith(f"{self.base}/")


def select(
    patterns: Sequence[str], entries: Sequence[Entry], *, is_folder: Callable[[str], bool] | None = None
) -> set[str]:
    """Return the paths of the entries that the patterns name.

    ``is_folder`` tells whether a pattern, taken as a path, is a folder; by default the entries are asked.

    Raises:
        InputError: a pattern is longer than 1,000 characters or stands for more than 1,000 others.
    """
    folders = {entry.path for entry in entries if entry.is_folder} | {"", "."}
    ask = is_folder or (lambda path: path.rstrip("/") in folders)
    found: set[str] = set()
    for index, pattern in enumerate(patterns):
        if pattern.startswith("!"):
            continue
        refused = [glob for p in patterns[index:] if p.startswith("!") for glob in _globs(p[1:])]
        expanded = f"{pattern.rstrip('/')}/**" if ask(_without_dot(pattern)) else pattern
        for glob in _globs(expanded):
            found.update(_selected(glob, refused, entries))
    return found


def _selected(glob: _Glob, refused: Sequence[_Glob], entries: Iterable[Entry]) -> Iterator[str]:
    closed: set[str] = set()
    for entry in sorted(entries, key=lambda entry: entry.path.count("/")):
        if not glob.may_reach(entry.path):
            continue
        is_closed = entry.path.rpartition("/")[0] in closed
        if entry.is_folder and (is_closed or any(other.names(entry) for other in refused)):
            closed.add(entry.path)
        if is_closed or any(other.matches(entry) for other in refused):
            continue
        if glob.matches(entry):
            yield entry.path


@lru_cache(maxsize=512)
def _globs(pattern: str) -> tuple[_Glob, ...]:
    if len(pattern) > _LONGEST:
        raise InputError(f"The glob pattern '{pattern[:40]}…' is longer than {_LONGEST} characters")
    return tuple(_glob(expanded) for expanded in dict.fromkeys(expand_braces(pattern)))


def _glob(pattern: str) -> _Glob:
    segments = re.sub(r"/{2,}", "/", _without_dot(pattern)).split("/")
    fixed = []
    for segment in segments[:-1]:
        if _MAGIC.search(segment):
            break
        fixed.append(_unescaped(segment))
    levels = tuple(None if segment == "**" else _level(segment) for segment in segments)
    return _Glob("/".join(fixed), levels)


def _match(levels: Sequence[_Level | None], names: Sequence[str]) -> bool:
    """Match level by level; ``**`` may take any number of levels, also none.

    At the end of a longer pattern it takes at least one, where the slash at the end of a folder counts.
    """
    if len(levels) > 1 and levels[-1] is None and any(level is not None for level in levels):
        end = len(levels) - 1
        return any(_match(levels[:end], names[:cut]) for cut in range(len(names)))
    reachable = {0}
    for name in names:
        following: set[int] = set()
        for at in _through_stars(levels, reachable):
            if at == len(levels):
                continue
            level = levels[at]
            if level is None:
                if name:
                    following.add(at)
            elif level.matches(name):
                following.add(at + 1)
        reachable = following
        if not reachable:
            return False
    return len(levels) in _through_stars(levels, reachable)


def _through_stars(levels: Sequence[_Level | None], reachable: set[int]) -> set[int]:
    passed = set(reachable)
    for at in sorted(reachable):
        following = at
        while following < len(levels) and levels[following] is None:
            following += 1
            passed.add(following)
    return passed


@lru_cache(maxsize=2_048)
def _level(segment: str) -> _Level:
    import re2

    wanted, refused = _Translation(segment).run()
    return _Level(re2.compile(f"(?s){wanted}"), re2.compile(f"(?s){refused}") if refused is not None else None)


class _Translation:
    """One level of a pattern as a regular expression, and as what ``!(…)`` in it forbids."""

    def __init__(self, segment: str) -> None:
        self._text = segment
        self._at = 0
        self._forbids = False

    def run(self) -> tuple[str, str | None]:
        parts = self._sequence(until="")
        wanted = "".join(part if isinstance(part, str) else "[^/]*" for part in parts)
        if self._text and wanted.replace("[^/]*", "") == "":
            wanted = "[^/]+"
        if not self._forbids:
            return wanted, None
        return wanted, "".join(part if isinstance(part, str) else part[0] for part in parts)

    def _sequence(self, until: str) -> list[str | tuple[str]]:
        parts: list[str | tuple[str]] = []
        while self._at < len(self._text) and self._text[self._at] not in until:
            parts.append(self._part())
        return parts

    def _part(self) -> str | tuple[str]:
        char = self._text[self._at]
        following = self._text[self._at + 1 : self._at + 2]
        if following == "(" and char in "@?*+!" and ")" in self._text[self._at :]:
            self._at += 1
            return self._extended(char)
        if char == "(" and self._closes():
            return f"(?:{self._alternatives()})"
        self._at += 1
        if char == "\\":
            self._at += 1
            return re.escape(following) if following else re.escape(char)
        if char == "*":
            while self._text[self._at : self._at + 1] == "*":
                self._at += 1
            return "[^/]*"
        if char == "?":
            return "[^/]"
        if char == "[":
            return self._set()
        return re.escape(char)

    def _extended(self, kind: str) -> str | tuple[str]:
        inner = self._alternatives()
        if kind == "!":
            self._forbids = True
            return (f"(?:{inner})",)
        return f"(?:{inner}){_EXTENDED[kind]}"

    def _alternatives(self) -> str:
        self._at += 1
        options = []
        while True:
            options.append("".join(p if isinstance(p, str) else "[^/]*" for p in self._sequence(until="|)")))
            ended = self._text[self._at : self._at + 1]
            self._at += 1
            if ended != "|":
                return "|".join(options)

    def _closes(self) -> bool:
        return ")" in self._text[self._at :]

    def _set(self) -> str:
        close = self._text.find("]", self._at + (2 if self._text[self._at : self._at + 1] in {"!", "^", "]"} else 1))
        while close != -1 and self._text[close - 1] == ":" and self._text.find("]", close + 1) != -1:
            close = self._text.find("]", close + 1)
        if close == -1:
            return re.escape("[")
        body = self._text[self._at : close]
        self._at = close + 1
        negated = body[:1] in {"!", "^"}
        body = body[1:] if negated else body
        named = re.sub(r"\[:(\w+):\]", lambda found: _CLASSES.get(found[1], found[0]), body)
        plain = named if named != body else re.sub(r"([\\\[\]^])", r"\\\1", body)
        expression = f"[{'^/' if negated else ''}{plain}]"
        if negated or _NOT_LITERAL.search(body):
            return expression
        return f"(?:{re.escape(f'[{body}]')}|{expression})"


def expand_braces(pattern: str) -> list[str]:
    """Return the patterns that a pattern with ``{a,b}`` and ``{1..3}`` stands for; ``${…}`` is no brace.

    Raises:
        InputError: there are more than 1,000.
    """
    start, end = _brace(pattern)
    if start < 0:
        return [pattern]
    head, body, tail = pattern[:start], pattern[start + 1 : end], pattern[end + 1 :]
    options = _numbers(body) if (body.count(",") == 0) else _options(body)
    tails = expand_braces(tail)
    expanded = [f"{head}{inner}{rest}" for option in options for inner in expand_braces(option) for rest in tails]
    if len(expanded) > _MOST_EXPANDED:
        raise InputError(f"The glob pattern '{pattern[:40]}' stands for more than {_MOST_EXPANDED} patterns")
    return expanded


def _brace(pattern: str) -> tuple[int, int]:
    """Return where the first brace that holds a choice begins and ends, or -1."""
    stack: list[int] = []
    pairs: list[tuple[int, int]] = []
    at = 0
    while at < len(pattern):
        if pattern[at] == "\\":
            at += 2
            continue
        if pattern[at] == "{":
            stack.append(at)
        elif pattern[at] == "}" and stack:
            pairs.append((stack.pop(), at))
        at += 1
    for start, end in sorted(pairs):
        body = pattern[start + 1 : end]
        is_literal = start > 0 and pattern[start - 1] == "$"
        if not is_literal and (len(_options(body)) > 1 or _numbers(body)):
            return start, end
    return -1, -1


def _options(body: str) -> list[str]:
    options, depth, current, at = [], 0, "", 0
    while at < len(body):
        char = body[at]
        if char == "\\":
            current += body[at : at + 2]
            at += 2
            continue
        depth += (char == "{") - (char == "}")
        if char == "," and depth == 0:
            options.append(current)
            current = ""
        else:
            current += char
        at += 1
    return [*options, current]


def _numbers(body: str) -> list[str]:
    """Return what ``1..3``, ``a..c`` or ``1..9..2`` counts; nothing when it does not count."""
    found = re.fullmatch(r"(-?\d+|[A-Za-z])\.\.(-?\d+|[A-Za-z])(?:\.\.(-?\d+))?", body)
    if not found or found[1].lstrip("-").isdigit() != found[2].lstrip("-").isdigit():
        return []
    is_number = found[1].lstrip("-").isdigit()
    first, last = (int(found[1]), int(found[2])) if is_number else (ord(found[1]), ord(found[2]))
    step = max(abs(int(found[3] or 1)), 1)
    if abs(last - first) // step >= _MOST_EXPANDED:
        raise InputError(f"The range {{{body}}} in a glob pattern is longer than {_MOST_EXPANDED}")
    numbers = range(first, last + 1, step) if first <= last else range(first, last - 1, -step)
    width = max(len(found[1]), len(found[2])) if is_number and _is_padded(found[1], found[2]) else 0
    return [str(n).zfill(width) if is_number else chr(n) for n in numbers]


def _is_padded(*numbers: str) -> bool:
    return any(re.fullmatch(r"-?0\d+", number) for number in numbers)


def _without_dot(pattern: str) -> str:
    while pattern.startswith("./"):
        pattern = pattern[2:]
    return pattern


def _unescaped(segment: str) -> str:
    return re.sub(r"\\(.)", r"\1", segment)
