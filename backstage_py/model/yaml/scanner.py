"""Where scalars end and what they say: pure functions over the text and an offset.

`floor` is the smallest indentation of a line that may continue the scalar; 0 means that only a document
marker ends it. Observed in the JS package `yaml` 2.9, whose rules are wider than those of the YAML specification.
"""

import re
from dataclasses import dataclass

from backstage_py.js.text import fuse
from backstage_py.model.yaml.nodes import Fault

MARKER = re.compile(r"(?:---|\.\.\.)(?=[ \t\r\n]|\Z)")
_SPACES = re.compile(r" *")
_BLANKS = re.compile(r"[ \t]*")
# Possessive groups go wrong in Python before 3.11.5 (CPython's issue 106052); nothing follows these, so none is needed.
_PLAIN_BLOCK = re.compile(r"(?:[^ \t\r\n:]++|:(?=[^ \t\r\n])|[ \t]++(?=[^\r\n#])|\r(?!\n))*")
_PLAIN_FLOW = re.compile(r"(?:[^ \t\r\n:,\[\]{}]++|:(?=[^ \t\r\n,\[\]{}])|[ \t]++(?=[^\r\n#,\[\]{}])|\r(?!\n))*")
_NEWLINE = re.compile(r"[ \t]*(\r?\n)")
_FOLD = re.compile(r"[ \t]*\r?\n[ \t]*")
_DOUBLE = re.compile(r"\\(?:\r?\n[ \t]*|x[\s\S]{0,2}|u[\s\S]{0,4}|U[\s\S]{0,8}|[\s\S]|\Z)|[ \t]*\r?\n(?:[ \t]|\r?\n)*")
_WIDTHS = {"x": 2, "u": 4, "U": 8}
_LAST_CODE_POINT = 0x10FFFF
_HEX = re.compile(r"[0-9a-fA-F]+")
_ESCAPES = {
    "0": "\0",
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "N": "\x85",
    "_": "\xa0",
    "L": "\u2028",
    "P": "\u2029",
    " ": " ",
    '"': '"',
    "/": "/",
    "\\": "\\",
    "\t": "\t",
}
_RESERVED = {
    ",": "flow indicator character ,",
    "%": "directive indicator character %",
    "|": "block scalar indicator |",
    ">": "block scalar indicator >",
    "@": "reserved character @",
    "`": "reserved character `",
}


def continues(text: str, line: int, floor: int) -> bool:
    """Whether the line that starts at offset `line` may belong to the scalar before it."""
    if floor == 0:
        return MARKER.match(text, line) is None
    match = _SPACES.match(text, line)
    at = match.end() if match else line
    if at - line >= floor:
        return True
    return text.startswith("\n", at) or text.startswith("\r\n", at)


def plain(text: str, start: int, floor: int, *, flow: bool) -> tuple[int, str]:
    """End and value of the plain scalar at `start`."""
    if (reserved := _RESERVED.get(text[start])) is not None:
        raise Fault(f"Plain value cannot start with {reserved}", start, start + 1)
    end = plain_end(text, start, floor, flow=flow)
    return end, fold(text[start:end])


def plain_end(text: str, start: int, floor: int, *, flow: bool) -> int:
    """End of the plain scalar at `start`, whatever it starts with."""
    pattern = _PLAIN_FLOW if flow else _PLAIN_BLOCK
    end = _plain_line(pattern, text, start)
    newline = _NEWLINE.match(text, end)
    while newline and continues(text, newline.end(), floor):
        content = newline.end()
        while (blank := _NEWLINE.match(text, content)) and continues(text, blank.end(), floor):
            content = blank.end()
        lead = _BLANKS.match(text, content)
        content = lead.end() if lead else content
        line_end = content if text.startswith("#", content) else _plain_line(pattern, text, content)
        if line_end == content:
            break
        end = line_end
        newline = _NEWLINE.match(text, end)
    return end


def _plain_line(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    end = match.end() if match else start
    while end > start and text[end - 1] in " \t":
        end -= 1
    return end


def fold(raw: str) -> str:
    """Joins lines with spaces; n blank lines become n newlines."""
    if "\n" not in raw:
        return raw
    first, *middle = _FOLD.split(raw)
    last = middle.pop()
    parts = [first]
    breaks = 0
    for line in middle:
        if line:
            parts += ["\n" * breaks or " ", line]
            breaks = 0
        else:
            breaks += 1
    parts += ["\n" * breaks or " ", last]
    return "".join(parts)


def quoted(text: str, start: int, floor: int) -> tuple[int, str]:
    """End and value of the single- or double-quoted scalar at `start`."""
    quote = text[start]
    close = _closing(text, start, quote)
    if close == -1:
        raise Fault(f"Missing closing {quote}quote", len(text), len(text) + 1, cause=start)
    newline = text.find("\n", start, close)
    while newline != -1:
        if not continues(text, newline + 1, floor):
            cut = newline - 1 if text[newline - 1] == "\r" else newline
            raise Fault(f"Missing closing {quote}quote", cut, cut + 1, cause=start)
        newline = text.find("\n", newline + 1, close)
    raw = text[start + 1 : close]
    if quote == "'":
        return close + 1, fold(raw).replace("''", "'")
    return close + 1, _unescape(raw, start + 1)


def _closing(text: str, start: int, quote: str) -> int:
    close = text.find(quote, start + 1)
    if quote == "'":
        while close != -1 and text.startswith("'", close + 1):
            close = text.find("'", close + 2)
        return close
    while close != -1:
        slashes = close
        while text[slashes - 1] == "\\":
            slashes -= 1
        if (close - slashes) % 2 == 0:
            return close
        close = text.find('"', close + 1)
    return close


def _unescape(raw: str, offset: int) -> str:
    if "\\" not in raw and "\n" not in raw:
        return raw

    def value(match: re.Match[str]) -> str:
        whole = match[0]
        if whole[0] != "\\":
            return "\n" * (whole.count("\n") - 1) or " "
        kind, digits = whole[1:2], whole[2:]
        if kind in _WIDTHS:
            if len(digits) == _WIDTHS[kind] and _HEX.fullmatch(digits) and int(digits, 16) <= _LAST_CODE_POINT:
                return chr(int(digits, 16))
        elif (known := _ESCAPES.get(kind)) is not None:
            return known
        elif kind == "\n" or whole.startswith("\\\r\n"):
            return ""
        at = offset + match.start()
        raise Fault(f"Invalid escape sequence {whole}", at, at + 1)

    result = _DOUBLE.sub(value, raw)
    return fuse(result)


@dataclass(slots=True)
class BlockHeader:
    """`|` or `>` with its indicators."""

    folded: bool
    indent: int
    chomp: str
    end: int


_HEADER = re.compile(r"[|>][^ \t\r\n#]*")
_LINE_END = re.compile(r"[ \t]*(?:(?<=[ \t])#[^\n]*)?")


def header_end(text: str, start: int) -> int:
    """End of the indicators of a block scalar."""
    match = _HEADER.match(text, start)
    return match.end() if match else start + 1


def block_header(text: str, start: int) -> BlockHeader:
    """Reads `|2-  # comment` up to and including its line end."""
    match = _HEADER.match(text, start)
    source = match[0] if match else text[start]
    indent, chomp, extra = 0, "", -1
    for i, ch in enumerate(source[1:], 1):
        if not chomp and ch in "+-":
            chomp = ch
        elif not indent and ch in "123456789":
            indent = int(ch)
        elif extra == -1:
            extra = start + i
    if extra != -1:
        raise Fault(f"Block scalar header includes extra characters: {source}", extra, extra + 1)
    after = start + len(source)
    rest = _LINE_END.match(text, after)
    end = rest.end() if rest else after
    if text.startswith("#", end):
        stop = line_end(text, end)
        raise Fault("Comments must be separated from other tokens by white space characters", end, stop)
    if end < (stop := line_end(text, end)):
        raise Fault(f"Not a YAML token: {text[end:stop]}", end, stop)
    newline = _NEWLINE.match(text, end)
    return BlockHeader(source[0] == ">", indent, chomp, newline.end() if newline else end)


def line_end(text: str, start: int) -> int:
    """Offset of the end of the line, its break excluded."""
    newline = text.find("\n", start)
    if newline == -1:
        return len(text)
    return newline - 1 if newline > start and text[newline - 1] == "\r" else newline


def block(text: str, header: BlockHeader, parent: int, floor: int, *, root: bool) -> tuple[int, str]:
    """End and value of a block scalar whose header was read; `parent` is the parent's column (0 at the root)."""
    start = header.end
    end = _block_end(text, header, floor)
    return end, _block_value(text[start:end], header, start, parent, root=root)


def _block_end(text: str, header: BlockHeader, floor: int) -> int:
    start = header.end
    newline, at = start - 1, start
    while True:  # to the first line that has content
        match = _SPACES.match(text, at)
        content = match.end() if match else at
        if text.startswith("\n", content):
            newline, at = content, content + 1
        elif text.startswith("\r\n", content):
            newline, at = content + 1, content + 2
        else:
            break
    indent = content - at
    if indent >= floor:
        inner = header.indent - 1 + (floor or 1) if header.indent else indent
        while newline != -1 and continues(text, newline + 1, inner):
            if newline + 1 > len(text):
                break
            newline = text.find("\n", newline + 1)
        if newline == -1:
            newline = len(text)
    return _trailing(text, start, newline, indent, keep=header.chomp == "+")


def _trailing(text: str, start: int, newline: int, indent: int, *, keep: bool) -> int:
    """Tabs below the block belong to it (and are then an error); empty lines only where `+` keeps them."""
    match = _SPACES.match(text, newline + 1)
    at = match.end() if match else newline + 1
    if newline < len(text) and text.startswith("\t", at):
        while at < len(text) and text[at] in "\t \r\n":
            at += 1
        return at
    if not keep:
        while True:
            last = newline - 1
            if last >= 0 and last < len(text) and text[last] == "\r":
                last -= 1
            i = last
            while i >= 0 and text[i] == " ":
                i -= 1
            if not (i >= start and text[i] == "\n" and i + 1 + indent > last):
                break
            newline = i
    return min(newline + 1, len(text))


def _block_value(source: str, header: BlockHeader, offset: int, parent: int, *, root: bool) -> str:
    lines = [(len(line) - len(line.lstrip(" ")), line.lstrip(" ")) for line in source.split("\n")]
    if not source:
        lines = []
    stop = len(lines)
    while stop and lines[stop - 1][1] in {"", "\r"}:
        stop -= 1
    if stop == 0:
        return "\n" * max(1, len(lines) - 1) if header.chomp == "+" and lines else ""
    trim, first = _block_indent(lines, header, offset, parent, root=root)
    for i in range(len(lines) - 1, stop - 1, -1):
        if lines[i][0] > trim:
            stop = i + 1
            break
    body = _block_lines(lines[:stop], header, offset, trim, first)
    lead = "".join(" " * (indent - trim) + "\n" for indent, _ in lines[:first])
    value = lead + (_folded(body) if header.folded else "\n".join(" " * extra + line for extra, line in body))
    if header.chomp == "-":
        return value
    if header.chomp == "":
        return value + "\n"
    value += "".join("\n" + " " * (indent - trim) for indent, _ in lines[stop:])
    return value if value.endswith("\n") else value + "\n"


def _block_indent(
    lines: list[tuple[int, str]], header: BlockHeader, offset: int, parent: int, *, root: bool
) -> tuple[int, int]:
    """The indentation to cut, and the index of the first line that has content."""
    trim = parent + header.indent
    for i, (indent, content) in enumerate(lines):
        if content in {"", "\r"}:
            if not header.indent:
                trim = max(trim, indent)
        else:
            if indent < trim:
                at = offset + indent
                raise Fault(
                    "Block scalars with more-indented leading empty lines must use an explicit indentation indicator",
                    at,
                    at + 1,
                )
            if not header.indent:
                trim = indent
            if trim == 0 and not root:
                raise Fault("Block scalar values in collections must be indented", offset, offset + 1)
            return trim, i
        offset += indent + len(content) + 1
    return trim, 0


def _block_lines(
    lines: list[tuple[int, str]], header: BlockHeader, offset: int, trim: int, first: int
) -> list[tuple[int, str]]:
    body = []
    for i, (indent, raw) in enumerate(lines):
        at = offset + indent
        offset += indent + len(raw) + 1
        if i < first:
            continue
        content = raw.removesuffix("\r")
        if content and indent < trim:
            what = "explicit indentation indicator" if header.indent else "first line"
            raise Fault(f"Block scalar lines must not be less indented than their {what}", at, at + 1)
        body.append((max(0, indent - trim), content))
    return body


def _folded(lines: list[tuple[int, str]]) -> str:
    parts: list[str] = []
    sep, deeper = "", False
    for extra, content in lines:
        if extra or content.startswith("\t"):
            if sep == " ":
                sep = "\n"
            elif sep == "\n" and not deeper:
                sep = "\n\n"
            parts += [sep, " " * extra, content]
            sep, deeper = "\n", True
        elif not content:
            if sep == "\n":
                parts.append("\n")
            else:
                sep = "\n"
        else:
            parts += [sep, content]
            sep, deeper = " ", False
    return "".join(parts)
