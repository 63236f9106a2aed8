"""A place in the text, and what may be skipped or read there in block and flow context alike."""

import json
import re
from dataclasses import dataclass, field

from backstage_py.model.yaml import scanner
from backstage_py.model.yaml.nodes import MOST_NODES, Alias, Fault, Node, Scalar, too_many
from backstage_py.model.yaml.scalars import resolve
from backstage_py.model.yaml.tags import Directives

MAX_DEPTH = 150
"""Levels of nesting; the JS package stops when its stack does, at some thousands."""

EMPTY = " \t\r\n"
FLOW = ",[]{}"
ONE_LINE = "Implicit keys need to be on a single line"
_COMMENT = "Comments must be separated from other tokens by white space characters"
_PROPS = "Tags and anchors must be separated from the next token by white space"
_BLANK_LINES = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)+")
_SPACES = re.compile(r" *")
_WHITE = re.compile(r"[ \t]*")
_ANCHOR = re.compile(r"[^ ,\[\]{}\n\r\t]*")
_TAG = re.compile(r"!(?:<[^ \t\r\n>]*>?|(?:[0-9A-Za-z\-#;/?:@&=+$_.!~*'()]|%[0-9A-Fa-f]{2})*)")
_TOKEN_NAMES = {
    "-": "seq-item-ind",
    "?": "explicit-key-ind",
    ":": "map-value-ind",
    "{": "flow-map-start",
    "}": "flow-map-end",
    "[": "flow-seq-start",
    "]": "flow-seq-end",
    '"': "double-quoted-scalar",
    "'": "single-quoted-scalar",
    "|": "block-scalar-header",
    ">": "block-scalar-header",
    "*": "alias",
    "&": "anchor",
    "!": "tag",
}


@dataclass(slots=True)
class Props:
    """Anchor and tag in front of a node."""

    start: int
    column: int
    anchor: str | None = None
    tag: str | None = None
    tag_span: tuple[int, int] = (-1, -1)
    last: int = -1
    """Offset of the later one of the two."""
    end: int = -1


@dataclass(slots=True)
class Cursor:
    """Position in a text. `col` counts from 0; after a line break it is the number of leading spaces."""

    text: str
    pos: int = 0
    line: int = 0
    col: int = 0
    tab: int = -1
    """Offset of the white space with a tab directly before the current token, or -1."""
    value_end: int = 0
    """Where the last value ended, its line break included; indentation errors point there."""
    depth: int = 0
    left: int = MOST_NODES
    """How many more nodes there may be."""
    in_flow: bool = False
    directives: Directives = field(default_factory=Directives)

    def move_to(self, at: int) -> None:
        """Moves on the current line."""
        self.pos = at
        self.col = at - self.line

    def move(self, start: int, end: int) -> None:
        """Moves over a token that may hold line breaks."""
        newline = self.text.rfind("\n", start, end)
        if newline != -1:
            self.line = newline + 1
        self.move_to(end)

    def rest_of_line(self) -> bool:
        """Skips white space, a comment and one line break; False if a token follows on this line."""
        text, at = self.text, self.pos
        match = _WHITE.match(text, at)
        end = match.end() if match else at
        if text.startswith("#", end):
            if end > self.line and text[end - 1] not in " \t":
                raise Fault(_COMMENT, end, scanner.line_end(text, end))
            end = scanner.line_end(text, end)
        elif end < len(text) and not text.startswith("\n", end) and not text.startswith("\r\n", end):
            self.tab = at if "\t" in text[at:end] else -1
            self.move_to(end)
            return False
        newline = text.find("\n", end)
        self.line = len(text) if newline == -1 else newline + 1
        self.move_to(self.line)
        return True

    def next_token(self) -> None:
        """From the start of a line to the next token, over blank lines and comments."""
        text, at = self.text, self.pos
        if match := _BLANK_LINES.match(text, at):
            at = self.line = match.end()
        spaces = _SPACES.match(text, at)
        end = spaces.end() if spaces else at
        self.col = end - at
        self.tab = -1
        if text.startswith("\t", end):
            self.tab = end
            white = _WHITE.match(text, end)
            end = white.end() if white else end
        if text.startswith("#", end):
            end = len(text)  # a comment without line break ends the text
        self.pos = end

    def at_marker(self) -> bool:
        """Whether a document marker starts here."""
        return self.pos == self.line and scanner.MARKER.match(self.text, self.pos) is not None

    def at_end(self) -> bool:
        """Whether the document ends here."""
        return self.pos >= len(self.text) or self.at_marker()

    def indicator(self, at: int, *, flow: bool = False) -> str:
        """`-`, `?` or `:` if it is an indicator at `at`, else an empty text."""
        text = self.text
        ch = text[at : at + 1]
        if not ch or ch not in "-?:":
            return ""
        after = text[at + 1 : at + 2]
        return ch if not after or after in EMPTY or (flow and after in FLOW) else ""

    def unexpected(self, where: str, floor: int = 0) -> Fault:
        """The fault of a token that may not stand here, in the JS package's names of tokens.

        Args:
            where: what it stands in or at.
            floor: least indentation of the lines that continue the token, if it is a scalar.
        """
        name = self._token_name()
        return Fault(f"Unexpected {name} {where}", self.pos, self._token_end(name, floor))

    def unexpected_in_stream(self, where: str = "stream") -> Fault:
        """The fault of a token after which nothing of the document is open any more; it quotes the token."""
        name = self._token_name()
        end = self._token_end(name)
        source = json.dumps(self.text[self.pos : end], ensure_ascii=False)
        return Fault(f"Unexpected {name} token in YAML {where}: {source}", self.pos, end)

    def _token_name(self) -> str:
        ch = self.text[self.pos]
        if ch in "-?:" and not self.indicator(self.pos):
            return "scalar"
        return _TOKEN_NAMES.get(ch, "scalar")

    def _token_end(self, name: str, floor: int = 0) -> int:
        at = self.pos
        try:
            if name == "scalar":
                return max(at + 1, scanner.plain_end(self.text, at, floor, flow=self.in_flow))
            if name in {"anchor", "alias", "tag"}:
                match = (_TAG if name == "tag" else _ANCHOR).match(self.text, at)
                return match.end() if match else at + 1
            if name == "block-scalar-header":
                return scanner.header_end(self.text, at)
            if name.endswith("quoted-scalar"):
                return scanner.quoted(self.text, at, floor)[0]
        except Fault:
            pass
        return at + 1

    def property(self, props: Props | None) -> Props:
        """Reads one anchor or tag into `props`, which is made where there is none."""
        at = self.pos
        props = props or Props(at, self.col)
        anchor = self.text[at] == "&"
        match = (_ANCHOR if anchor else _TAG).match(self.text, at)
        self.move_to(match.end() if match else at + 1)
        if (props.anchor if anchor else props.tag) is not None:
            what = "anchor" if anchor else "tag"
            raise Fault(f"A node can have at most one {what}", at, self.pos)
        source = self.text[at : self.pos]
        if anchor:
            if source == "&":
                raise Fault("Anchor cannot be an empty string", at, at + 1)
            props.anchor = source[1:]
        else:
            props.tag = self.directives.resolve(source, at)
            props.tag_span = (at, self.pos)
        props.last, props.end = at, self.pos
        after = self.text[self.pos : self.pos + 1]
        if after and after not in EMPTY and after not in ",]}":
            raise Fault(_PROPS, self.pos, self.pos + 1)
        return props

    def flow_scalar(self, floor: int, *, flow: bool) -> Node:
        """A plain or quoted scalar, or an alias."""
        self.count(1)
        text, start = self.text, self.pos
        ch = text[start]
        if ch == "*":
            match = _ANCHOR.match(text, start)
            end = match.end() if match else start + 1
            if end == start + 1:
                raise Fault("Alias cannot be an empty string", start, start + 1)
            self.move_to(end)
            return Alias(start, end, text[start + 1 : end])
        if ch in "\"'":
            end, value = scanner.quoted(text, start, floor)
            self.move(start, end)
            return Scalar(start, end, value, "double" if ch == '"' else "single")
        end, value = scanner.plain(text, start, floor, flow=flow)
        self.move(start, end)
        return Scalar(start, end, value, "plain")

    def enter(self) -> None:
        """Counts one level of nesting."""
        self.count(1)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Fault(f"Nested more than {MAX_DEPTH} levels deep", self.pos, self.pos + 1, "RangeError")

    def count(self, nodes: int) -> None:
        """Takes nodes out of those that there may be."""
        self.left -= nodes
        if self.left < 0:
            raise too_many(self.pos)

    def empty(self, props: Props | None, at: int) -> Scalar:
        """The scalar that is not written."""
        node = Scalar(at, at, "", "empty")
        set_properties(node, props)
        return node


def set_properties(node: Node, props: Props | None) -> None:
    """Gives a node its anchor and tag."""
    if props is None:
        return
    if isinstance(node, Alias):
        raise Fault("An alias node must not specify any properties", node.start, node.end)
    node.anchor, node.tag, node.tag_span = props.anchor, props.tag, props.tag_span


def has_newline(text: str, node: Node) -> bool:
    """Whether a key spans lines."""
    return "\n" in text[node.start : node.end]


def key_identity(node: Node | None, schema: str) -> tuple[str, object] | None:
    """What makes two keys of a map the same; None if the key equals nothing but itself."""
    if not isinstance(node, Scalar):
        return None
    value = resolve(node, schema)
    if isinstance(value, dict):  # bytes
        return None
    if isinstance(value, float) and value != value:  # noqa: PLR0124 -- NaN differs from itself
        return None
    kind = "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
    return kind, value
