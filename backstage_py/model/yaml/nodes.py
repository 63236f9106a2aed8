"""What the reader makes of a text, before anchors, tags and keys become plain data."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

MOST_NODES = 500_000
"""About: Python looks at all that is read whenever it looks for what can go, and lets nothing else run meanwhile."""
NODES_OF_DOCUMENT = 5
Style = Literal["plain", "single", "double", "literal", "folded", "empty"]


@dataclass(slots=True)
class Scalar:
    """One value that is neither a list nor a map; `text` is what the source says, unfolded and unescaped."""

    start: int
    end: int
    text: str
    style: Style
    anchor: str | None = None
    tag: str | None = None
    tag_span: tuple[int, int] = (-1, -1)


@dataclass(slots=True)
class Sequence:
    """A list, in block or flow style."""

    start: int
    end: int
    items: "list[Node]"
    flow: bool
    anchor: str | None = None
    tag: str | None = None
    tag_span: tuple[int, int] = (-1, -1)


@dataclass(slots=True)
class Mapping:
    """Pairs in source order; the value is None where a flow map names a key only."""

    start: int
    end: int
    pairs: "list[tuple[Node, Node | None]]"
    flow: bool
    anchor: str | None = None
    tag: str | None = None
    tag_span: tuple[int, int] = (-1, -1)


@dataclass(slots=True)
class Alias:
    """`*name`."""

    start: int
    end: int
    name: str


Node: TypeAlias = Scalar | Sequence | Mapping | Alias


@dataclass(slots=True)
class ParsedDocument:
    """One document of a stream: its root, or what is wrong with it."""

    root: Node | None
    schema: Literal["core", "1.1"]
    problem: "Fault | None" = None
    warnings: "tuple[Fault, ...]" = ()


@dataclass(slots=True)
class Fault(Exception):  # noqa: N818 -- becomes a YamlProblem as soon as the whole text is known
    """A problem at the half-open range of offsets [start, end) of the source.

    Attributes:
        cause: where an author has to mend something, if the JS package names another place; else negative.
    """

    message: str
    start: int
    end: int
    name: str = "YAMLParseError"
    cause: int = -1


def too_many(at: int) -> Fault:
    """Return the problem of a text that has more than ``MOST_NODES`` values."""
    return Fault(f"The text has more than {MOST_NODES:,} values", at, at + 1, "RangeError")
