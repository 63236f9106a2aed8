"""Why a text is not JSON, in the words of V8's ``JSON.parse``: a client of Backstage shows them to its user."""

import re
from typing import NoReturn

from backstage_py.js.text import fuse, length, scalar, units

_WORDS = ("true", "false", "null")
_SPACE = re.compile(r"[ \t\r\n]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_CONTEXT = 10  # characters shown on each side of a token in a long text
_SHORT = 20  # a text up to this length is shown whole


class _Found(Exception):  # noqa: N818  # a way out of the scanner, not an error
    """Carries the message."""


def of(text: str) -> str | None:
    """Return the message for ``text``, None when it is JSON."""
    try:
        _Scanner(text).scan()
    except _Found as found:
        return str(found)
    return None


def of_strict(text: str) -> str:
    """Return the message for a body that is neither an object nor an array, whether it is JSON or not.

    ``body-parser``, which Backstage uses, complains about the first character in that case.
    """
    return _token(text, len(text) - len(text.lstrip(" \t\r\n")))


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.due = ["value"]

    def scan(self) -> None:
        """Read one value with an explicit stack, since a client decides how deep it nests."""
        read = {"value": self._value, "object": self._object_rest, "array": self._array_rest}
        while self.due:
            read[self.due.pop()]()
        if self._peek():
            self._fail("Unexpected non-whitespace character after JSON")

    def unexpected(self) -> NoReturn:
        """Complain about the character that is next."""
        head = self.text[self.at : self.at + 1]
        if not head:
            raise _Found("Unexpected end of JSON input")
        if head == '"':
            self._fail("Unexpected string in JSON")
        if head == "-" or (head.isascii() and head.isdigit()):
            self._fail("Unexpected number in JSON")
        raise _Found(_token(self.text, self.at))

    def _peek(self) -> str:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.text[self.at : self.at + 1]

    def _value(self) -> None:
        head = self._peek()
        if head == "{":
            self.at += 1
            self._first_key()
        elif head == "[":
            self.at += 1
            if self._peek() == "]":
                self.at += 1
            else:
                self.due += ["array", "value"]
        elif head == '"':
            self._string()
        elif head == "-" or (head.isascii() and head.isdigit()):
            self._number()
        else:
            self._word()

    def _first_key(self) -> None:
        head = self._peek()
        if head == "}":
            self.at += 1
        elif head == '"':
            self._key()
        else:
            self._fail("Expected property name or '}' in JSON")

    def _key(self) -> None:
        self._string()
        if self._peek() != ":":
            self._fail("Expected ':' after property name in JSON")
        self.at += 1
        self.due += ["object", "value"]

    def _object_rest(self) -> None:
        head = self._peek()
        if head not in {"}", ","}:
            self._fail("Expected ',' or '}' after property value in JSON")
        self.at += 1
        if head == ",":
            if self._peek() != '"':
                self._fail("Expected double-quoted property name in JSON")
            self._key()

    def _array_rest(self) -> None:
        head = self._peek()
        if head not in {"]", ","}:
            self._fail("Expected ',' or ']' after array element in JSON")
        self.at += 1
        if head == ",":
            self.due += ["array", "value"]

    def _word(self) -> None:
        word = next((w for w in _WORDS if self.text[self.at : self.at + 1] == w[0]), None)
        if word is None:
            self.unexpected()
        for letter in word:
            if self.text[self.at : self.at + 1] != letter:
                self.unexpected()
            self.at += 1

    def _string(self) -> None:
        self.at += 1
        while True:
            found = _PLAIN.match(self.text, self.at)
            self.at = found.end() if found else self.at
            head = self.text[self.at : self.at + 1]
            if not head:
                self._fail("Unterminated string in JSON")
            if head == '"':
                self.at += 1
                return
            if head != "\\":
                self._fail("Bad control character in string literal in JSON")
            self._escape()

    def _escape(self) -> None:
        self.at += 1
        kind = self.text[self.at : self.at + 1]
        if not kind:
            raise _Found("Unexpected end of JSON input")
        if kind == "u":
            for offset in range(1, 5):
                digit = self.text[self.at + offset : self.at + offset + 1]
                if not re.fullmatch(r"[0-9a-fA-F]", digit):
                    self.at += offset
                    self._fail("Bad Unicode escape in JSON")
            self.at += 5
        elif kind in '"\\/bfnrt':
            self.at += 1
        elif kind > "\xff":
            raise _Found(_token(self.text, self.at))
        else:
            self._fail("Bad escaped character in JSON")

    def _number(self) -> None:
        if self.text[self.at] == "-":
            self.at += 1
            self._digit_or("No number after minus sign in JSON")
        if self.text[self.at] == "0":
            self.at += 1
            if self._digit():
                self._fail("Unexpected number in JSON")
        self._digits()
        if self.text[self.at : self.at + 1] == ".":
            self.at += 1
            self._digit_or("Unterminated fractional number in JSON")
            self._digits()
        if self.text[self.at : self.at + 1] in {"e", "E"}:
            self.at += 1
            if self.text[self.at : self.at + 1] in {"+", "-"}:
                self.at += 1
            self._digit_or("Exponent part is missing a number in JSON")
            self._digits()

    def _digit(self) -> bool:
        head = self.text[self.at : self.at + 1]
        return head.isascii() and head.isdigit()

    def _digit_or(self, problem: str) -> None:
        if not self._digit():
            self._fail(problem)

    def _digits(self) -> None:
        while self._digit():
            self.at += 1

    def _fail(self, problem: str) -> NoReturn:
        line = self.text.count("\n", 0, self.at) + 1
        start = self.text.rfind("\n", 0, self.at) + 1
        position, column = length(self.text[: self.at]), length(self.text[start : self.at]) + 1
        raise _Found(f"{problem} at position {position} (line {line} column {column})")


def _token(text: str, at: int) -> str:
    """Return the message for a character that may not stand at ``at``, with what is around it."""
    spread = units(text)
    place, size = length(text[:at]), len(spread)

    def part(start: int, end: int) -> str:
        return scalar(fuse(spread[start:end]))

    shown = f'"{text}"'
    if size > _SHORT:
        head, tail = place >= _CONTEXT, place < size - _CONTEXT
        around = part(place - _CONTEXT if head else 0, place + _CONTEXT if tail else size)
        shown = f'{"..." if head else ""}"{around}"{"..." if tail else ""}'
    return f"Unexpected token '{part(place, place + 1)}', {shown} is not valid JSON"
