"""One level of a glob pattern, as a regular expression for RE2: stars, sets, ranges and extended globs."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_NOT_LITERAL = re.compile(r"[-*+?.^${}(|)\[\]]")
_NAMES_A_DOT = re.compile(r"\.|\[\.\]|[@+*?]\((?:[^)]*\|)?\.")
_DOTS = frozenset({".", ".."})
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
class Style:
    """Where the packages differ, and what Backstage asks of them.

    Attributes:
        dot: stars take names that start with a dot.
        ignore_case: capitals are not told apart.
        literal_sets: ``[x]`` also names what is spelled so, as ``micromatch`` has it and ``minimatch`` has not.
    """

    dot: bool = True
    ignore_case: bool = False
    literal_sets: bool = True

    def skips(self, name: str) -> bool:
        """Tell whether ``**`` passes over a name."""
        return name in _DOTS or (not self.dot and name.startswith("."))


@dataclass(frozen=True, slots=True)
class Level:
    """What one level of a path must be: ``wanted`` matches all of it and ``unwanted`` does not."""

    text: str
    style: Style
    wanted: Any
    unwanted: Any | None = None

    def matches(self, name: str) -> bool:
        """Tell whether a name of one level is meant."""
        if name in _DOTS:
            return name == self.text
        if self.style.skips(name) and not _NAMES_A_DOT.match(self.text):
            return False
        return bool(self.wanted.fullmatch(name)) and not (self.unwanted and self.unwanted.fullmatch(name))


@lru_cache(maxsize=2_048)
def level(text: str, style: Style) -> Level:
    """Return one level of a pattern, without braces, ready to match."""
    import re2

    flags = "(?si)" if style.ignore_case else "(?s)"
    wanted, refused = _Translation(text, style).run()
    try:
        compiled = re2.compile(flags + wanted)
        return Level(text, style, compiled, re2.compile(flags + refused) if refused is not None else None)
    except re2.error:  # such as [z-a], which names nothing
        return Level(text, style, re2.compile(r"[^\s\S]"))


class _Translation:
    """One level of a pattern as a regular expression, and as what ``!(…)`` in it forbids."""

    def __init__(self, text: str, style: Style) -> None:
        self._text = text
        self._style = style
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
        if negated or not self._style.literal_sets or _NOT_LITERAL.search(body):
            return expression
        return f"(?:{re.escape(f'[{body}]')}|{expression})"
