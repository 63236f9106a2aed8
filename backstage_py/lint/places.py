"""From a value's path, and an offset in its text, to line and column of the source.

The text of a scalar is not what the file holds: escapes, folded lines and indentation are gone. Both are walked side by
side instead of undoing them: characters other than white space keep their order, so each is found at the next place
where the source has it.
"""

from backstage_py.lint.rule import Path
from backstage_py.model.yaml import Document
from backstage_py.model.yaml.nodes import Alias, Mapping, Node, Scalar, Sequence

_SPACE = frozenset(" \t\r\n\u0085\u2028\u2029")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "N": "\u0085", "_": "\u00a0", "L": "\u2028", "P": "\u2029"}
_ESCAPE_WIDTH = {"x": 2, "u": 4, "U": 8}
_MOST_ALIASES = 32


def locate(document: Document, path: Path, *, on_key: bool = False, offset: int | None = None) -> tuple[int, int]:
    """Return line and column of a value, of its key, or of a character of its text.

    A path that the source does not hold gives the nearest value above it.
    """
    if on_key:
        position = document.key_position(path)
        return position.line, position.column
    node = find(document, path) if offset is not None else None
    if offset is None or not isinstance(node, Scalar):
        position = document.position(path)
        return position.line, position.column
    at = node.start + source_offset(document.source.text[node.start : node.end], node, offset)
    return document.source.lines.place(at)


def find(document: Document, path: Path) -> Node | None:
    """Return the node of a value, None where the source has none."""
    parsed = document.source.parsed
    node = parsed[document.index].root if document.index < len(parsed) else None
    root = node
    for part in path:
        node = _child(_resolved(node, root), part)
    return _resolved(node, root)


def key(document: Document, path: Path) -> Scalar | None:
    """Return the node of the last key of a path, None where the source has none."""
    above = find(document, path[:-1])
    pairs = above.pairs if isinstance(above, Mapping) else []
    return next((one for one, _ in pairs if isinstance(one, Scalar) and one.text == str(path[-1])), None)


def _child(node: Node | None, part: str | int) -> Node | None:
    if isinstance(node, Sequence):
        return node.items[part] if isinstance(part, int) and part < len(node.items) else None
    if isinstance(node, Mapping):
        for key, value in node.pairs:
            if isinstance(key, Scalar) and key.text == str(part):
                return value
    return None


def _resolved(node: Node | None, root: Node | None) -> Node | None:
    for _ in range(_MOST_ALIASES):
        if not isinstance(node, Alias):
            return node
        node = _anchored(root, node.name)
    return None


def _anchored(root: Node | None, name: str) -> Node | None:
    pending = [root]
    while pending:
        node = pending.pop()
        if node is None or isinstance(node, Alias):
            continue
        if node.anchor == name:
            return node
        if isinstance(node, Sequence):
            pending.extend(node.items)
        elif isinstance(node, Mapping):
            pending.extend(child for pair in node.pairs for child in pair)
    return None


def source_offset(raw: str, node: Scalar, offset: int) -> int:
    """Return where in ``raw``, the source of a scalar, the character at ``offset`` of its text stands."""
    text = node.text
    at = _begin(raw, node)
    if node.style == "plain" and raw.startswith(text):
        return min(offset, len(raw))
    for character in text[:offset]:
        at = _after(raw, at, character, node.style)
    if offset < len(text) and text[offset] not in _SPACE:
        at = _next(raw, at, text[offset], node.style)
    return min(at, len(raw))


def source_span(raw: str, node: Scalar, start: int, end: int) -> tuple[int, int]:
    """Return where in ``raw`` the characters from ``start`` up to ``end``, at least one, of a scalar's text stand."""
    last = source_offset(raw, node, end - 1)
    plain = node.style == "plain" and raw.startswith(node.text)
    return source_offset(raw, node, start), last + (1 if plain else _width(raw, last, node.style))


def _begin(raw: str, node: Scalar) -> int:
    if node.style in ("literal", "folded"):
        return raw.find("\n") + 1
    return 1 if node.style in ("single", "double") else 0


def _after(raw: str, at: int, character: str, style: str) -> int:
    if character in _SPACE:
        if style == "double" and raw.startswith("\\", at) and at + 1 < len(raw) and raw[at + 1] not in "\r\n":
            return at + 2
        return at + 1 if at < len(raw) and raw[at] == character else at
    at = _next(raw, at, character, style)
    return at + _width(raw, at, style)


def _next(raw: str, at: int, character: str, style: str) -> int:
    while at < len(raw) and not _is(raw, at, character, style):
        if raw[at] not in _SPACE and raw[at] != "\\":
            break
        at += 1
    return at


def _is(raw: str, at: int, character: str, style: str) -> bool:
    if style == "double" and raw[at] == "\\" and at + 1 < len(raw):
        following = raw[at + 1]
        return _ESCAPED.get(following, following) == character or following in _ESCAPE_WIDTH
    return raw[at] == character


def _width(raw: str, at: int, style: str) -> int:
    if style == "single" and raw.startswith("''", at):
        return 2
    if style == "double" and raw.startswith("\\", at) and at + 1 < len(raw):
        return 2 + _ESCAPE_WIDTH.get(raw[at + 1], 0)
    return 1
