"""The syntax tree.

``pos`` is an offset: in an expression from its first character, in a statement from the start of the source. So the
same expression text gives the same nodes wherever it stands, and can be compiled once. Nothing changes a node after
the parser. These are plain classes, since dozens of dataclasses would take most of the time that the package needs to
start.
"""

from backstage_py.js.values import Value

CHANGES = 1
"""A method that changes its receiver is named, or a method is called by a computed name."""
DYNAMIC = 2
"""A member is looked up by a computed key."""
INDIRECT = 4
"""Something other than a member is called."""


class Node:
    """An expression."""

    __slots__ = ("pos",)

    def __init__(self, pos: int) -> None:
        self.pos = pos


class Literal(Node):
    """A text, number, true, false or null."""

    __slots__ = ("value",)

    def __init__(self, pos: int, value: Value) -> None:
        self.pos = pos
        self.value = value


class RegexLiteral(Node):
    """``r/source/flags``: a new object each time that it is evaluated."""

    __slots__ = ("flags", "source")

    def __init__(self, pos: int, source: str, flags: str) -> None:
        self.pos = pos
        self.source = source
        self.flags = flags


class Symbol(Node):
    """A name."""

    __slots__ = ("name",)

    def __init__(self, pos: int, name: str) -> None:
        self.pos = pos
        self.name = name


class Array(Node):
    """``[a, b]``."""

    __slots__ = ("items",)

    def __init__(self, pos: int, items: list[Node]) -> None:
        self.pos = pos
        self.items = items


class Group(Node):
    """``(a, b)``: evaluates all, gives the last."""

    __slots__ = ("items",)

    def __init__(self, pos: int, items: list[Node]) -> None:
        self.pos = pos
        self.items = items


class Dict(Node):
    """``{a: 1, "b": 2}``; a name is its own key."""

    __slots__ = ("pairs",)

    def __init__(self, pos: int, pairs: list[tuple[str, Node]]) -> None:
        self.pos = pos
        self.pairs = pairs


class Lookup(Node):
    """``target.name`` or ``target[key]``."""

    __slots__ = ("key", "target")

    def __init__(self, pos: int, target: Node, key: Node) -> None:
        self.pos = pos
        self.target = target
        self.key = key


class Slice(Node):
    """``target[start:stop:step]``; a part that is left out is None."""

    __slots__ = ("start", "step", "stop", "target")

    def __init__(self, pos: int, target: Node, start: Node | None, stop: Node | None, step: Node | None) -> None:
        self.pos = pos
        self.target = target
        self.start = start
        self.stop = stop
        self.step = step


class Arguments:
    """Arguments of a call, a filter or a test, or the parameters of a macro."""

    __slots__ = ("keywords", "positional")

    def __init__(self, positional: list[Node], keywords: list[tuple[str, Node]]) -> None:
        self.positional = positional
        self.keywords = keywords


class Call(Node):
    """``target(arguments)``."""

    __slots__ = ("arguments", "target")

    def __init__(self, pos: int, target: Node, arguments: Arguments) -> None:
        self.pos = pos
        self.target = target
        self.arguments = arguments


class Filter(Node):
    """``input | name(arguments)``."""

    __slots__ = ("arguments", "name", "source")

    def __init__(self, pos: int, name: str, source: Node, arguments: Arguments) -> None:
        self.pos = pos
        self.name = name
        self.source = source
        self.arguments = arguments


class Test(Node):
    """``left is name(arguments)``; ``name`` is "undefined" for what is no name, as in nunjitsu."""

    __slots__ = ("arguments", "left", "name")

    def __init__(self, pos: int, left: Node, name: str, arguments: Arguments | None) -> None:
        self.pos = pos
        self.left = left
        self.name = name
        self.arguments = arguments


class Unary(Node):
    """``-a``, ``+a``, ``not a``, and ``floor`` for ``//``."""

    __slots__ = ("operator", "target")

    def __init__(self, pos: int, operator: str, target: Node) -> None:
        self.pos = pos
        self.operator = operator
        self.target = target


class Binary(Node):
    """``+ - ~ * / % **``."""

    __slots__ = ("left", "operator", "right")

    def __init__(self, pos: int, operator: str, left: Node, right: Node) -> None:
        self.pos = pos
        self.operator = operator
        self.left = left
        self.right = right


class Logic(Node):
    """``and`` and ``or``: the side that decides."""

    __slots__ = ("left", "operator", "right")

    def __init__(self, pos: int, operator: str, left: Node, right: Node) -> None:
        self.pos = pos
        self.operator = operator
        self.left = left
        self.right = right


class In(Node):
    """``left in right``."""

    __slots__ = ("left", "right")

    def __init__(self, pos: int, left: Node, right: Node) -> None:
        self.pos = pos
        self.left = left
        self.right = right


class Compare(Node):
    """A chain of comparisons, each with the result of the one before on its left."""

    __slots__ = ("left", "operations")

    def __init__(self, pos: int, left: Node, operations: list[tuple[str, Node]]) -> None:
        self.pos = pos
        self.left = left
        self.operations = operations


class InlineIf(Node):
    """``body if condition else otherwise``."""

    __slots__ = ("body", "condition", "otherwise")

    def __init__(self, pos: int, condition: Node, body: Node, otherwise: Node | None) -> None:
        self.pos = pos
        self.condition = condition
        self.body = body
        self.otherwise = otherwise


class Capture(Node):
    """The text of a filter block, as the filter's input."""

    __slots__ = ("body",)

    def __init__(self, pos: int, body: "list[Statement]") -> None:
        self.pos = pos
        self.body = body


class Expression:
    """A parsed expression with what the compiler wants to know without walking it again.

    Attributes:
        root: the tree.
        names: the free names in it.
        cost: how many nodes it has, which is how much work one evaluation counts.
        flags: ``CHANGES``, ``DYNAMIC``, ``INDIRECT``; together they say whether a value may be changed.
        shared: whether the same source always gives this tree (not so with a captured body inside).
    """

    __slots__ = ("cost", "flags", "names", "root", "shared", "source")

    def __init__(self, source: str, root: Node, names: frozenset[str], cost: int, flags: int, *, shared: bool) -> None:
        self.source = source
        self.root = root
        self.names = names
        self.cost = cost
        self.flags = flags
        self.shared = shared


class Statement:
    """A statement; ``pos`` is the offset of its opening delimiter."""

    __slots__ = ("pos",)

    def __init__(self, pos: int) -> None:
        self.pos = pos


class Text(Statement):
    """Literal text."""

    __slots__ = ("text",)

    def __init__(self, pos: int, text: str) -> None:
        self.pos = pos
        self.text = text


class Output(Statement):
    """``${{ expression }}``; ``base`` is the offset of the expression."""

    __slots__ = ("base", "expression")

    def __init__(self, pos: int, base: int, expression: Expression) -> None:
        self.pos = pos
        self.base = base
        self.expression = expression


class If(Statement):
    """``if`` with its ``elif``: conditions with their bodies, and the ``else``."""

    __slots__ = ("branches", "otherwise")

    def __init__(
        self, pos: int, branches: list[tuple[int, Expression, list[Statement]]], otherwise: list[Statement] | None
    ) -> None:
        self.pos = pos
        self.branches = branches
        self.otherwise = otherwise


class For(Statement):
    """``for targets in iterable``."""

    __slots__ = ("base", "body", "iterable", "otherwise", "targets")

    def __init__(
        self,
        pos: int,
        targets: list[str],
        base: int,
        iterable: Expression,
        body: list[Statement],
        otherwise: list[Statement] | None,
    ) -> None:
        self.pos = pos
        self.targets = targets
        self.base = base
        self.iterable = iterable
        self.body = body
        self.otherwise = otherwise


class Set(Statement):
    """``set targets = value``, or a block whose text is the value."""

    __slots__ = ("base", "body", "targets", "value")

    def __init__(
        self, pos: int, targets: list[str], base: int, value: Expression | None, body: list[Statement] | None
    ) -> None:
        self.pos = pos
        self.targets = targets
        self.base = base
        self.value = value
        self.body = body


class Signature:
    """The parameters of a macro: plain names, and names with defaults."""

    __slots__ = ("base", "defaults", "positional")

    def __init__(self, base: int, positional: list[str], defaults: list[tuple[str, Expression]]) -> None:
        self.base = base
        self.positional = positional
        self.defaults = defaults


class Macro(Statement):
    """``macro name(signature)``."""

    __slots__ = ("body", "name", "signature")

    def __init__(self, pos: int, name: str, signature: Signature, body: list[Statement]) -> None:
        self.pos = pos
        self.name = name
        self.signature = signature
        self.body = body


class CallBlock(Statement):
    """``call(signature) macro(arguments)``: the body is handed over as ``caller``."""

    __slots__ = ("base", "body", "call", "signature")

    def __init__(self, pos: int, base: int, call: Expression, signature: Signature, body: list[Statement]) -> None:
        self.pos = pos
        self.base = base
        self.call = call
        self.signature = signature
        self.body = body


class Block(Statement):
    """``block name``: rendered where it stands, in a scope of its own."""

    __slots__ = ("body", "name")

    def __init__(self, pos: int, name: str, body: list[Statement]) -> None:
        self.pos = pos
        self.name = name
        self.body = body


class Switch(Statement):
    """``switch subject``; an empty case falls through to the next."""

    __slots__ = ("base", "cases", "default", "subject")

    def __init__(
        self,
        pos: int,
        base: int,
        subject: Expression,
        cases: list[tuple[int, Expression, list[Statement]]],
        default: list[Statement] | None,
    ) -> None:
        self.pos = pos
        self.base = base
        self.subject = subject
        self.cases = cases
        self.default = default


Body = list[Statement]


def children(node: Node) -> list[Node]:
    """The expressions directly inside an expression."""
    if isinstance(node, Array | Group):
        return node.items
    if isinstance(node, Dict):
        return [value for _, value in node.pairs]
    if isinstance(node, Lookup):
        return [node.target, node.key]
    if isinstance(node, Slice):
        return [node.target, *(part for part in (node.start, node.stop, node.step) if part is not None)]
    if isinstance(node, Call):
        return [node.target, *inside(node.arguments)]
    if isinstance(node, Filter):
        return [node.source, *inside(node.arguments)]
    if isinstance(node, Test):
        return [node.left, *(inside(node.arguments) if node.arguments else ())]
    if isinstance(node, Unary):
        return [node.target]
    if isinstance(node, Binary | Logic | In):
        return [node.left, node.right]
    if isinstance(node, Compare):
        return [node.left, *(operand for _, operand in node.operations)]
    if isinstance(node, InlineIf):
        return [node.condition, node.body, *([node.otherwise] if node.otherwise else ())]
    return []


def inside(arguments: Arguments) -> list[Node]:
    """The expressions of arguments."""
    return [*arguments.positional, *(value for _, value in arguments.keywords)]
