"""A backtracking matcher for the patterns that no automaton can match.

The pattern becomes a list of instructions; the machine keeps its choices on a stack of its own, so that neither time
nor memory depends on Python's recursion. Each instruction counts one step. The steps of one walk over a text's matches
are bounded.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any, Final, NoReturn

from backstage_py.js import budget, regex_syntax
from backstage_py.js.errors import MAX_STEPS, Failure, LimitFailure
from backstage_py.js.regex_syntax import (
    MANY,
    WORD,
    Assertion,
    Back,
    Chars,
    Choice,
    Group,
    Look,
    Part,
    Pattern,
    Repeat,
    Sequence,
)

_PROGRAM: Final = 50_000
_MANY_RANGES: Final = 8
_LARGE_CLASS: Final = 0x3000
"""Larger classes are not folded as a whole; each character is tried in its forms."""
Spans = list[tuple[int, int] | None]
Instruction = tuple[str, Any, Any]
"""An operation with its operands, whose types the operation decides."""


def fold(character: str) -> str:
    """JavaScript's canonical form for the flag i: upper case where that is one unit and stays outside ASCII."""
    upper = character.upper()
    if len(upper) != 1 or (ord(character) >= 128 and ord(upper) < 128):  # noqa: PLR2004 - ASCII
        return character
    return upper


class Machine:
    """A compiled pattern."""

    def __init__(self, pattern: Pattern, *, ignore_case: bool, multiline: bool, steps: int = MAX_STEPS) -> None:
        self._pattern = pattern
        self._steps = steps
        self._once = not multiline and _begins_the_text(pattern.root)
        self._ignore_case = ignore_case
        self._multiline = multiline
        self._program: list[Instruction] | None = None

    def matches(self, text: str, start: int) -> Iterator[Spans]:
        """All matches from an offset on; behind an empty one the search goes on a character further.

        Raises:
            LimitFailure: they take too many steps together.
        """
        if self._program is None:
            self._program = _Compiler(backward=False, ignore_case=self._ignore_case).compile(self._pattern.root)
        search = _Search(text, ignore_case=self._ignore_case, multiline=self._multiline, steps=self._steps)
        begin = start
        try:
            while begin <= len(text):
                groups: Spans = [None] * (self._pattern.groups + 1)
                end = search.run(self._program, begin, groups)
                if end is not None:
                    yield [(begin, end), *groups[1:]]
                if self._once:
                    return
                begin = begin + 1 if end is None or end == begin else end
        finally:
            search.settle()

    def found(self, text: str) -> bool:
        """Whether there is a match.

        Raises:
            LimitFailure: the search takes too many steps.
        """
        return next(self.matches(text, 0), None) is not None


class _Search:
    """One search in one text, with the steps that are left for it."""

    def __init__(self, text: str, *, ignore_case: bool, multiline: bool, steps: int) -> None:
        self._text = text
        self._ignore_case = ignore_case
        self._multiline = multiline
        self._steps = self._left = self._most = steps
        self._budget = budget.current.get()
        if self._budget and self._budget.regex < steps:
            self._left = self._most = max(self._budget.regex, 0)

    def settle(self) -> None:
        """Take the steps out of the budget."""
        if self._budget:
            self._budget.regex -= self._most - self._left

    def _refuse(self) -> NoReturn:
        if self._budget and self._most < self._steps:
            self._budget.spend(regex=self._most + 1)
        raise LimitFailure("regex", self._steps)

    def run(self, program: list[Instruction], position: int, groups: Spans) -> int | None:
        """The end of a match that begins at the position, its captures in ``groups``; None if there is none."""
        text = self._text
        stack: list[tuple[int, int, Spans, tuple[int, ...]]] = [(0, position, groups, ())]
        while stack:
            counter, position, captured, marks = stack.pop()
            state = list(captured)
            while True:
                self._left -= 1
                if self._left < 0:
                    self._refuse()
                operation, first, second = program[counter]
                counter += 1
                if operation == "match":
                    groups[:] = state
                    return position
                if operation == "chars":
                    step, test = first, second
                    index = position if step == 1 else position - 1
                    if not 0 <= index < len(text) or not test(text[index]):
                        break
                    position += step
                elif operation == "split":
                    stack.append((second, position, list(state), marks))
                    counter = first
                elif operation == "jump":
                    counter = first
                elif operation == "mark":
                    marks = (*marks, position)
                elif operation == "moved":
                    if first and marks[-1] == position:
                        break
                    marks = marks[:-1]
                elif operation == "forget":
                    for number in first:
                        state[number] = None
                elif operation == "open":
                    state[first] = (position, position)
                    marks = (*marks, position)
                elif operation == "close":
                    state[first] = (min(marks[-1], position), max(marks[-1], position))
                    marks = marks[:-1]
                elif operation == "assert":
                    if not self._holds(first, position):
                        break
                elif operation == "look":
                    found = list(state)
                    end = self.run(first, position, found)
                    if (end is None) is not second:
                        break
                    if not second:
                        state = found
                else:
                    moved = self._back(position, state[first], second)
                    if moved is None:
                        break
                    position = moved
        return None

    def _back(self, position: int, span: tuple[int, int] | None, step: int) -> int | None:
        text = self._text
        if span is None:
            return position
        wanted = text[span[0] : span[1]]
        begin = position if step == 1 else position - len(wanted)
        if begin < 0:
            return None
        there = text[begin : begin + len(wanted)]
        self._left -= len(wanted)
        if self._ignore_case:
            there, wanted = "".join(map(fold, there)), "".join(map(fold, wanted))
        return position + step * (span[1] - span[0]) if there == wanted else None

    def _holds(self, kind: str, position: int) -> bool:
        text = self._text
        if kind == "^":
            return position == 0 or (self._multiline and text[position - 1] in "\n\r\u2028\u2029")
        if kind == "$":
            return position == len(text) or (self._multiline and text[position] in "\n\r\u2028\u2029")
        at_edge = _is_word(text, position - 1) is not _is_word(text, position)
        return at_edge is (kind == "b")


def _begins_the_text(part: Part) -> bool:
    """Whether a match can only begin where the text does."""
    if isinstance(part, Choice):
        return all(_begins_the_text(option) for option in part.options)
    if isinstance(part, Sequence | Group):
        children = regex_syntax.parts_of(part)
        return bool(children) and _begins_the_text(children[0])
    return isinstance(part, Assertion) and part.kind == "^"


def _is_word(text: str, index: int) -> bool:
    return 0 <= index < len(text) and _inside(WORD, ord(text[index]))


def _inside(ranges: tuple[regex_syntax.Range, ...], code: int) -> bool:
    return any(low <= code <= high for low, high in ranges)


class _Compiler:
    def __init__(self, *, backward: bool, ignore_case: bool) -> None:
        self.program: list[Instruction] = []
        self.step = -1 if backward else 1
        self.ignore_case = ignore_case

    def compile(self, root: Part) -> list[Instruction]:
        self.emit(root)
        self.add("match")
        return self.program

    def add(self, operation: str, first: Any = None, second: Any = None) -> int:
        if len(self.program) >= _PROGRAM:
            raise Failure("The regular expression is too large")
        self.program.append((operation, first, second))
        return len(self.program) - 1

    def emit(self, part: Part) -> None:
        if isinstance(part, Chars):
            self.add("chars", self.step, self.predicate(part))
        elif isinstance(part, Sequence):
            for child in part.parts if self.step == 1 else reversed(part.parts):
                self.emit(child)
        elif isinstance(part, Choice):
            self.choice(part)
        elif isinstance(part, Group):
            self.add("open", part.number)
            self.emit(part.body)
            self.add("close", part.number)
        elif isinstance(part, Repeat):
            self.repeat(part)
        elif isinstance(part, Assertion):
            self.add("assert", part.kind)
        elif isinstance(part, Look):
            inner = _Compiler(backward=part.behind, ignore_case=self.ignore_case).compile(part.body)
            self.add("look", inner, part.negated)
        elif isinstance(part, Back):
            self.add("back", part.group, self.step)

    def predicate(self, part: Chars) -> Callable[[str], bool]:
        ranges, negated = part.ranges, part.negated
        if not self.ignore_case:
            if len(ranges) > _MANY_RANGES:
                edges = _edges(ranges)
                return lambda character: (bisect_right(edges, ord(character)) % 2 == 1) is not negated
            return lambda character: _inside(ranges, ord(character)) is not negated
        if sum(high - low + 1 for low, high in ranges) > _LARGE_CLASS:
            return lambda character: any(_inside(ranges, ord(form)) for form in _forms(character)) is not negated
        folded = frozenset(fold(chr(code)) for low, high in ranges for code in range(low, high + 1))
        return lambda character: (fold(character) in folded) is not negated

    def choice(self, part: Choice) -> None:
        jumps = []
        for index, option in enumerate(part.options):
            if index == len(part.options) - 1:
                self.emit(option)
                break
            split = self.add("split")
            self.emit(option)
            jumps.append(self.add("jump"))
            self.program[split] = ("split", split + 1, len(self.program))
        for jump in jumps:
            self.program[jump] = ("jump", len(self.program), None)

    def repeat(self, part: Repeat) -> None:
        for _ in range(part.least):
            self.round(part, may_be_empty=True)
        if part.most == MANY:
            split = self.add("split")
            self.round(part, may_be_empty=False)
            self.add("jump", split)
            self.program[split] = self.split(part, split + 1, len(self.program))
            return
        splits = []
        for _ in range(part.most - part.least):
            splits.append(self.add("split"))
            self.round(part, may_be_empty=False)
        for split in splits:
            self.program[split] = self.split(part, split + 1, len(self.program))

    def split(self, part: Repeat, inside: int, outside: int) -> Instruction:
        return ("split", inside, outside) if part.greedy else ("split", outside, inside)

    def round(self, part: Repeat, *, may_be_empty: bool) -> None:
        if isinstance(part.body, Chars):  # it has no group, and always moves
            self.emit(part.body)
            return
        self.add("forget", part.groups)
        self.add("mark")
        self.emit(part.body)
        self.add("moved", not may_be_empty)


def _edges(ranges: tuple[regex_syntax.Range, ...]) -> list[int]:
    """Where membership changes, in order: a code is inside behind an odd number of edges."""
    edges: list[int] = []
    for low, high in sorted(ranges):
        if edges and low <= edges[-1]:
            edges[-1] = max(edges[-1], high + 1)
        else:
            edges += [low, high + 1]
    return edges


def _forms(character: str) -> tuple[str, ...]:
    lower = character.lower()
    return (character, fold(character), lower if len(lower) == 1 else character)
