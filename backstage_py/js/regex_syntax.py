r"""JavaScript's regular expressions as a tree: the grammar with the flag u, or without it and with its web legacy.

The legacy is Annex B of ECMAScript. With the flag, characters are code points, properties such as ``\p{L}`` are known,
and what the legacy lets pass is an error.
"""

import re
from typing import Final, NamedTuple, NoReturn

from backstage_py.js import budget
from backstage_py.js.errors import Failure
from backstage_py.js.regex_properties import property_ranges
from backstage_py.js.text import WHITESPACE, fuse

Range = tuple[int, int]
"""First and last code."""

DIGIT: Final = ((0x30, 0x39),)
WORD: Final = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
SPACE: Final = tuple((ord(character), ord(character)) for character in sorted(WHITESPACE))
LINE_ENDS: Final = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))
_LAST = 0x10FFFF
_MAX_DEPTH = 100
_MAX_LENGTH = 100_000  # its tree takes a thousand times that in bytes; JavaScript engines refuse large ones too
_CLASSES = {"d": DIGIT, "w": WORD, "s": SPACE}
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13}
_STEPS_PER_CHARACTER = 20
_QUANTIFIER = re.compile(r"(?:[*+?]|\{([0-9]+)(,([0-9]*))?\})")
_PROPERTY = re.compile(r"\{(?:(\w+)=)?(\w+)\}", re.ASCII)
_CODE_POINT = re.compile(r"\{0*([0-9A-Fa-f]{1,6})\}")
_HEX = {"x": re.compile("[0-9A-Fa-f]{2}"), "u": re.compile("[0-9A-Fa-f]{4}")}
_SYNTAX_CHARACTERS = frozenset("^$\\.*+?()[]{}|/")
_HIGH_SURROGATES = range(0xD800, 0xDC00)
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*>")
MANY: Final = -1


class Chars(NamedTuple):
    """One code unit in ranges, or outside of them; what a character, a class and ``.`` become."""

    ranges: tuple[Range, ...]
    negated: bool = False


class Sequence(NamedTuple):
    """Parts in a row."""

    parts: tuple["Part", ...]


class Choice(NamedTuple):
    """Alternatives in order of preference."""

    options: tuple["Part", ...]


class Group(NamedTuple):
    """A capture; numbers start at 1."""

    number: int
    body: "Part"


class Repeat(NamedTuple):
    """A quantifier; ``most`` may be MANY. ``groups`` are the captures inside, which each round forgets."""

    body: "Part"
    least: int
    most: int
    greedy: bool
    groups: range


class Assertion(NamedTuple):
    """``^``, ``$``, ``b`` or ``B``."""

    kind: str


class Look(NamedTuple):
    """Lookahead or lookbehind."""

    body: "Part"
    behind: bool
    negated: bool


class Back(NamedTuple):
    """A backreference."""

    group: int


Part = Chars | Sequence | Choice | Group | Repeat | Assertion | Look | Back


class Pattern(NamedTuple):
    """A parsed pattern.

    ``unicode`` says that codes are code points, not UTF-16 code units.
    ``linear`` says whether an automaton can match it: it has no lookaround, backreference or very large count.
    ``forgetful`` says that a repetition may leave out a group that an earlier round captured; JavaScript forgets such
    a capture, RE2 keeps it.
    """

    root: Part
    groups: int
    names: dict[str, int]
    linear: bool
    forgetful: bool
    unicode: bool


def negate(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    """All code points outside the ranges."""
    result = []
    start = 0
    for low, high in sorted(ranges):
        if low > start:
            result.append((start, low - 1))
        start = max(start, high + 1)
    if start <= _LAST:
        result.append((start, _LAST))
    return tuple(result)


class _Parser:
    def __init__(self, pattern: str, *, unicode: bool) -> None:
        self.pattern = pattern
        self.unicode = unicode
        self.index = 0
        self.groups = 0
        self.depth = 0
        self.names: dict[str, int] = {}
        self.linear = True
        self.total, self.named = _count_groups(pattern)
        self.wanted: list[str] = []

    def parse(self) -> Pattern:
        root = self.choice()
        if self.index < len(self.pattern):
            self.fail("a closing parenthesis has no opening one")
        if any(name not in self.names for name in self.wanted):
            self.fail("a named backreference has no group")
        return Pattern(root, self.groups, self.names, self.linear, _forgets(root), self.unicode)

    def fail(self, problem: str) -> NoReturn:
        raise Failure(f"The regular expression is invalid: {problem}", syntax=True)

    def choice(self) -> Part:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            self.fail(f"it is nested more than {_MAX_DEPTH} levels deep")
        options = [self.sequence()]
        while self.pattern.startswith("|", self.index):
            self.index += 1
            options.append(self.sequence())
        self.depth -= 1
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def sequence(self) -> Part:
        parts: list[Part] = []
        while self.index < len(self.pattern) and self.pattern[self.index] not in "|)":
            first = self.groups + 1
            parts.append(self.quantified(self.term(), first))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def quantified(self, part: Part, first: int) -> Part:
        match = _QUANTIFIER.match(self.pattern, self.index)
        if match is None:
            return part
        if isinstance(part, Assertion) or (isinstance(part, Look) and (part.behind or self.unicode)):
            self.fail("there is nothing to repeat")
        self.index = match.end()
        greedy = not self.pattern.startswith("?", self.index)
        self.index += 0 if greedy else 1
        least, most = self.bounds(match)
        if _QUANTIFIER.match(self.pattern, self.index):
            self.fail("there is nothing to repeat")
        return Repeat(part, least, most, greedy, range(first, self.groups + 1))

    def bounds(self, match: re.Match[str]) -> tuple[int, int]:
        simple = {"*": (0, MANY), "+": (1, MANY), "?": (0, 1)}.get(match[0])
        if simple is not None:
            return simple
        least = min(int(match[1][:9]), 10**6)
        most = least if match[2] is None else MANY if not match[3] else min(int(match[3][:9]), 10**6)
        if most != MANY and most < least:
            self.fail("the numbers of a quantifier are out of order")
        if max(least, most) > 1000:  # noqa: PLR2004 - RE2's limit
            self.linear = False
        return least, most

    def term(self) -> Part:
        character = self.pattern[self.index]
        self.index += 1
        if character in "^$":
            return Assertion(character)
        if character == ".":
            return Chars(LINE_ENDS, negated=True)
        if character == "(":
            return self.group()
        if character == "[":
            return self.character_class()
        if character == "\\":
            return self.escape()
        if character in "*+?" or (character == "{" and _QUANTIFIER.match(self.pattern, self.index - 1)):
            self.fail("there is nothing to repeat")
        if self.unicode and character in "{}]":
            self.fail("a bracket stands alone")
        return _single(ord(character))

    def group(self) -> Part:
        for opening, behind, negated in (("?=", 0, 0), ("?!", 0, 1), ("?<=", 1, 0), ("?<!", 1, 1)):
            if self.pattern.startswith(opening, self.index):
                self.index += len(opening)
                self.linear = False
                return Look(self.closed(), bool(behind), bool(negated))
        if self.pattern.startswith("?:", self.index):
            self.index += 2
            return self.closed()
        if self.pattern.startswith("?", self.index):
            name = _NAME.match(self.pattern, self.index + 2)
            if not self.pattern.startswith("?<", self.index) or name is None:
                self.fail("a group begins with an unknown mark")
            if name[0][:-1] in self.names:
                self.fail("two groups have the same name")
            self.index = name.end()
            self.names[name[0][:-1]] = self.groups + 1
        self.groups += 1
        number = self.groups
        return Group(number, self.closed())

    def closed(self) -> Part:
        body = self.choice()
        if not self.pattern.startswith(")", self.index):
            self.fail("a group is not closed")
        self.index += 1
        return body

    def escape(self) -> Part:
        if self.index >= len(self.pattern):
            self.fail("it ends with a backslash")
        character = self.pattern[self.index]
        if character in "bB":
            self.index += 1
            return Assertion(character)
        if character in "123456789":
            digits = re.compile("[0-9]+").match(self.pattern, self.index)
            if digits is not None and len(digits[0]) < 6 and int(digits[0]) <= self.total:  # noqa: PLR2004 - plenty
                self.index = digits.end()
                self.linear = False
                return Back(int(digits[0]))
            self.refuse_legacy("a backreference has no group")
        if character == "k" and (self.named or self.unicode):
            name = _NAME.match(self.pattern, self.index + 2)
            if not self.pattern.startswith("k<", self.index) or name is None:
                self.fail("a named backreference has no name")
            self.index = name.end()
            self.linear = False
            self.wanted.append(name[0][:-1])
            return Back(self._group_of(name[0][:-1]))
        return Chars(self.class_escape())

    def _group_of(self, name: str) -> int:
        if name in self.names:
            return self.names[name]
        before = self.pattern.find(f"(?<{name}>")
        return _count_groups(self.pattern[:before])[0] + 1 if before >= 0 else 0

    def class_escape(self) -> tuple[Range, ...]:
        """What an escape stands for, in a class or outside of one."""
        character = self.pattern[self.index]
        self.index += 1
        if self.unicode and character in "pP":
            return self.property(character)
        known = _CLASSES.get(character.lower())
        if known is not None:
            return known if character.islower() else negate(known)
        code = _CONTROLS.get(character)
        if code is None:
            code = self.coded(character)
        return ((code, code),)

    def refuse_legacy(self, problem: str) -> None:
        """Fails with the flag u; without it, what the problem tells of is read in another way."""
        if self.unicode:
            self.fail(problem)

    def property(self, name: str) -> tuple[Range, ...]:
        match = _PROPERTY.match(self.pattern, self.index)
        if match is None:
            self.fail(f"\\{name} has no property")
        self.index = match.end()
        ranges = property_ranges(match[1], match[2])
        return ranges if name == "p" else negate(ranges)

    def coded(self, character: str) -> int:
        rest = self.pattern
        if character == "c":
            letter = rest[self.index : self.index + 1]
            if letter.isascii() and letter.isalpha():
                self.index += 1
                return ord(letter) % 32
            self.refuse_legacy("\\c has no letter")
            self.index -= 1
            return 0x5C
        if character in "xu":
            return self.hexadecimal(character)
        if character in "01234567":
            return self.octal()
        if self.unicode and character not in _SYNTAX_CHARACTERS:
            self.fail("a backslash stands before a character that needs none")
        return ord(character)

    def hexadecimal(self, kind: str) -> int:
        """What follows an escaped x or u; the letter itself if that is no number."""
        point = _CODE_POINT.match(self.pattern, self.index) if self.unicode and kind == "u" else None
        if point is not None and int(point[1], 16) <= _LAST:
            self.index = point.end()
            return int(point[1], 16)
        match = _HEX[kind].match(self.pattern, self.index)
        if match is None:
            self.refuse_legacy(f"\\{kind} has no hexadecimal number")
            return ord(kind)
        self.index = match.end()
        code = int(match[0], 16)
        if self.unicode and kind == "u" and code in _HIGH_SURROGATES and self.pattern.startswith("\\u", self.index):
            second = _HEX[kind].match(self.pattern, self.index + 2)
            pair = fuse(chr(code) + chr(int(second[0], 16))) if second is not None else ""
            if second is not None and len(pair) == 1:
                self.index = second.end()
                return ord(pair)
        return code

    def octal(self) -> int:
        match = re.compile("[0-3][0-7]{0,2}|[4-7][0-7]?").match(self.pattern, self.index - 1)
        if match is None:  # pragma: no cover - the caller saw a digit
            raise AssertionError(self.pattern)
        if self.unicode and (match[0] != "0" or self.pattern[match.end() : match.end() + 1].isdigit()):
            self.fail("an octal escape is not allowed")
        self.index = match.end()
        return int(match[0], 8)

    def character_class(self) -> Chars:
        negated = self.pattern.startswith("^", self.index)
        self.index += 1 if negated else 0
        ranges: list[Range] = []
        while True:
            if self.index >= len(self.pattern):
                self.fail("a class is not closed")
            if self.pattern[self.index] == "]":
                self.index += 1
                break
            first = self.class_atom()
            if self.pattern.startswith("-", self.index) and not self.pattern.startswith("-]", self.index):
                self.class_range(first, ranges)
            else:
                ranges.extend(first)
        return Chars(tuple(ranges), negated)

    def class_range(self, first: tuple[Range, ...], ranges: list[Range]) -> None:
        self.index += 1
        if self.index >= len(self.pattern):
            self.fail("a class is not closed")
        last = self.class_atom()
        if _is_single(first) and _is_single(last):
            if first[0][0] > last[0][0]:
                self.fail("a range of a class is out of order")
            ranges.append((first[0][0], last[0][0]))
        else:
            self.refuse_legacy("a range of a class begins or ends with a class")
            ranges.extend((*first, (0x2D, 0x2D), *last))

    def class_atom(self) -> tuple[Range, ...]:
        character = self.pattern[self.index]
        self.index += 1
        if character != "\\":
            return ((ord(character), ord(character)),)
        if self.index >= len(self.pattern):
            self.fail("it ends with a backslash")
        if self.pattern[self.index] == "b":
            self.index += 1
            return ((8, 8),)
        if self.pattern[self.index] == "-" and self.unicode:
            self.index += 1
            return ((0x2D, 0x2D),)
        return self.class_escape()


def _forgets(part: Part) -> bool:
    if isinstance(part, Repeat) and len(part.groups) and part.most not in {0, 1}:
        return _may_be_empty(part.body) or _has_optional_group(part.body)
    return any(_forgets(child) for child in parts_of(part))


def _has_optional_group(part: Part) -> bool:
    if isinstance(part, Choice) or (isinstance(part, Repeat) and part.least == 0):
        return _has_group(part)
    return any(_has_optional_group(child) for child in parts_of(part))


def _has_group(part: Part) -> bool:
    return isinstance(part, Group) or any(_has_group(child) for child in parts_of(part))


def _may_be_empty(part: Part) -> bool:
    if isinstance(part, Chars):
        return False
    if isinstance(part, Choice):
        return any(_may_be_empty(option) for option in part.options)
    if isinstance(part, Repeat) and part.least == 0:
        return True
    if isinstance(part, Sequence | Group | Repeat):
        return all(_may_be_empty(child) for child in parts_of(part))
    return True


def parts_of(part: Part) -> tuple[Part, ...]:
    """The parts directly inside a part."""
    if isinstance(part, Sequence):
        return part.parts
    if isinstance(part, Choice):
        return part.options
    return (part.body,) if isinstance(part, Group | Repeat | Look) else ()


def _single(code: int) -> Chars:
    return Chars(((code, code),))


def _is_single(ranges: tuple[Range, ...]) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


def _count_groups(pattern: str) -> tuple[int, bool]:
    """How many captures a pattern has, and whether one of them has a name."""
    bare = re.sub(r"\\[\s\S]|\[(?:\\[\s\S]|[^\]\\])*\]?", "", pattern)
    named = len(re.findall(r"\(\?<[^=!]", bare))
    return len(re.findall(r"\((?!\?)", bare)) + named, named > 0


def parse(pattern: str, *, unicode: bool = False) -> Pattern:
    """Parses a pattern.

    Args:
        pattern: its characters are UTF-16 code units, with ``unicode`` code points.
        unicode: with the flag u.

    Raises:
        Failure: JavaScript refuses it too; or it names a property that is not known here, or is too long.
        Exceeded: the budget has no room for it; a pattern takes memory as long as it is remembered.
    """
    if drawn := budget.current.get():
        drawn.spend(regex=len(pattern) * _STEPS_PER_CHARACTER)
    if len(pattern) > _MAX_LENGTH:
        raise Failure(f"The regular expression is invalid: it has more than {_MAX_LENGTH} characters", syntax=True)
    return _Parser(pattern, unicode=unicode).parse()
