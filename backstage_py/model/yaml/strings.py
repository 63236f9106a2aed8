"""How a text is written so that it reads back as the same text: plain, quoted or as a block.

The choices are those of the JS package `yaml`. Texts are in UTF-16 units here.
"""

import re
from dataclasses import dataclass, replace

from backstage_py.js.json_text import quote
from backstage_py.js.text import fuse, units
from backstage_py.model.yaml import folding
from backstage_py.model.yaml.scalars import plain as plain_value
from backstage_py.model.yaml.style import BLOCKS, DEFAULT, Style

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MARKER = re.compile(r"(?:^|(?<=[\n\r\u2028\u2029]))(?:%|---|\.\.\.)")
_NOT_PLAIN = re.compile(r"\A[\n\t ,\[\]{}#&*!|>'\"%@`]|\A[?-]\Z|\A[?-][ \t]|[\n:][ \t]|[ \t]\n|[\n\t ]#|[\n\t :]\Z")
_NEWLINES = re.compile(r"\n+")
_DEEPER_LINES = re.compile(r"(?:\A|\n)([\t ][^\n\r\u2028\u2029]*)(?:([\n\t ]*)\n(?![\n\t ]))?")
_INNER_NEWLINES = re.compile(r"(?:\A|(?<!\n))\n+(?!\n|\Z)")
_NAMED_ESCAPES = {
    "0000": "\\0",
    "0007": "\\a",
    "000b": "\\v",
    "001b": "\\e",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a scalar is going to stand."""

    indent: str = ""
    indent_at_start: int | None = None
    key: bool = False
    """An implicit key: one line."""
    flow: bool = False
    options: Style = DEFAULT


@dataclass(slots=True)
class Written:
    """A scalar's text; `keeps` says that it ends with line breaks that the next line must not disturb."""

    text: str
    keeps: bool = False


def write(value: str, place: Place, style: str = "") -> Written:
    """The scalar's text; `style` is how it was written in its source, if it has one."""
    if style != "double" and (_CONTROL.search(value) or _SURROGATE.search(fuse(value))):
        style = "double"
    if style == "double":
        return Written(_double(value, place))
    if style == "single":
        return Written(_single(value, place))
    if style in {"literal", "folded"}:
        return _block_or_quoted(value, place, style)
    return _plain(value, place, style) if style else _by_default(value, place)


def _by_default(value: str, place: Place) -> Written:
    kind = (place.key and place.options.default_key_type) or place.options.default_string_type
    if kind in BLOCKS:
        return _block_or_quoted(value, place, "")
    if kind == "QUOTE_DOUBLE":
        return Written(_double(value, place))
    if kind == "QUOTE_SINGLE":
        return Written(_single(value, place))
    return _plain(value, place, "")


def _block_or_quoted(value: str, place: Place, style: str) -> Written:
    return Written(_quoted(value, place)) if place.key or place.flow else _block(value, place, style)


def _plain(value: str, place: Place, style: str) -> Written:
    if (place.key and "\n" in value) or (place.flow and re.search(r"[\[\]{},]", value)):
        return Written(_quoted(value, place))
    if _NOT_PLAIN.search(value):
        if place.key or place.flow or "\n" not in value:
            return Written(_quoted(value, place))
        return _block(value, place, style)
    if not place.key and not place.flow and style != "plain" and "\n" in value:
        return _block(value, place, style)
    if _MARKER.search(value):
        if not place.indent:
            return _block(value, replace(place, indent="  "), style)
        if place.key and place.indent == place.options.step:
            return Written(_quoted(value, place))
    text = _NEWLINES.sub(lambda m: f"{m[0]}\n{place.indent}", value)
    if not isinstance(plain_value(text), str):
        return Written(_quoted(value, place))
    return Written(text if place.key else _fold(text, place, "flow"))


def _fold(text: str, place: Place, mode: folding.Mode, indent: str | None = None) -> str:
    indent = place.indent if indent is None else indent
    return folding.fold(text, indent, mode, indent_at_start=place.indent_at_start, style=place.options)


def _quoted(value: str, place: Place) -> str:
    single = place.options.single_quote
    if single is False:
        return _double(value, place)
    has_double, has_single = '"' in value, "'" in value
    if has_double != has_single:
        return _single(value, place) if has_double else _double(value, place)
    return _single(value, place) if single else _double(value, place)


def _continuation(value: str, place: Place) -> str:
    """Indentation of the further lines of a quoted text; never 0 where a line could look like a marker."""
    return place.indent or ("  " if _MARKER.search(value) else "")


def _single(value: str, place: Place) -> str:
    if place.options.single_quote is False or (place.key and "\n" in value) or re.search(r"[ \t]\n|\n[ \t]", value):
        return _double(value, place)
    indent = _continuation(value, place)
    inner = _NEWLINES.sub(lambda m: f"{m[0]}\n{indent}", value.replace("'", "''"))
    text = f"'{inner}'"
    return text if place.key else _fold(text, place, "flow", indent)


def _double(value: str, place: Place) -> str:
    quoted = units(quote(fuse(value)))
    if place.options.double_quoted_as_json:
        return quoted
    indent = _continuation(value, place)
    one_line = place.key or len(quoted) < place.options.double_quoted_min_multi_line_length
    text = _yaml_escapes(quoted, indent, one_line=one_line)
    return text if place.key else _fold(text, place, "quoted", indent)


def _yaml_escapes(quoted: str, indent: str, *, one_line: bool) -> str:
    """JSON's escapes to YAML's shorter ones; those of line breaks become real ones unless one line is wanted."""
    parts: list[str] = []
    start = i = 0
    while i < len(quoted):
        if quoted.startswith(" \\n", i):
            parts += [quoted[start:i], "\\ "]
            i += 1
            start = i
        if quoted[i] != "\\":
            i += 1
            continue
        kind = quoted[i + 1]
        if kind == "u":
            code = quoted[i + 2 : i + 6]
            short = _NAMED_ESCAPES.get(code) or (f"\\x{code[2:]}" if code.startswith("00") else quoted[i : i + 6])
            parts += [quoted[start:i], short]
            i += 6
            start = i
        elif kind == "n" and not one_line and quoted[i + 2] != '"':
            parts += [quoted[start:i], "\n\n"]
            while quoted.startswith("\\n", i + 2) and quoted[i + 4] != '"':
                parts.append("\n")
                i += 2
            parts.append(indent)
            if quoted[i + 2] == " ":
                parts.append("\\")
            i += 2
            start = i
        else:
            i += 2
    return "".join([*parts, quoted[start:]])


def _over_limit(value: str, indent: int, options: Style) -> bool:
    if not options.line_width or options.line_width < 0:
        return False
    limit = options.line_width - indent
    return any(len(line) > limit for line in value.split("\n"))


def _block(value: str, place: Place, style: str) -> Written:
    kind = place.options.block_quote
    if not kind or re.search(r"\n[\t ]+\Z", value):
        return Written(_quoted(value, place))
    indent = _continuation(value, place)
    style = kind if isinstance(kind, str) else style
    literal = style == "literal" or (style != "folded" and not _over_limit(value, len(indent), place.options))
    if not value:
        return Written("|\n" if literal else ">\n")
    body = value.rstrip("\n\t ")
    end = value[len(body) :]
    first_break = end.find("\n")
    chomp = "-" if first_break == -1 else "+" if not body or first_break != len(end) - 1 else ""
    end = end.removesuffix("\n")
    end = _INNER_NEWLINES.sub(lambda m: m[0] + indent, end)
    lead = body[: len(body) - len(body.lstrip(" \n"))]
    head = lead[: lead.rfind("\n") + 1]
    header = (("2" if indent else "1") if " " in lead else "") + chomp
    body = body[len(head) :]
    head = _NEWLINES.sub(lambda m: m[0] + indent, head)
    keeps = chomp == "+"
    if not literal:
        folded = _folded_body((head, body, end), indent, place.options, must_fit=style != "folded")
        if folded is not None:
            return Written(f">{header}\n{indent}{folded}", keeps)
    body = _NEWLINES.sub(lambda m: m[0] + indent, body)
    return Written(f"|{header}\n{indent}{head}{body}{end}", keeps)


def _folded_body(parts: tuple[str, str, str], indent: str, options: Style, *, must_fit: bool) -> str | None:
    """The lines of a `>` block; None if a line is too long although it was folded to be short."""
    head, body, end = parts
    text = _NEWLINES.sub(lambda m: "\n" + m[0], body)
    text = _DEEPER_LINES.sub(lambda m: m[1] + (m[2] or ""), text)
    text = _NEWLINES.sub(lambda m: m[0] + indent, text)
    overflowed: list[bool] = []
    result = folding.fold(
        head + text + end,
        indent,
        "block",
        indent_at_start=len(indent),
        on_overflow=lambda: overflowed.append(True),
        style=options,
    )
    return None if overflowed and must_fit else result
