"""The parser of expressions.

Precedence, from weak to strong: inline ``if``; ``or``; ``and``; ``not``; ``in``; ``is``; ``== === != !==``;
``< <= > >=``; ``+ - ~``; ``* / // %``; ``**``; ``|``; unary ``+ -``; calls and members. All operators associate to
the left, ``**`` too.
"""

import re

from backstage_py.js.errors import Failure, LimitFailure
from backstage_py.js.numbers import Number, normal
from backstage_py.js.text import fuse
from backstage_py.templating import nodes
from backstage_py.templating.exchange import RESERVED
from backstage_py.templating.lexer import Token
from backstage_py.templating.limits import Limits
from backstage_py.templating.methods.names import CHANGING
from backstage_py.templating.nodes import CHANGES, DYNAMIC, INDIRECT, Arguments, Expression, Node
from backstage_py.templating.token_reader import TokenReader

_OR, _AND, _NOT, _IN, _IS, _EQUAL, _RELATION, _SUM, _PRODUCT, _POWER = range(1, 11)
_LEVELS = {
    "==": _EQUAL,
    "===": _EQUAL,
    "!=": _EQUAL,
    "!==": _EQUAL,
    "<": _RELATION,
    "<=": _RELATION,
    ">": _RELATION,
    ">=": _RELATION,
    "+": _SUM,
    "-": _SUM,
    "~": _SUM,
    "*": _PRODUCT,
    "/": _PRODUCT,
    "//": _PRODUCT,
    "%": _PRODUCT,
    "**": _POWER,
}
_WORD_LEVELS = {"or": _OR, "and": _AND, "in": _IN, "is": _IS}
_CONSTANTS = {"true": True, "false": False, "none": None, "null": None}
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_TALLEST = 8 * Limits().nesting
"""Operators in a row, each of which nests the ones before: as many are refused by the compiler, who sees them later."""
_WORDS = frozenset({*_WORD_LEVELS, *_CONSTANTS, "not", "if", "else"})


def _number(text: str) -> Number:
    return int(text) if text.isdigit() and len(text) < 16 else normal(float(text))  # noqa: PLR2004 - always safe


class ExpressionParser(TokenReader):
    """Parses the code of one tag."""

    __slots__ = ("_flags", "_names", "cost")

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self._names: set[str] = set()
        self._flags = 0
        self.cost = 0

    # What the statement parser asks for -----------------------------------------------------------------------------

    def expression(self) -> Expression:
        """The whole code, or the rest of it, as one expression."""
        whole = self._index == 0
        root = self._inline_if()
        self.end()
        return self.finish(root, shared=whole)

    def part(self) -> Expression:
        """One expression that something else follows."""
        return self.finish(self._inline_if(), shared=False)

    def finish(self, root: Node, *, shared: bool) -> Expression:
        """The expression for a tree that this parser built."""
        made = Expression(self._code, root, frozenset(self._names), self.cost, self._flags, shared=shared)
        self._names, self._flags, self.cost = set(), 0, 0
        return made

    def targets(self) -> list[str]:
        """``a, b`` of a set or for tag."""
        targets = []
        while True:
            token = self._expect("name")
            if token.value in _CONSTANTS:
                raise self.failure(f'"{token.value}" cannot be assigned to', token)
            self._allowed(token.value, token)
            targets.append(token.value)
            if not self.take(","):
                return targets

    def arguments(self) -> Arguments:
        """Arguments up to and with the closing parenthesis; the opening one is already taken."""
        positional: list[Node] = []
        keywords: list[tuple[str, Node]] = []
        if self.take(")"):
            return Arguments(positional, keywords)
        while True:
            token = self.peek()
            if token.kind == "name" and self.peek(1).value == "=":
                self._allowed(token.value, token)
                self._index += 1
                self.expect(")", "=")
                keywords.append((token.value, self._inline_if()))
            else:
                positional.append(self._inline_if())
            if not self.take(","):
                break
        self.expect(")")
        return Arguments(positional, keywords)

    def filter(self, source: Node) -> Node:
        """One filter with its arguments, applied to a node."""
        first = self._expect("name")
        self._allowed(first.value, first)
        name = first.value
        while self.take("."):
            segment = self._expect("name")
            self._allowed(segment.value, segment)
            name += f".{segment.value}"
        arguments = self.arguments() if self.take("(") else Arguments([], [])
        self.cost += 1
        return nodes.Filter(first.pos, name, source, arguments)

    # Precedence climbing ---------------------------------------------------------------------------------------------

    def _inline_if(self) -> Node:
        body = self._climb(_OR)
        if not self.take_name("if"):
            return body
        condition = self._climb(_OR)
        otherwise = self._climb(_OR) if self.take_name("else") else None
        self.cost += 1
        return nodes.InlineIf(body.pos, condition, body, otherwise)

    def _climb(self, minimum: int) -> Node:
        token = self.peek()
        if minimum <= _NOT and token.value == "not" and token.kind == "name":
            self._index += 1
            left = self._lower_not(self._climb(_NOT), token.pos)
            ceiling = _NOT
        else:
            left = self._filtered()
            ceiling = _POWER
        operators = 0
        while True:
            operators += 1
            if operators > _TALLEST:
                raise LimitFailure("nesting", Limits().nesting)
            token = self.peek()
            level = self._level(token)
            if not minimum <= level <= ceiling:
                return left  # a second "is" belongs to no operator: what binds more strongly was taken by the operand
            left = self._operator(left, token, level)
            ceiling = level - 1 if level == _IS else level

    def _level(self, token: Token) -> int:
        """The precedence of an infix operator, 0 for anything else.

        Comparison operators and ``not in`` are told by their text alone, so a string "==" works as one: as observed
        in nunjitsu 0.7.0.
        """
        value = token.value
        if token.kind == "end":
            return 0
        if token.kind == "name":
            if value == "not" and self.peek(1).value == "in":
                return _IN
            return _WORD_LEVELS.get(value, 0)
        level = _LEVELS.get(value, 0)
        if token.kind != "operator" and level not in {_EQUAL, _RELATION}:
            return _IN if value == "not" and self.peek(1).value == "in" else 0
        return level

    def _operator(self, left: Node, token: Token, level: int) -> Node:
        if level == _PRODUCT:
            return self._product(left)
        self.cost += 1
        if level in {_EQUAL, _RELATION}:
            return self._comparison(left, level)
        self._index += 1
        if level in {_OR, _AND}:
            return nodes.Logic(left.pos, token.value, left, self._climb(level + 1))
        if level == _IN:
            return self._membership(left, token)
        if level == _IS:
            return self._test(left)
        right = self._climb(_PRODUCT) if level == _SUM else self._filtered()
        return nodes.Binary(left.pos, token.value, left, right)

    def _comparison(self, left: Node, level: int) -> Node:
        operations = []
        while self._level(self.peek()) == level:
            operator = self.advance().value
            operations.append((operator, self._climb(level + 1)))
        return nodes.Compare(left.pos, left, operations)

    def _membership(self, left: Node, token: Token) -> Node:
        negated = token.value == "not"
        if negated:
            self._index += 1
        node: Node = nodes.In(left.pos, left, self._climb(_IS))
        return nodes.Unary(left.pos, "not", node) if negated else node

    def _test(self, left: Node) -> Node:
        negated = self.take_name("not")
        right = self._climb(_EQUAL)
        name, arguments = "undefined", None
        if isinstance(right, nodes.Call):
            arguments = right.arguments
            name = self._test_name(right.target)
        elif isinstance(right, nodes.Filter):
            arguments = Arguments([right.source, *right.arguments.positional], right.arguments.keywords)
            name = right.name
        else:
            name = self._test_name(right)
        node: Node = nodes.Test(right.pos, left, name, arguments)
        return nodes.Unary(left.pos, "not", node) if negated else node

    @staticmethod
    def _test_name(node: Node) -> str:
        """The name of a test; anything but a name or a constant means "undefined", as observed in nunjitsu 0.7.0."""
        if isinstance(node, nodes.Symbol):
            return node.name
        if isinstance(node, nodes.Literal):
            if node.value is None:
                return "null"
            return str(node.value).lower() if isinstance(node.value, bool) else str(node.value)
        if isinstance(node, nodes.RegexLiteral):
            return f"/{node.source}/{node.flags}"
        return "undefined"

    def _product(self, first: Node) -> Node:
        """A chain of ``* / // %``.

        It is evaluated from left to right, except that ``//`` floors only its own stretch of ``%`` and ``//``, up to
        the ``*`` or ``/`` in front of it: as observed in nunjitsu 0.7.0, ``a * b // c`` is ``a * floor(b / c)``.
        """
        left: Node | None = None
        operator = ""
        while True:
            stretch, remainders = self._stretch(first)
            left = stretch if left is None else self._binary(operator, left, stretch)
            for divisor in remainders:
                left = self._binary("%", left, divisor)
            token = self.peek()
            if token.kind != "operator" or token.value not in {"*", "/"}:
                return left
            operator = self.advance().value
            first = self._power()

    def _stretch(self, first: Node) -> tuple[Node, list[Node]]:
        """Factors joined by ``%`` and ``//``: the floored part, and the remainders that are still to be taken."""
        remainders = self._remainders()
        while self.take("//"):
            quotient = first
            for divisor in remainders:
                quotient = self._binary("%", quotient, divisor)
            quotient = self._binary("/", quotient, self._power())
            for divisor in self._remainders():
                quotient = self._binary("%", quotient, divisor)
            self.cost += 1
            first = nodes.Unary(quotient.pos, "floor", quotient)
            remainders = []
        return first, remainders

    def _remainders(self) -> list[Node]:
        divisors = []
        while self.take("%"):
            divisors.append(self._power())
        return divisors

    def _power(self) -> Node:
        left = self._filtered()
        while self.take("**"):
            left = self._binary("**", left, self._filtered())
        return left

    def _binary(self, operator: str, left: Node, right: Node) -> Node:
        self.cost += 1
        return nodes.Binary(left.pos, operator, left, right)

    def _lower_not(self, target: Node, pos: int) -> Node:
        """``not`` binds to the first operand of a sum, product or comparison only.

        As observed in nunjitsu 0.7.0, where it stands for JavaScript's ``!``: ``not a == b`` is ``(not a) == b``.
        """
        if isinstance(target, nodes.Binary) and target.operator != "**":
            return nodes.Binary(pos, target.operator, self._lower_not(target.left, pos), target.right)
        if isinstance(target, nodes.Compare):
            return nodes.Compare(pos, self._lower_not(target.left, pos), target.operations)
        self.cost += 1
        return nodes.Unary(pos, "not", target)

    # Operands --------------------------------------------------------------------------------------------------------

    def _filtered(self) -> Node:
        node = self._unary()
        while self.take("|"):
            node = self.filter(node)
        return node

    def _unary(self) -> Node:
        token = self.peek()
        if token.kind != "operator" or token.value not in {"-", "+"}:
            return self._postfix()
        self._index += 1
        target = self._unary()
        if isinstance(target, nodes.Unary) and target.operator == token.value:
            raise Failure(f'Write "{token.value}({token.value}x)" to apply the sign twice', pos=target.pos, syntax=True)
        self.cost += 1
        return nodes.Unary(token.pos, token.value, target)

    def _postfix(self) -> Node:
        node = self._primary()
        while True:
            token = self.peek()
            if token.kind != "operator":
                return node
            if token.value == ".":
                self._index += 1
                key = self._expect("name")
                self._allowed(key.value, key)
                node = self._member(node, key.value, key.pos)
            elif token.value == "[":
                self._index += 1
                node = self._subscript(node)
            elif token.value == "(":
                self._index += 1
                node = self._call(node)
            else:
                return node

    def _member(self, target: Node, name: str, pos: int) -> Node:
        if name in CHANGING:
            self._flags |= CHANGES
        self.cost += 2
        return nodes.Lookup(pos, target, nodes.Literal(pos, name))

    def _call(self, target: Node) -> Node:
        if not isinstance(target, nodes.Lookup):
            self._flags |= INDIRECT
        elif not isinstance(target.key, nodes.Literal):
            self._flags |= CHANGES
        self.cost += 1
        return nodes.Call(target.pos, target, self.arguments())

    def _subscript(self, target: Node) -> Node:
        pos = self.peek().pos
        start = stop = step = None
        if self.peek().value not in {":", "]"}:
            start = self._inline_if()
        if not self.take(":"):
            self.expect("]")
            if start is None:
                raise self.failure("Expected a key between the brackets")
            return self._lookup(target, start)
        if self.peek().value not in {":", "]"}:
            stop = self._inline_if()
        if self.take(":") and self.peek().value != "]":
            step = self._inline_if()
        self.expect("]")
        self.cost += 4
        self._flags |= DYNAMIC
        return nodes.Slice(pos, target, start, stop, step)

    def _lookup(self, target: Node, key: Node) -> Node:
        self.cost += 1
        if isinstance(key, nodes.Literal):
            if isinstance(key.value, str):
                self._allowed(key.value, self.peek())
                if key.value in CHANGING:
                    self._flags |= CHANGES
        else:
            self._flags |= DYNAMIC
        return nodes.Lookup(key.pos, target, key)

    def _primary(self) -> Node:
        token = self.advance()
        kind = token.kind
        self.cost += 1
        if kind == "name":
            if token.value in _CONSTANTS:
                return nodes.Literal(token.pos, _CONSTANTS[token.value])
            self._allowed(token.value, token)
            self._names.add(token.value)
            return nodes.Symbol(token.pos, token.value)
        if kind == "string":
            return nodes.Literal(token.pos, fuse(token.value))
        if kind == "number":
            return nodes.Literal(token.pos, _number(token.value))
        if kind == "regex":
            source, _, flags = token.value.rpartition("/")
            return nodes.RegexLiteral(token.pos, source, flags)
        if kind == "operator":
            if token.value == "(":
                items = self._delimited(")")
                if not items:
                    raise self.failure("The parentheses are empty", token)
                return nodes.Group(token.pos, items)
            if token.value == "[":
                return nodes.Array(token.pos, self._delimited("]"))
            if token.value == "{":
                return nodes.Dict(token.pos, self._pairs())
        self._index -= 1
        if kind == "end":
            raise self.failure("An expression is missing at the end", token)
        raise self.failure(f'Expected an expression, not "{token.value}"', token)

    def _delimited(self, closing: str) -> list[Node]:
        items: list[Node] = []
        if self.take(closing):
            return items
        while True:
            items.append(self._inline_if())
            if not self.take(","):
                self.expect(closing)
                return items

    def _pairs(self) -> list[tuple[str, Node]]:
        pairs: list[tuple[str, Node]] = []
        if self.take("}"):
            return pairs
        while True:
            key = self.advance()
            if key.kind not in {"name", "string"} or (key.kind == "name" and key.value in _CONSTANTS):
                raise self.failure("A key must be a name or a string", key)
            self._allowed(key.value, key)
            self.expect(":")
            pairs.append((fuse(key.value), self._inline_if()))
            if not self.take(","):
                self.expect("}")
                return pairs

    def _allowed(self, name: str, token: Token) -> None:
        if name in RESERVED:
            raise self.failure(f'The name "{name}" is reserved', token)


def parse_expression(code: str) -> Expression:
    """Parses the code of a tag that is one expression.

    Raises:
        Failure: it is none; ``pos`` is an offset in the code.
    """
    trimmed = code.rstrip()
    match = _PATH.match(trimmed)
    if match is not None and match.end() == len(trimmed):
        names = trimmed.split(".")
        if not (RESERVED.union(_WORDS).intersection(names) or CHANGING.intersection(names) or "r" in names):
            return _path(code, names)
    return ExpressionParser(code).expression()


def _path(code: str, names: list[str]) -> Expression:
    """The tree of ``a.b.c``, by far the most common expression, without tokens."""
    node: Node = nodes.Symbol(0, names[0])
    pos = len(names[0])
    for name in names[1:]:
        node = nodes.Lookup(pos + 1, node, nodes.Literal(pos + 1, name))
        pos += len(name) + 1
    return Expression(code, node, frozenset(names[:1]), 2 * len(names) - 1, 0, shared=True)
