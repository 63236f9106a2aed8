"""The syntax tree: each kind of node declares its fields, and all have one ``children()``.

The fields stand in the order of the source. ``pos`` is an offset: in an expression from its first character, in a
statement from the start of the source. So the same expression text gives the same nodes wherever it stands, and can
be compiled once; ``Placed`` says where. Nothing changes a node after the parser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, dataclass_transform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstage_py.js.values import Value

CHANGES = 1
"""A method that changes its receiver is named, or a method is called by a computed name."""
DYNAMIC = 2
"""A member is looked up by a computed key."""
INDIRECT = 4
"""Something other than a member is called."""


_PLAIN = frozenset({"Value", "bool", "frozenset[str]", "int", "list[str]", "str"})
"""Declarations of fields that hold no part of the tree."""


@dataclass_transform(eq_default=False, frozen_default=True)
class _Declared(type):
    """Makes the slots and ``__match_args__`` of a node from its annotations, as a dataclass would.

    Dozens of dataclasses would take most of the time that the package needs to start.
    """

    inner: tuple[str, ...]
    """The fields that hold parts of the tree."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> _Declared:
        declared: dict[str, str] = namespace.get("__annotations__", {})
        namespace["__slots__"] = tuple(declared)
        namespace["__match_args__"] = (*(vars(bases[0])["__match_args__"] if bases else ()), *declared)
        made = super().__new__(cls, name, bases, namespace)
        made.inner = tuple(field for field, kind in declared.items() if kind not in _PLAIN)
        return made


class Part(metaclass=_Declared):
    """Anything in the tree."""

    def __init__(self, *values: Any, **named: Any) -> None:
        """Writes the constructor of this kind when the first of it is made, and calls it."""
        kind = type(self)
        fields: tuple[str, ...] = kind.__match_args__
        lines = [f"def __init__(self, {', '.join(fields)}):", *(f"    self.{field} = {field}" for field in fields)]
        namespace: dict[str, Any] = {}
        exec("\n".join(lines), namespace)  # noqa: S102 - of declared names only, as dataclasses do
        kind.__init__ = namespace["__init__"]  # type: ignore[method-assign]  # the same for all of a kind
        kind.__init__(self, *values, **named)

    def children(self) -> list[Part]:
        """The parts directly inside, in the order of the source."""
        found: list[Part] = []
        for field in type(self).inner:
            value = getattr(self, field)
            if type(value) is list:
                found += [item[1] if type(item) is tuple else item for item in value]
            elif value is not None:
                found.append(value)
        return found


class Node(Part):
    """An expression."""

    pos: int


class Literal(Node):
    """A text, number, true, false or null."""

    value: Value


class RegexLiteral(Node):
    """``r/source/flags``: a new object each time that it is evaluated."""

    source: str
    flags: str


class Symbol(Node):
    """A name."""

    name: str


class Array(Node):
    """``[a, b]``."""

    items: list[Node]


class Group(Node):
    """``(a, b)``: evaluates all, gives the last."""

    items: list[Node]


class Dict(Node):
    """``{a: 1, "b": 2}``; a name is its own key."""

    pairs: list[tuple[str, Node]]


class Lookup(Node):
    """``target.name`` or ``target[key]``."""

    target: Node
    key: Node


class Slice(Node):
    """``target[start:stop:step]``; a part that is left out is None."""

    target: Node
    start: Node | None
    stop: Node | None
    step: Node | None


class Arguments(Part):
    """Arguments of a call, a filter or a test."""

    positional: list[Node]
    keywords: list[tuple[str, Node]]


class Call(Node):
    """``target(arguments)``."""

    target: Node
    arguments: Arguments


class Filter(Node):
    """``source | name(arguments)``."""

    name: str
    source: Node
    arguments: Arguments


class Test(Node):
    """``left is name(arguments)``; ``name`` is "undefined" for what is no name, as in nunjitsu."""

    left: Node
    name: str
    arguments: Arguments | None


class Unary(Node):
    """``-a``, ``+a``, ``not a``, and ``floor`` for ``//``."""

    operator: str
    target: Node


class Binary(Node):
    """``+ - ~ * / % **``."""

    operator: str
    left: Node
    right: Node


class Logic(Node):
    """``and`` and ``or``: the side that decides."""

    operator: str
    left: Node
    right: Node


class In(Node):
    """``left in right``."""

    left: Node
    right: Node


class Compare(Node):
    """A chain of comparisons, each with the result of the one before on its left."""

    left: Node
    operations: list[tuple[str, Node]]


class InlineIf(Node):
    """``body if condition else otherwise``."""

    condition: Node
    body: Node
    otherwise: Node | None


class Capture(Node):
    """The text of a filter block, as the filter's input."""

    body: Body


class Expression(Part):
    """A parsed expression with what the compiler wants to know without walking it again.

    Attributes:
        root: the tree.
        names: the free names in it.
        cost: how many nodes it has, which is how much work one evaluation counts.
        flags: ``CHANGES``, ``DYNAMIC``, ``INDIRECT``; together they say whether a value may be changed.
        shared: whether the same source always gives this tree (not so with a captured body inside).
    """

    source: str
    root: Node
    names: frozenset[str]
    cost: int
    flags: int
    shared: bool


class Placed(Part):
    """An expression in a template; ``base`` is the offset of its first character in the source."""

    base: int
    expression: Expression


class Statement(Part):
    """A statement; ``pos`` is the offset of its opening delimiter."""

    pos: int


class Text(Statement):
    """Literal text."""

    text: str


class Output(Statement):
    """``${{ value }}``, or a filter block."""

    value: Placed


class Branch(Part):
    """``if``, ``elif`` or ``case`` with what it guards."""

    condition: Placed
    body: Body


class If(Statement):
    """``if`` with its ``elif``, and the ``else``."""

    branches: list[Branch]
    otherwise: Body | None


class For(Statement):
    """``for targets in iterable``."""

    targets: list[str]
    iterable: Placed
    body: Body
    otherwise: Body | None


class Set(Statement):
    """``set targets = value``, or a block whose text is the value; ``base`` is the offset of what is stored."""

    targets: list[str]
    base: int
    value: Placed | None
    body: Body | None


class Signature(Part):
    """The parameters of a macro: plain names, and names with defaults."""

    positional: list[str]
    defaults: list[tuple[str, Placed]]


class Macro(Statement):
    """``macro name(signature)``."""

    name: str
    signature: Signature
    body: Body


class CallBlock(Statement):
    """``call(signature) macro(arguments)``: the body is handed over as ``caller``."""

    signature: Signature
    call: Placed
    body: Body


class Block(Statement):
    """``block name``: rendered where it stands, in a scope of its own."""

    name: str
    body: Body


class Switch(Statement):
    """``switch subject``; an empty case falls through to the next."""

    subject: Placed
    cases: list[Branch]
    default: Body | None


Body = list[Statement]


def statements(*parts: Part) -> Iterator[Statement]:
    """All statements in the parts, those inside others too, in the order of the source."""
    for part in parts:
        if isinstance(part, Statement):
            yield part
        if type(part) is not Expression:
            yield from statements(*part.children())
        elif type(part.root) is Filter and type(part.root.source) is Capture:
            yield from statements(part.root.source)  # the only place for statements in an expression


def expressions(statement: Statement) -> Iterator[Placed]:
    """The expressions of a statement itself."""
    for child in statement.children():
        if type(child) is Placed:
            yield child
        elif type(child) is Branch:
            yield child.condition
        elif type(child) is Signature:
            yield from (default for _, default in child.defaults)


def uses(body: Body | None, name: str) -> bool:
    """Whether an expression inside the statements has the free name."""
    return any(name in placed.expression.names for each in statements(*body or ()) for placed in expressions(each))
