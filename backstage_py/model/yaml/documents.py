"""The public reading functions, and documents that know where their values stand."""

from collections.abc import Sequence as Path
from dataclasses import dataclass, field
from functools import cached_property

from backstage_py.model.json import Json
from backstage_py.model.yaml import fast, keys, parser, values
from backstage_py.model.yaml.nodes import Fault, Mapping, Node, ParsedDocument, Scalar, Sequence
from backstage_py.model.yaml.problems import Lines, YamlError, YamlProblem
from backstage_py.model.yaml.scalars import resolve


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text; both count from 1."""

    line: int
    column: int


class Source:
    """A text that is parsed exactly only when somebody asks for places or problems."""

    def __init__(self, text: str, filename: str | None) -> None:
        self.text = text
        self.filename = filename

    @cached_property
    def parsed(self) -> list[ParsedDocument]:
        """All documents as nodes."""
        return parser.parse(self.text)

    @cached_property
    def lines(self) -> Lines:
        """Offsets to lines."""
        return Lines(self.text)

    def place(self, offset: int) -> Position:
        """Position of an offset."""
        return Position(*self.lines.place(offset))


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a stream."""

    value: Json
    """Plain data; None if the document has errors."""
    source: Source = field(repr=False)
    index: int
    errors: tuple[YamlProblem, ...] = ()
    warnings: tuple[YamlProblem, ...] = ()

    def position(self, path: Path[str | int] = ()) -> Position:
        """Where the value at `path` starts, or the nearest one above it that the text holds."""
        return self.source.place(self._find(path)[1])

    def key_position(self, path: Path[str | int]) -> Position:
        """Where the key of the value at `path` starts; for a list item, the item itself."""
        return self.source.place(self._find(path)[0])

    def error(self) -> YamlError | None:
        """The first problem as an exception to raise, if there is one."""
        return YamlError(self.errors[0], self.source.filename) if self.errors else None

    def _find(self, path: Path[str | int]) -> tuple[int, int]:
        parsed = self.source.parsed
        node = parsed[self.index].root if self.index < len(parsed) else None
        if node is None:
            return 0, 0
        key = value = node.start
        schema = parsed[self.index].schema
        for part in path:
            found = _child(node, part, schema)
            if found is None:
                break
            key_node, child = found
            key = key_node.start
            value = child.start if child is not None else key_node.end
            if child is None:
                break
            node = child
        return key, value


def _child(node: Node, part: str | int, schema: str) -> tuple[Node, Node | None] | None:
    if isinstance(node, Sequence):
        if isinstance(part, int) and -len(node.items) <= part < len(node.items):
            return node.items[part], node.items[part]
        return None
    if not isinstance(node, Mapping):
        return None
    for key, value in node.pairs:
        if isinstance(key, Scalar):
            name = resolve(key, schema)
            if (name if isinstance(name, str) else keys.text(name)) == str(part):
                return key, value
    return None


def load_all(text: str | bytes, *, filename: str | None = None, merge: bool = False) -> list[Document]:
    """Every document of a stream; none for a text without any. Never raises: problems are in `Document.errors`.

    Args:
        text: bytes are read as UTF-8 with U+FFFD for what is not.
        filename: shown in errors.
        merge: `<<` merges maps (Backstage's `catalog.enableYamlMerge`); without it `<<` is an ordinary key.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    source = Source(text, filename)
    if fast.available() and not (merge and "<<" in text):
        try:
            return [Document(value, source, i) for i, value in enumerate(fast.read(text))]
        except fast.NeedsExactReader:
            pass
        except Fault as fault:
            return [Document(None, source, 0, (source.lines.problem(fault),))]
    return [_document(source, i, parsed, merge=merge) for i, parsed in enumerate(source.parsed)]


def _document(source: Source, index: int, parsed: ParsedDocument, *, merge: bool) -> Document:
    if parsed.problem is not None:
        return Document(None, source, index, (source.lines.problem(parsed.problem),))
    try:
        value, warnings = values.build(parsed, merge=merge)
    except Fault as fault:
        return Document(None, source, index, (source.lines.problem(fault),))
    found = tuple(source.lines.problem(fault) for fault in (*parsed.warnings, *warnings))
    return Document(value, source, index, (), found)


def load(text: str | bytes, *, filename: str | None = None, merge: bool = False) -> Json:
    """The value of a text with one document; None if it holds none.

    Raises:
        YamlError: the text is not valid YAML, or holds several documents.
    """
    documents = load_all(text, filename=filename, merge=merge)
    if not documents:
        return None
    first = documents[0]
    if (error := first.error()) is not None:
        raise error
    if len(documents) > 1:
        place = documents[1].position()
        message = "Source contains multiple documents; this place takes exactly one: remove the others and their `---`"
        line = first.source.lines.raw(place.line).rstrip("\r\n")
        raise YamlError(YamlProblem(message, place.line, place.column, pretty=message, source_line=line), filename)
    return first.value
