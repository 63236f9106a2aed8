"""The first two stages: a template becomes text and tags, the code inside a tag becomes tokens."""

import re
from typing import Final, NamedTuple

from backstage_py.js import regex
from backstage_py.js.errors import Failure
from backstage_py.js.text import WHITESPACE, WHITESPACE_CLASS
from backstage_py.templating.hints import unexpected_character

CODE_SPACE: Final = " \t\n\r\u00a0"
"""White space inside tags; fewer characters than JavaScript's."""

MAX_PATTERN: Final = 16_384

_OPENING = {
    False: re.compile(r"\$\{\{|\{%|\{#|#\}"),
    True: re.compile(r"\{\{|\{%|\{#|#\}"),
}
_CLOSING = {"{%": "%}", "{#": "#}"}
_SKIPPED = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\[\s\S])*(?:"|\\?\Z)|'(?:[^'\\]|\\[\s\S])*(?:'|\\?\Z))|(?P<name>[0-9]*[A-Za-z_][A-Za-z0-9_]*)|[0-9]+"""
)
_TAG_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPACES = re.compile(f"[{WHITESPACE_CLASS}]*")
_RAW_MARKER = {
    name: re.compile(rf"\{{%[{WHITESPACE_CLASS}]*(?P<kind>end)?{name}[{WHITESPACE_CLASS}]*%\}}")
    for name in ("raw", "verbatim")
}


class Tag(NamedTuple):
    """A piece of the template.

    ``kind`` is "text", "variable" or "block"; ``pos`` the offset of the piece, ``base`` that of its ``value``. For a
    block, ``name`` is the tag's name and ``value`` what follows it.
    """

    kind: str
    value: str
    pos: int
    base: int
    name: str = ""


def has_code(source: str, *, cookiecutter: bool = False) -> bool:
    """Whether the source has anything but text; most files of a skeleton have not."""
    return _OPENING[cookiecutter].search(source) is not None


def syntax_error(message: str, pos: int) -> Failure:
    """A failure at an offset of the whole source."""
    return Failure(message, pos=pos, syntax=True).within(0)


class Lexer:
    """Splits one source into tags."""

    __slots__ = ("_index", "_looked_at", "_lstrip", "_opening", "_pending", "_pending_pos", "_source", "_tags", "_trim")

    def __init__(self, source: str, *, cookiecutter: bool, trim_blocks: bool, lstrip_blocks: bool) -> None:
        self._source = source
        self._opening = _OPENING[cookiecutter]
        self._trim = trim_blocks
        self._lstrip = lstrip_blocks
        self._tags: list[Tag] = []
        self._pending = ""
        self._pending_pos = 0
        self._index = 0
        self._looked_at = 0

    def tags(self) -> list[Tag]:
        """All tags in order; comments are gone, white space control and raw blocks are applied.

        Raises:
            Failure: a tag or a raw block does not end, or a comment ends that has not begun.
        """
        source = self._source
        while True:
            match = self._opening.search(source, self._index)
            if match is None:
                self._text(source[self._index :], self._index)
                break
            if match[0] == "#}":
                raise syntax_error('"#}" ends a comment that was not begun', match.start())
            self._text(source[self._index : match.start()], self._index)
            self._tag(match[0], match.start())
        self._flush()
        return self._tags

    def _text(self, text: str, pos: int) -> None:
        if text:
            if not self._pending:
                self._pending_pos = pos
            self._pending += text

    def _flush(self) -> None:
        if self._pending:
            self._tags.append(Tag("text", self._pending, self._pending_pos, self._pending_pos))
            self._pending = ""

    def _tag(self, opening: str, start: int) -> None:
        source = self._source
        inner = start + len(opening)
        if opening == "{%" and self._lstrip:
            self._strip_indent(start)
        if source.startswith("-", inner):
            self._pending = self._pending.rstrip(WHITESPACE)
            inner += 1
        self._flush()
        closing = _CLOSING.get(opening, "}}")
        end = source.find(closing, inner) if opening == "{#" else find_end(source, inner, closing)
        if end < 0:
            raise syntax_error(f'"{opening}" has no matching "{closing}"', start)
        trims = source[end - 1] == "-"
        content = source[inner : end - 1 if trims else end]
        self._index = end + 2
        if opening == "{%":
            self._block(content, start, inner, trims=trims)
            return
        if opening != "{#":
            value = content.lstrip(CODE_SPACE)
            self._tags.append(Tag("variable", value, start, inner + len(content) - len(value)))
        if trims:
            self._skip_spaces()

    def _block(self, content: str, start: int, inner: int, *, trims: bool) -> None:
        value = content.lstrip(CODE_SPACE)
        base = inner + len(content) - len(value)
        match = _TAG_NAME.match(value)
        name = match[0] if match else ""
        rest = value[len(name) :].lstrip(CODE_SPACE)
        base += len(value) - len(rest)
        rest = rest.rstrip(CODE_SPACE)
        if name in _RAW_MARKER:
            self._raw(name, rest, start, trims=trims)
            return
        self._tags.append(Tag("block", rest, start, base, name))
        if trims:
            self._skip_spaces()
        elif self._trim:
            self._skip_newline()

    def _raw(self, name: str, rest: str, start: int, *, trims: bool) -> None:
        """Takes over the text of a raw block.

        The dash of ``{% raw -%}`` removes white space behind the *closing* tag, and a closing tag with a dash is not
        one: both as observed in nunjitsu 0.7.0 (test_whitespace).
        """
        if rest:
            raise syntax_error(f'"{name}" takes nothing after its name', start)
        if self._trim:
            self._skip_newline()
        depth = 1
        for marker in _RAW_MARKER[name].finditer(self._source, self._index):
            depth += -1 if marker["kind"] else 1
            if depth == 0:
                break
        else:
            raise syntax_error(f'"{name}" has no matching "{{% end{name} %}}" (without dashes)', start)
        if "\n" in marker[0]:
            raise syntax_error(f'"end{name}" must stand on one line', marker.start())
        self._text(self._source[self._index : marker.start()], self._index)
        self._index = marker.end()
        if trims:
            self._skip_spaces()

    def _strip_indent(self, start: int) -> None:
        """Removes the indentation before a block tag that is first on its line.

        Only what came after the last block tag is looked at, so that a long line with many tags stays cheap.
        """
        newline = self._source.rfind("\n", self._looked_at, start)
        continues_line = newline < 0 and self._looked_at > 0
        line = max(newline + 1, self._looked_at)
        self._looked_at = start + 1
        if continues_line or self._source[line:start].strip(WHITESPACE):
            return
        kept = self._pending.rfind("\n") + 1
        if not self._pending[kept:].strip(WHITESPACE):
            self._pending = self._pending[:kept]

    def _skip_spaces(self) -> None:
        match = _SPACES.match(self._source, self._index)
        if match is not None:
            self._index = match.end()

    def _skip_newline(self) -> None:
        if self._source.startswith("\n", self._index):
            self._index += 1
        elif self._source.startswith("\r\n", self._index):
            self._index += 2


def find_end(source: str, start: int, closing: str) -> int:
    """Offset of the closing delimiter outside strings, names and regular expressions; -1 if there is none."""
    end = source.find(closing, start)
    if end < 0:
        return -1
    code = source[start:end]
    if '"' not in code and "'" not in code and "r/" not in code:
        return end
    index = start
    while index < len(source):
        match = _SKIPPED.match(source, index)
        if match is None:
            if source.startswith(closing, index):
                return index
            index += 1
        elif match["name"] == "r" and source.startswith("/", match.end()):
            index = scan_regex(source, index, absolute=True)[2]
        else:
            index = match.end()
    return -1


def scan_regex(source: str, start: int, *, absolute: bool) -> tuple[str, str, int]:
    """Pattern, flags and end of the literal ``r/.../flags`` at an offset.

    Raises:
        Failure: it does not end, is longer than 16384 units, or JavaScript would refuse it.
    """

    def refuse(message: str) -> Failure:
        failure = Failure(message, pos=start, syntax=True)
        return failure.within(0) if absolute else failure

    index = start + 2
    backslashes = 0
    while True:
        if index >= len(source):
            raise refuse("The regular expression has no closing slash")
        character = source[index]
        if character == "/":
            if backslashes == 0:
                break
            if backslashes % 2 == 0:
                raise refuse("The slash after an even number of backslashes is ambiguous; write [/]")
        if index - start - 2 >= MAX_PATTERN:
            raise refuse(f"A regular expression may have {MAX_PATTERN} characters at most")
        backslashes = backslashes + 1 if character == "\\" else 0
        index += 1
    pattern = source[start + 2 : index]
    end = index + 1
    while end < len(source) and source[end] in "gimy":
        end += 1
    flags = source[index + 1 : end]
    if len(set(flags)) != len(flags):
        raise refuse("A flag of the regular expression is given twice")
    if end < len(source) and source[end].isascii() and source[end].isalpha():
        raise refuse(f'The flag "{source[end]}" is not supported; use g, i, m and y')
    try:
        regex.check(pattern)
    except Failure as failure:
        raise refuse(failure.message) from failure
    return pattern, flags, end


class Token(NamedTuple):
    """A token of an expression: kind is "name", "number", "string", "regex", "operator" or "end"."""

    kind: str
    value: str
    pos: int


_TOKEN = re.compile(
    r"""(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>[0-9]+(?:\.[0-9]*)?)|(?P<string>["'])|"""
    r"(?P<operator>===|!==|\*\*|//|==|!=|<=|>=|[()\[\]{}.,:|~+\-*/%<>=])"
)
_MEMBER = re.compile(r"[0-9]*[A-Za-z_][A-Za-z0-9_]*")
_STRING = {
    '"': re.compile(r'"((?:[^"\\]|\\[\s\S])*)"'),
    "'": re.compile(r"'((?:[^'\\]|\\[\s\S])*)'"),
}
_ESCAPE = re.compile(r"\\([\s\S])")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_OPERANDS = frozenset({"name", "number", "string", "regex"})


def _unescape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[1], match[1])


def tokenize(code: str) -> list[Token]:
    """The tokens of an expression, ended by one of kind "end".

    Raises:
        Failure: a character that the language does not know, an open string, a malformed number.
    """
    tokens: list[Token] = []
    index = 0
    size = len(code)
    while index < size:
        if code[index] in CODE_SPACE:
            index += 1
            continue
        previous = tokens[-1] if tokens else None
        if previous is not None and previous.kind == "operator" and previous.value == ".":
            member = _MEMBER.match(code, index)
            if member is not None and not (member[0] == "r" and code.startswith("/", member.end())):
                tokens.append(Token("name", member[0], index))
                index = member.end()
                continue
        match = _TOKEN.match(code, index)
        if match is None:
            raise unexpected_character(code, index)
        token, index = _token(code, index, match, previous)
        tokens.append(token)
    tokens.append(Token("end", "", size))
    return tokens


def _token(code: str, index: int, match: re.Match[str], previous: Token | None) -> tuple[Token, int]:
    kind = match.lastgroup or ""
    value = match[0]
    if kind == "name" and value == "r" and code.startswith("/", match.end()):
        pattern, flags, end = scan_regex(code, index, absolute=False)
        return Token("regex", f"{pattern}/{flags}", index), end
    if kind == "string":
        string = _STRING[value].match(code, index)
        if string is None:
            raise Failure("The string has no closing quote", pos=index, syntax=True)
        text = string[1]
        return Token("string", _ESCAPE.sub(_unescape, text) if "\\" in text else text, index), string.end()
    if kind == "number":
        following = code[match.end() : match.end() + 1]
        if following == "_" or (following.isascii() and following.isalpha()):
            raise Failure(f'"{value}{following}" is not a number', pos=index, syntax=True)
    elif value == "." and code[index + 1 : index + 2].isdigit() and not _ends_operand(previous):
        raise Failure("A number needs a digit before the point", pos=index, syntax=True)
    return Token(kind, value, index), match.end()


def _ends_operand(token: Token | None) -> bool:
    return token is not None and (token.kind in _OPERANDS or token.value in {")", "]", "}"})
