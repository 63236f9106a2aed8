"""Flow collections: `[a, b: c]` and `{a: 1}`."""

from dataclasses import dataclass

from backstage_py.model.yaml import scanner
from backstage_py.model.yaml.cursor import FLOW, ONE_LINE, Cursor, Props, has_newline, key_identity, set_properties
from backstage_py.model.yaml.nodes import Fault, Mapping, Node, Scalar, Sequence

_ONE_LINE_PAIR = "Implicit keys of flow sequence pairs need to be on a single line"
_BLOCK = "Block collections are not allowed within flow collections"
_LONGEST_KEY = 1024


@dataclass(frozen=True, slots=True)
class _Frame:
    """What the parts of one collection know of it."""

    is_map: bool
    floor: int
    level: int
    root: bool
    start: int

    @property
    def name(self) -> str:
        return "flow map" if self.is_map else "flow sequence"

    @property
    def close(self) -> str:
        return "}" if self.is_map else "]"

    def unclosed(self, at: int) -> Fault:
        name = self.name.capitalize()
        if self.root:
            return Fault(f"{name} must end with a {self.close}", at, at + 1, cause=self.start)
        message = f"{name} in block collection must be sufficiently indented and end with a {self.close}"
        return Fault(message, at, at + 1, cause=self.start)


@dataclass(slots=True)
class FlowCursor(Cursor):
    """Reads flow collections."""

    def flow_collection(self, floor: int, level: int, *, root: bool) -> Sequence | Mapping:
        """The collection at the cursor; `level` counts from 1 at the outermost."""
        self.enter()
        start = self.pos
        frame = _Frame(self.text[start] == "{", floor, level, root, start)
        self.move_to(start + 1)
        items: list[Node] = []
        pairs: list[tuple[Node, Node | None]] = []
        seen: set[tuple[str, object]] = set()
        while self._next_item(frame, first=not items and not pairs):
            item = self._item(frame)
            if isinstance(item, tuple):
                if frame.is_map:
                    self._check_duplicate(item[0], seen)
                    pairs.append(item)
                else:
                    last = item[1] or item[0]
                    items.append(Mapping(item[0].start, last.end, [item], flow=True))
            else:
                items.append(item)
        self.move_to(self.pos + 1)
        self.depth -= 1
        if frame.is_map:
            return Mapping(start, self.pos, pairs, flow=True)
        return Sequence(start, self.pos, items, flow=True)

    def _check_duplicate(self, key: Node, seen: set[tuple[str, object]]) -> None:
        same = key_identity(key, self.directives.schema)
        if same is None:
            return
        if same in seen:
            raise Fault("Map keys must be unique", key.start, key.start + 1)
        seen.add(same)

    def _next_item(self, frame: _Frame, *, first: bool) -> bool:
        comma = False
        self._flow_gap(frame)
        while self.text[self.pos] == ",":
            if first or comma:
                raise Fault(f"Unexpected , in {frame.name}", self.pos, self.pos + 1)
            comma = True
            self.move_to(self.pos + 1)
            self._flow_gap(frame)
        ch = self.text[self.pos]
        if ch in "]}":
            if ch != frame.close:
                raise frame.unclosed(self.pos)
            return False
        if not first and not comma:
            raise Fault(f"Missing , between {frame.name} items", self.pos, self.pos + 1)
        return True

    def _flow_gap(self, frame: _Frame) -> None:
        """Skips to the next token of the collection, which must be indented more than its block parent."""
        newline, indent = False, 0
        while self.rest_of_line() if self.pos < len(self.text) else False:
            newline = True
            if self.pos >= len(self.text):
                break
            indent = self._indentation()
        if self.pos >= len(self.text):
            raise frame.unclosed(self.pos)
        if not newline:
            return
        ch = self.text[self.pos]
        closes = indent == frame.floor - 1 and frame.level == 1 and ch in "]}"
        if (indent < frame.floor and not closes) or (
            self.pos == self.line and scanner.MARKER.match(self.text, self.pos)
        ):
            raise frame.unclosed(self.pos)

    def _indentation(self) -> int:
        """Skips the white space at the start of a line; only spaces count as indentation."""
        at = self.pos
        while self.text.startswith(" ", self.pos):
            self.pos += 1
        indent = self.pos - at
        while self.pos < len(self.text) and self.text[self.pos] in " \t":
            self.pos += 1
        return indent

    def _flow_props(self, frame: _Frame) -> Props | None:
        props: Props | None = None
        while self.text[self.pos] in "&!":
            props = self.property(props)
            self._flow_gap(frame)
        return props

    def _item(self, frame: _Frame) -> Node | tuple[Node, Node | None]:
        begin = self.pos
        props = self._flow_props(frame)
        explicit = self.indicator(self.pos, flow=True) == "?"
        if explicit:
            if props:
                raise Fault("Anchors and tags must be after the ? indicator", self.pos, self.pos + 1)
            self.move_to(self.pos + 1)
            self._flow_gap(frame)
            props = self._flow_props(frame)
        key = self._flow_value(frame, props)
        after_key = self.pos
        self._flow_gap(frame)
        if self._is_colon(key):
            if not frame.is_map and not explicit:
                self._check_implicit_key(key, begin, after_key)
            self.move_to(self.pos + 1)
            return key, self._pair_value(frame)
        if self.text[self.pos] not in ",]}" and self.indicator(self.pos, flow=True) != "?":
            raise self._missing_separator(frame, key)
        return (key, None) if frame.is_map or explicit else key

    def _is_colon(self, key: Node) -> bool:
        """A quoted or bracketed key needs no white space after its colon, as in JSON."""
        if self.indicator(self.pos, flow=True) == ":":
            return True
        quoted = isinstance(key, Scalar) and key.style in {"single", "double"}
        return (quoted or isinstance(key, Sequence | Mapping)) and self.text.startswith(":", self.pos)

    def _check_implicit_key(self, key: Node, begin: int, after_key: int) -> None:
        if has_newline(self.text, key):
            raise Fault(_ONE_LINE_PAIR, key.start, key.end)
        newline = self.text.find("\n", after_key, self.pos)
        if newline != -1:
            raise Fault(_ONE_LINE_PAIR, newline, newline + 1)
        if begin < self.pos - _LONGEST_KEY:
            raise Fault(
                "The : indicator must be at most 1024 chars after the start of an implicit flow sequence key",
                self.pos,
                self.pos + 1,
            )

    def _missing_separator(self, frame: _Frame, key: Node) -> Fault:
        at = self.pos
        if not frame.is_map and has_newline(self.text, key):
            return Fault(_ONE_LINE_PAIR, key.start, key.end)
        if self.text[at] == ":":
            end = scanner.plain(self.text, at, 0, flow=True)[0]
            return Fault(f"Missing space after : in {frame.name}", at, end)
        return Fault(f"Missing , or : between {frame.name} items", at, at + 1)

    def _pair_value(self, frame: _Frame) -> Node:
        self._flow_gap(frame)
        props = self._flow_props(frame)
        value = self._flow_value(frame, props)
        if value.start != value.end:
            self._check_value_end(value)
        return value

    def _check_value_end(self, value: Node) -> None:
        """After the value of a pair only a comma, the end, a comment or a line break may follow."""
        at = self.pos
        while at < len(self.text) and self.text[at] in " \t":
            at += 1
        if self.indicator(at, flow=True) == ":":
            if isinstance(value, Sequence | Mapping):
                return
            if has_newline(self.text, value):
                raise Fault(ONE_LINE, value.start, value.end)
            inner = at + 1
            while inner < len(self.text) and self.text[inner] in " \t":
                inner += 1
            raise Fault(_BLOCK, value.start, scanner.plain_end(self.text, inner, 0, flow=True))
        if at < len(self.text) and self.text[at] not in ",]}#\r\n":
            self.move_to(at)
            self.in_flow = True
            raise self.unexpected("at node end")

    def _flow_value(self, frame: _Frame, props: Props | None) -> Node:
        ch = self.text[self.pos]
        mark = self.indicator(self.pos, flow=True)
        if mark == "-":
            end = self.pos + 1
            while self.text.startswith((" ", "\t"), end):
                end += 1
            raise Fault(_BLOCK, self.pos, end)
        if ch in ",]}" or mark:
            return self.empty(props, self.pos)
        if ch in FLOW:
            node: Node = self.flow_collection(frame.floor, frame.level + 1, root=False)
        else:
            node = self.flow_scalar(frame.floor, flow=True)
        set_properties(node, props)
        return node
