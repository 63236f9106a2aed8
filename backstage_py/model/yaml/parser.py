"""Text to nodes: a recursive descent that stops at the first problem of each document.

Between block nodes the cursor stands on the first token of a line (or at the document's end), so that a collection
decides by the column alone whether it goes on.
"""

import re
from dataclasses import dataclass, field, replace

from backstage_py.model.yaml import scanner
from backstage_py.model.yaml.cursor import ONE_LINE, Props, has_newline, set_properties
from backstage_py.model.yaml.flow import FlowCursor
from backstage_py.model.yaml.nodes import (
    NODES_OF_DOCUMENT,
    Alias,
    Fault,
    Mapping,
    Node,
    ParsedDocument,
    Scalar,
    Sequence,
)

_COLUMN = "All mapping items must start at the same column"
_SEQUENCE_KEY = "A block sequence may not be used as an implicit map key"
_TABS = "Tabs are not allowed as indentation"
_LONGEST_KEY = 1024
_LOOK_AHEAD = 100
_STREAM_BLANKS = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)+|[ \t]*(?:#[^\n]*)?\Z")
_NEXT_DOCUMENT = re.compile(r"^(?:---|\.\.\.)(?=[ \t\r\n]|\Z)", re.MULTILINE)


def parse(text: str) -> list[ParsedDocument]:
    """Every document of a stream, each with its root or its first problem."""
    return Parser(text).documents()


@dataclass(slots=True)
class Parser(FlowCursor):
    """Reads one text, once."""

    warnings: list[Fault] = field(default_factory=list)

    def documents(self) -> list[ParsedDocument]:
        """See `parse`."""
        found: list[ParsedDocument] = []
        open_document = False
        while self.left >= 0 and self._to_document(found, open_document=open_document):
            found.append(self._document())
            open_document = True
        return found

    # the stream

    def _to_document(self, found: list[ParsedDocument], *, open_document: bool) -> bool:
        """Skips what stands between documents; False at the end of the stream.

        Args:
            found: the documents before; one that ends with `...` may turn out to be wrong there.
            open_document: the last of them may still be ended with `...`; without it `...` makes an empty document.
        """
        text = self.text
        directed = False
        while self.pos < len(text):
            if text.startswith("\ufeff", self.pos):
                self.pos += 1
            elif text.startswith("...", self.pos) and scanner.MARKER.match(text, self.pos):
                if not open_document:
                    found.append(ParsedDocument(None, "core"))
                open_document = False
                self._document_end(found[-1])
            elif text.startswith("%", self.pos):
                directed = True
                if (fault := self._directive()) is not None:
                    found.append(self._failed(fault))
                    directed = False
            elif (match := _STREAM_BLANKS.match(text, self.pos)) and match.end() > self.pos:
                self.pos = match.end()
            else:
                break
        self.line = self.pos
        if self.pos < len(text) and directed and not text.startswith("---", self.pos):
            at = self.pos
            self.pos += 1
            found.append(self._failed(Fault("Missing directives-end/doc-start indicator line", at, at + 1)))
            return self._to_document(found, open_document=True)
        return self.pos < len(text)

    def _directive(self) -> Fault | None:
        stop = scanner.line_end(self.text, self.pos)
        at, self.pos = self.pos, self._after_line(stop)
        try:
            self.directives.add(self.text[at:stop], at, self.warnings)
        except Fault as fault:
            return fault
        return None

    def _document_end(self, document: ParsedDocument) -> None:
        self.line = self.pos
        self.move_to(self.pos + 3)
        try:
            ended = self.rest_of_line()
        except Fault:
            ended = True
        if not ended:
            fault = self.unexpected("at node end")
            failed = self._failed(fault)
            document.problem = document.problem or failed.problem

    def _after_line(self, stop: int) -> int:
        newline = self.text.find("\n", stop)
        return len(self.text) if newline == -1 else newline + 1

    def _document(self) -> ParsedDocument:
        self.depth = 0
        self.in_flow = False
        schema = self.directives.schema
        warnings, self.warnings = self.warnings, []
        try:
            self.count(NODES_OF_DOCUMENT)
            root = self._root()
        except Fault as fault:
            return self._failed(fault)
        finally:
            self.directives = self.directives.after_document()
        return ParsedDocument(root, schema, None, tuple(warnings))

    def _failed(self, fault: Fault) -> ParsedDocument:
        """Goes on at the next marker: what follows a problem in its own document tells nothing new."""
        search_from = min(max(self.pos, fault.start), len(self.text))
        marker = _NEXT_DOCUMENT.search(self.text, search_from)
        self.pos = marker.start() if marker else len(self.text)
        return ParsedDocument(None, "core", fault)

    def _root(self) -> Node:
        marked = scanner.MARKER.match(self.text, self.pos) is not None
        if marked:
            self.move_to(self.pos + 3)
        else:
            self.next_token()
        root = self._block_node(-1, 0, inline=not marked, fresh=not marked)
        if not self.at_end():
            raise self._left_at_root(root)
        return root

    def _left_at_root(self, root: Node) -> Fault:
        """A second line break after a scalar closes the document; what follows belongs to nothing."""
        closed = isinstance(root, Scalar | Alias) or root.flow
        if self.text[self.pos] in "]}" or self.indicator(self.pos) == ":":
            return self.unexpected_in_stream()
        if closed and "\n" in self.text[self.value_end : self.pos]:
            return self.unexpected_in_stream()
        return self.unexpected("at node end")

    # block nodes

    def _block_node(self, indent: int, floor: int, *, inline: bool, fresh: bool = False, same: bool = False) -> Node:
        """The node after an indicator, or an empty scalar; then stands on the first token of a later line.

        Args:
            indent: column of the collection that holds the node, -1 for the document.
            floor: least indentation of the lines that continue a scalar.
            inline: a block collection may start on the line of the indicator.
            fresh: the cursor already stands on the first token of a line.
            same: a list may stand in the column of the map that holds it.
        """
        self.enter()
        begin = self.pos
        node: Node
        outer: Props | None = None
        own: Props | None = None
        while True:
            if not fresh and self.rest_of_line():
                self.next_token()
                fresh = True
            if fresh and own is not None:
                outer, own = merged(outer, own), None
            if fresh:
                inline = True
            if self._is_empty_here(indent, fresh=fresh, same=same):
                node = self.empty(merged(outer, own), begin)
                break
            if self.text[self.pos] not in "&!":
                node = self._content(indent, floor, outer, own, inline=inline, fresh=fresh)
                break
            if inline:
                self._check_tab()
            own = self.property(own)
            fresh = False
        self.depth -= 1
        return node

    def _is_empty_here(self, indent: int, *, fresh: bool, same: bool) -> bool:
        if self.pos >= len(self.text):
            return True
        if not fresh:
            return False
        if self.at_marker():
            return True
        if self.col > indent:
            return False
        return not (same and self.col == indent and self.indicator(self.pos) == "-")

    def _content(
        self, indent: int, floor: int, outer: Props | None, own: Props | None, *, inline: bool, fresh: bool
    ) -> Node:
        at, tab = self.pos, self.tab
        root_flow = indent < 0 and self.text[at] in "[{"
        if tab >= 0 and fresh and self.col <= max(indent, 0) and not root_flow:
            raise Fault(_TABS, tab, tab + 1)
        mark = self.indicator(at)
        if mark == "-":
            self._check_sequence_start(indent, own, inline=inline)
            self._check_tab()
            node: Node = self._sequence()
            set_properties(node, outer)
            return node
        ch = self.text[at]
        if ch in "|>" and not mark:
            return self._block_scalar(indent, floor, merged(outer, own))
        column = own.column if own else self.col
        first = None if mark else self._flow_node(floor, root=indent < 0)
        if mark or self._colon_follows():
            if isinstance(first, Sequence | Mapping) and not inline and indent >= 0:
                self._keyless_pair_follows(indent)
                set_properties(first, merged(outer, own))
                return first
            start = own.start if own else at
            if not inline:
                raise self._compact(start, indent, first)
            if tab >= 0:
                raise Fault(_TABS, tab, tab + 1)
            node = self._mapping(column, start, first, own)
            set_properties(node, outer)
            return node
        node = first if first is not None else self.empty(None, at)
        set_properties(node, merged(outer, own))
        if not self.rest_of_line():
            raise self._leftover(node, indent, floor, inline=inline)
        self.value_end = self.pos
        self.next_token()
        return node

    def _keyless_pair_follows(self, column: int) -> None:
        """A colon after a bracketed value on its key's line starts another pair of the same map, with an empty key.

        `a: [x]: z` is `{"a": ["x"], "": "z"}` in the JS package.
        """
        self.col = column
        self.value_end = self.pos
        self.tab = -1

    def _leftover(self, node: Node, indent: int, floor: int, *, inline: bool) -> Fault:
        """The fault of a second value on the line; with a colon behind it, both were meant as a key."""
        if self.text[self.pos] in "]}":
            return self.unexpected_in_stream()
        fault = self.unexpected("at node end", floor)
        fault.cause = node.start
        at = fault.end
        while self.text.startswith((" ", "\t"), at):
            at += 1
        if self.indicator(at) != ":":
            return fault
        return self.unexpected("token") if inline else self._compact(node.start, indent)

    def _compact(self, at: int, indent: int, key: Node | None = None) -> Fault:
        if indent < 0:
            return Fault("Block collection cannot start on same line with directives-end marker", at, at + 1)
        cause = self._last_line(key, indent) if key else -1
        return Fault("Nested mappings are not allowed in compact mappings", at, at + 1, cause=cause)

    def _last_line(self, node: Node, column: int) -> int:
        """Where the text of a node's last line begins: that line is probably indented too far.

        Unless the line of its key is the one that is not in line with others: the first of its map, in an odd column.
        """
        at = max(self.text.rfind("\n", node.start, node.end) + 1, node.start)
        while self.text.startswith((" ", "\t"), at):
            at += 1
        alone = column % 2 == 1 and self._column_of(at) % 2 == 0 and not self._begins_above(node.start, column)
        return node.start if alone else at

    def _begins_above(self, at: int, column: int) -> bool:
        """Whether a line above that of an offset begins in a column, with none between that begins before it."""
        for line in reversed(self.text[: self.text.rfind("\n", 0, at) + 1].split("\n")[-_LOOK_AHEAD:]):
            found = len(line) - len(line.lstrip(" "))
            if line.strip() and found <= column:
                return found == column
        return False

    def _check_sequence_start(self, indent: int, own: Props | None, *, inline: bool) -> None:
        at = self.pos
        if not inline and indent < 0:
            raise self._compact(at, indent)
        if not inline:
            raise Fault("Unexpected block-seq-ind on same line with key", at, at + 1)
        if own is not None:
            raise Fault("Missing newline after block sequence props", own.last, own.last + 1)

    def _check_tab(self) -> None:
        if self.tab >= 0:
            raise Fault(_TABS, self.tab, self.tab + 1)

    def _block_scalar(self, indent: int, floor: int, props: Props | None) -> Scalar:
        start = self.pos
        header = scanner.block_header(self.text, start)
        end, value = scanner.block(self.text, header, max(indent, 0), floor, root=indent < 0)
        node = Scalar(start, end, value, "folded" if header.folded else "literal")
        set_properties(node, props)
        self.line = end
        self.move_to(end)
        self.value_end = end
        self.next_token()
        return node

    def _flow_node(self, floor: int, *, root: bool) -> Node:
        ch = self.text[self.pos]
        if ch in "[{":
            return self.flow_collection(floor, 1, root=root)
        if ch in "]}":
            raise self.unexpected_in_stream("document" if root else "stream")
        return self.flow_scalar(floor, flow=False)

    def _colon_follows(self) -> bool:
        """Whether a colon indicator follows on the same line; the cursor then stands on it."""
        at = self.pos
        while self.text.startswith((" ", "\t"), at):
            at += 1
        if self.indicator(at) != ":":
            return False
        self.move_to(at)
        return True

    # block collections

    def _sequence(self) -> Sequence:
        column, start = self.col, self.pos
        items: list[Node] = []
        while True:
            self.move_to(self.pos + 1)
            items.append(self._block_node(column, column + 1, inline=True))
            if self.at_end() or self.col < column:
                break
            dash = self.indicator(self.pos) == "-"
            if self.tab >= 0 and self.col <= column:
                raise Fault(_TABS, self.tab, self.tab + 1)
            if self.col > column:
                at = self.pos if dash else self.value_end
                message = (
                    "All sequence items must start at the same column" if dash else "Sequence item without - indicator"
                )
                raise Fault(message, at, at + 1, cause=self.pos)
            if not dash:
                break
        return Sequence(start, items[-1].end, items, flow=False)

    def _mapping(self, column: int, start: int, first: Node | None, props: Props | None) -> Mapping:
        """The map whose first key was read already, or whose first token is `?` or `:`."""
        pairs: list[tuple[Node, Node | None]] = []
        seen: set[tuple[str, object]] = set()
        key, at = first, start
        self.value_end = start
        while True:
            pairs.append(self._pair(column, key, props, at, seen))
            if self.at_end() or self.col < column:
                break
            if self.tab >= 0 and self.col <= column:
                raise Fault(_TABS, self.tab, self.tab + 1)
            self._check_item_start(column, pairs)
            at = self.pos
            props = self._key_props()
            if self.indicator(self.pos) == "-":
                raise Fault(_SEQUENCE_KEY, at, at + 1)
            key = None if self.indicator(self.pos) else self._key(column)
        last = pairs[-1][1] or pairs[-1][0]
        return Mapping(start, last.end, pairs, flow=False)

    def _check_item_start(self, column: int, pairs: list[tuple[Node, Node | None]]) -> None:
        at = self.value_end
        if self.indicator(self.pos) == "-":
            if self.col == column and self._on_key_line(pairs[-1][1]):
                raise Fault(ONE_LINE, self.pos, self.pos + 1)
            raise Fault(_SEQUENCE_KEY, at, at + 1, cause=self.pos)
        if self.col != column and self.indicator(self.pos) != ":":
            raise Fault(_COLUMN, at, at + 1, cause=self._misaligned(column, pairs))

    def _misaligned(self, column: int, pairs: list[tuple[Node, Node | None]]) -> int:
        """Which key is not in line with the others: the one at the cursor, or the only one before it.

        One key against one is decided by the columns, which are even in most files.
        """
        before, other = pairs, column
        inner = pairs[-1][1]
        follow = self._lines_in_column()
        first = len(pairs) == 1 and self.col == column + 1 and (follow > 1 or column % 2 == 1)
        if not first and self.col > column and isinstance(inner, Mapping) and not inner.flow:
            before, other = inner.pairs, self._column_of(inner.start)
        alone = len(before) == 1 and (follow > 1 or (other % 2 == 1 and self.col % 2 == 0))
        return before[0][0].start if alone else self.pos

    def _column_of(self, at: int) -> int:
        return at - (self.text.rfind("\n", 0, at) + 1)

    def _lines_in_column(self) -> int:
        """How many lines from the cursor on begin in its column, up to one that begins before it."""
        count = 0
        for line in self.text[self.line :].split("\n", _LOOK_AHEAD)[:_LOOK_AHEAD]:
            column = len(line) - len(line.lstrip(" "))
            if line.strip() and column < self.col:
                break
            count += bool(line.strip()) and column == self.col
        return count

    def _on_key_line(self, value: Node | None) -> bool:
        """Whether a value stands on the line of its colon."""
        if value is None:
            return True
        line = self.text.rfind("\n", 0, value.start) + 1
        return bool(self.text[line : value.start].strip(" \t"))

    def _key_props(self) -> Props | None:
        props: Props | None = None
        while self.pos < len(self.text) and self.text[self.pos] in "&!":
            props = self.property(props)
            if self.rest_of_line():
                self.next_token()
                raise Fault(ONE_LINE, self.pos, self.pos + 1)
        return props

    def _key(self, column: int) -> Node:
        at = self.pos
        if self.text[at] in "|>":
            raise Fault(ONE_LINE, at, at + 1)
        key = self._flow_node(column, root=False)
        if self._colon_follows():
            return key
        if has_newline(self.text, key):
            raise Fault(ONE_LINE, key.start, key.end)
        self.rest_of_line()
        raise Fault("Implicit map keys need to be followed by map values", key.start, key.end)

    def _pair(
        self, column: int, key: Node | None, props: Props | None, at: int, seen: set[tuple[str, object]]
    ) -> tuple[Node, Node | None]:
        """One item; the cursor stands on its colon, or on its `?`."""
        if self.indicator(self.pos) == "?":
            return self._explicit_pair(column, seen)
        if key is None:
            key = self.empty(props, at)
        else:
            set_properties(key, props)
            if has_newline(self.text, key):
                raise Fault(ONE_LINE, key.start, key.end)
        self._check_duplicate(key, seen)
        if at < self.pos - _LONGEST_KEY:
            message = "The : indicator must be at most 1024 chars after the start of an implicit block mapping key"
            raise Fault(message, key.start, key.end)
        self.move_to(self.pos + 1)
        self.value_end = self.pos
        return key, self._block_node(column, column + 1, inline=False, same=True)

    def _explicit_pair(self, column: int, seen: set[tuple[str, object]]) -> tuple[Node, Node | None]:
        self.move_to(self.pos + 1)
        key = self._block_node(column, column + 1, inline=True, same=True)
        self._check_duplicate(key, seen)
        if self.at_end() or self.col != column or self.indicator(self.pos) != ":":
            return key, None
        self.move_to(self.pos + 1)
        self.value_end = self.pos
        return key, self._block_node(column, column + 1, inline=True, same=True)


def merged(outer: Props | None, own: Props | None) -> Props | None:
    """Properties of one node on two lines; raises if both lines name the same kind."""
    if outer is None or own is None:
        return own or outer
    if outer.anchor is not None and own.anchor is not None:
        raise Fault("A node can have at most one anchor", own.last, own.end)
    if outer.tag is not None and own.tag is not None:
        raise Fault("A node can have at most one tag", own.last, own.end)
    tagged = own if own.tag is not None else outer
    return replace(own, anchor=own.anchor or outer.anchor, tag=tagged.tag, tag_span=tagged.tag_span)
