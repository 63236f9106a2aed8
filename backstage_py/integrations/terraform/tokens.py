"""HCL as tokens, as far as ``scan`` needs it: names, texts, marks, and the ends of lines; comments are left out.

What stands within ``${…}`` and ``%{…}`` of a text follows as tokens of its own, so that no call hides there.
"""

import re
from dataclasses import dataclass
from typing import Literal

from backstage_py.errors import InputError

_SPACE = re.compile(r"[^\S\n]+|#[^\n]*|//[^\n]*|/\*.*?\*/", re.DOTALL)
_NAME = re.compile(r"[^\W\d][\w-]*")
_HEREDOC = re.compile(r"<<(-?)([^\W\d][\w-]*)[^\S\n]*\n")
_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Token:
    """``text`` of a ``text`` token is without quotes, its interpolations as they are written."""

    kind: Literal["name", "text", "mark", "end"]
    text: str
    line: int


def of(text: str, file: str) -> list[Token]:
    """Return the tokens of a configuration.

    Raises:
        InputError: a text or comment has no end.
    """
    reader = _Reader(text, file)
    reader.code(0, until_brace=False)
    return reader.found


def of_template(text: str, file: str) -> list[Token]:
    """Return the tokens within the interpolations of a template's file."""
    reader = _Reader(text, file)
    reader.template(None, 0)
    return reader.found


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.found: list[Token] = []
        self._text = text
        self._file = file
        self._at = 0

    def _line(self) -> int:
        return self._text.count("\n", 0, self._at) + 1

    def _add(self, kind: Literal["name", "text", "mark", "end"], text: str) -> None:
        self.found.append(Token(kind, text, self._line()))

    def _refuse(self, what: str) -> InputError:
        return InputError(f"{self._file}:{self._line()}: {what}")

    def code(self, depth: int, *, until_brace: bool) -> None:
        """Read expressions and blocks up to the end, or to the brace that closes an interpolation."""
        if depth > _DEEPEST:
            raise self._refuse("is nested too deeply")
        opened = 0
        while self._at < len(self._text):
            if space := _SPACE.match(self._text, self._at):
                self._at = space.end()
                continue
            if self._text.startswith("/*", self._at):
                raise self._refuse("this comment has no end")
            char = self._text[self._at]
            if char == '"':
                self._at += 1
                self.template('"', depth)
            elif heredoc := _HEREDOC.match(self._text, self._at):
                self._at = heredoc.end()
                self._heredoc(heredoc[2], depth)
            elif name := _NAME.match(self._text, self._at):
                self._add("name", name[0])
                self._at = name.end()
            else:
                if until_brace and char == "}" and not opened:
                    return
                opened += {"{": 1, "}": -1}.get(char, 0)
                self._add("end" if char == "\n" else "mark", char)
                self._at += 1

    def _heredoc(self, word: str, depth: int) -> None:
        end = re.compile(rf"^[^\S\n]*{re.escape(word)}[^\S\n]*$", re.MULTILINE).search(self._text, self._at)
        if end is None:
            raise self._refuse(f"the text up to {word} has no end")
        inner = _Reader(self._text[: end.start()], self._file)
        inner._at = self._at
        inner.template(None, depth)
        self.found += inner.found
        self._at = end.end()

    def template(self, quote: str | None, depth: int) -> None:
        """Read a text up to its quote, or to the end; what it interpolates follows it."""
        begin, place = self._at, len(self.found)
        self._add("text", "")
        while self._at < len(self._text):
            two = self._text[self._at : self._at + 2]
            if quote and two[0] == "\\":
                self._at += 2
            elif self._text[self._at : self._at + 3] in ("$${", "%%{"):
                self._at += 3
            elif two in ("${", "%{"):
                self._at += 2
                self._add("mark", "${")
                self.code(depth + 1, until_brace=True)
                self._add("mark", "}")
                self._at += 1
            elif two[0] == quote:
                break
            else:
                self._at += 1
        else:
            if quote:
                raise self._refuse("this text has no end")
        self.found[place] = Token("text", self._text[begin : self._at], self.found[place].line)
        self._at += 1 if quote else 0
