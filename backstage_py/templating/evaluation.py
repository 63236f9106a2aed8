"""The compiler of expressions: each node becomes a Python closure over the cells of an invocation.

A closure raises ``Failure`` with the offset of its node. Common shapes (a path of names, a comparison with a
constant, a method call) have closures of their own, which is where the speed comes from.
"""

from collections.abc import Callable

from backstage_py.js import convert, numbers
from backstage_py.js.convert import plain, strict_equal, truthy
from backstage_py.js.errors import Failure
from backstage_py.js.values import HoldingDict, HoldingList, Regex, Value, in_key_order
from backstage_py.templating import calls, closures, members, nodes
from backstage_py.templating.functions import Function
from backstage_py.templating.methods import table
from backstage_py.templating.nodes import Node
from backstage_py.templating.runtime import Cells, Evaluate

Read = Callable[[str], Evaluate]
"""Gives the closure that reads a name."""

CaptureCompiler = Callable[[nodes.Capture], Evaluate]

_HOLDERS = (Function, HoldingList, HoldingDict)


class ExpressionCompiler:
    """Compiles the expressions of one place.

    Args:
        read: gives the closure for a name.
        cookiecutter: whether records have the methods that Jinja's have.
        capture: compiles the body of a filter block.
        depth: levels of evaluation above the expression.
    """

    __slots__ = ("_capture", "_read", "cookiecutter", "depth")

    def __init__(
        self, read: Read, *, cookiecutter: bool, capture: CaptureCompiler | None = None, depth: int = 0
    ) -> None:
        self._read = read
        self.cookiecutter = cookiecutter
        self._capture = capture
        self.depth = depth

    def compile(self, node: Node) -> Evaluate:
        """The closure for a node."""
        return _COMPILERS[type(node)](self, node)

    def condition(self, node: Node) -> Evaluate:
        """A closure that gives True or False, as ``if`` sees the value."""
        value = self.compile(node)
        if isinstance(node, nodes.Compare | nodes.In | nodes.Test):
            return value
        if isinstance(node, nodes.Unary) and node.operator == "not":
            return value
        if isinstance(node, nodes.Logic):
            return self._logic_condition(node)
        return lambda cells: truthy(value(cells))

    def _logic_condition(self, node: nodes.Logic) -> Evaluate:
        left = self.condition(node.left)
        right = self.condition(node.right)
        if node.operator == "and":
            return lambda cells: left(cells) and right(cells)
        return lambda cells: left(cells) or right(cells)

    # Constants, names, literals --------------------------------------------------------------------------------------

    def literal(self, node: nodes.Literal) -> Evaluate:
        """A constant."""
        value = node.value
        return lambda _cells: value

    def regex(self, node: nodes.RegexLiteral) -> Evaluate:
        """A regular expression, new each time."""
        return lambda _cells: Regex(node.source, node.flags)

    def symbol(self, node: nodes.Symbol) -> Evaluate:
        """A name."""
        return self._read(node.name)

    def array(self, node: nodes.Array) -> Evaluate:
        """An array."""
        items = [self.compile(item) for item in node.items]

        def build(cells: Cells) -> Value:
            values = [item(cells) for item in items]
            return HoldingList(values) if _hold_function(values) else values

        return build

    def dict(self, node: nodes.Dict) -> Evaluate:
        """A record."""
        pairs = [(key, self.compile(value)) for key, value in node.pairs]

        def build(cells: Cells) -> Value:
            record = in_key_order({key: value(cells) for key, value in pairs})
            return HoldingDict(record) if _hold_function(list(record.values())) else record

        return build

    def group(self, node: nodes.Group) -> Evaluate:
        """Parentheses."""
        if len(node.items) == 1:
            return self.compile(node.items[0])
        *before, last = [self.compile(item) for item in node.items]

        def evaluate(cells: Cells) -> Value:
            for item in before:
                plain(item(cells))
            return last(cells)

        return closures.located(evaluate, node.pos)

    def capture(self, node: nodes.Capture) -> Evaluate:
        """The text of a filter block."""
        if self._capture is None:  # pragma: no cover - the statement compiler always gives one
            raise AssertionError("a capture outside of a filter block")
        return self._capture(node)

    # Members ---------------------------------------------------------------------------------------------------------

    def lookup(self, node: nodes.Lookup) -> Evaluate:
        """Members by constant keys, several at once."""
        if not isinstance(node.key, nodes.Literal):
            return self._computed(node)
        keys = []
        target: Node = node
        while isinstance(target, nodes.Lookup) and isinstance(target.key, nodes.Literal):
            keys.append(convert.to_string(target.key.value))
            target = target.target
        keys.reverse()
        base = self.compile(target)
        if self.cookiecutter:
            return members.jinja_path(base, keys)
        return members.path(base, keys)

    def _computed(self, node: nodes.Lookup) -> Evaluate:
        target = self.compile(node.target)
        key = self.compile(node.key)
        cookiecutter = self.cookiecutter

        def look(cells: Cells) -> Value:
            value = target(cells)
            name = key(cells)
            if type(value) is list and type(name) is int and 0 <= name < len(value):
                return value[name]
            return table.member(value, convert.to_string(name), cookiecutter=cookiecutter)

        return closures.located(look, node.pos)

    def slice(self, node: nodes.Slice) -> Evaluate:
        """A slice."""
        target = self.compile(node.target)
        start = self._or_null(node.start)
        stop = self._or_null(node.stop)
        step = self._or_null(node.step) if node.step is not None else (lambda _cells: 1)

        def cut(cells: Cells) -> Value:
            return members.slice_of(cells[0], target(cells), start(cells), stop(cells), step(cells))

        return closures.located(cut, node.pos)

    def _or_null(self, node: Node | None) -> Evaluate:
        return (lambda _cells: None) if node is None else self.compile(node)

    # Operators -------------------------------------------------------------------------------------------------------

    def unary(self, node: nodes.Unary) -> Evaluate:
        """A sign, ``not``, or the floor of ``//``."""
        if node.operator == "not":
            condition = self.condition(node.target)
            return lambda cells: not condition(cells)
        target = self.compile(node.target)
        apply = {"-": numbers.negate, "+": lambda value: value, "floor": numbers.floor}[node.operator]
        return closures.located(lambda cells: apply(convert.to_number(target(cells))), node.pos)

    def binary(self, node: nodes.Binary) -> Evaluate:
        """Arithmetic and ``~``."""
        left = self.compile(node.left)
        right = self.compile(node.right)
        apply = convert.BINARY[node.operator]

        def calculate(cells: Cells) -> Value:
            try:
                value = apply(left(cells), right(cells))
                if type(value) is str:
                    cells[0].charge_text(value)
                return value
            except Failure as failure:
                raise failure.at(node.pos)  # noqa: B904 - the same failure

        return calculate

    def logic(self, node: nodes.Logic) -> Evaluate:
        """``and`` and ``or``."""
        left = self.compile(node.left)
        right = self.compile(node.right)
        if node.operator == "and":

            def both(cells: Cells) -> Value:
                value = left(cells)
                return right(cells) if truthy(value) else value

            return both

        def either(cells: Cells) -> Value:
            value = left(cells)
            return value if truthy(value) else right(cells)

        return either

    def compare(self, node: nodes.Compare) -> Evaluate:
        """Comparisons."""
        left = self.compile(node.left)
        operator, operand = node.operations[0]
        if len(node.operations) > 1:
            return self._chain(node, left)
        apply = convert.COMPARE[operator]
        if isinstance(operand, nodes.Literal) and type(operand.value) is str and operator in {"==", "===", "!=", "!=="}:
            return _compare_text(left, operand.value, operator, node.pos)
        right = self.compile(operand)

        def decide(cells: Cells) -> Value:
            try:
                return apply(left(cells), right(cells))
            except Failure as failure:
                raise failure.at(node.pos)  # noqa: B904 - the same failure

        return decide

    def _chain(self, node: nodes.Compare, left: Evaluate) -> Evaluate:
        operations = [(convert.COMPARE[operator], self.compile(operand)) for operator, operand in node.operations]

        def decide(cells: Cells) -> Value:
            value = left(cells)
            for apply, right in operations:
                value = apply(value, right(cells))
            return value

        return closures.located(decide, node.pos)

    def membership(self, node: nodes.In) -> Evaluate:
        """``in``."""
        left = self.compile(node.left)
        right = self.compile(node.right)

        def decide(cells: Cells) -> Value:
            needle = left(cells)
            return convert.contains(right(cells), needle)

        return closures.located(decide, node.pos)

    def inline_if(self, node: nodes.InlineIf) -> Evaluate:
        """An inline ``if``; without ``else`` it gives empty text."""
        condition = self.condition(node.condition)
        body = self.compile(node.body)
        otherwise = (lambda _cells: "") if node.otherwise is None else self.compile(node.otherwise)
        return lambda cells: body(cells) if condition(cells) else otherwise(cells)


_COMPILERS: dict[type, Callable[[ExpressionCompiler, "Node"], Evaluate]] = {
    nodes.Literal: ExpressionCompiler.literal,  # type: ignore[dict-item]  # each method takes its own kind of node
    nodes.RegexLiteral: ExpressionCompiler.regex,  # type: ignore[dict-item]
    nodes.Symbol: ExpressionCompiler.symbol,  # type: ignore[dict-item]
    nodes.Array: ExpressionCompiler.array,  # type: ignore[dict-item]
    nodes.Dict: ExpressionCompiler.dict,  # type: ignore[dict-item]
    nodes.Group: ExpressionCompiler.group,  # type: ignore[dict-item]
    nodes.Capture: ExpressionCompiler.capture,  # type: ignore[dict-item]
    nodes.Lookup: ExpressionCompiler.lookup,  # type: ignore[dict-item]
    nodes.Slice: ExpressionCompiler.slice,  # type: ignore[dict-item]
    nodes.Unary: ExpressionCompiler.unary,  # type: ignore[dict-item]
    nodes.Binary: ExpressionCompiler.binary,  # type: ignore[dict-item]
    nodes.Logic: ExpressionCompiler.logic,  # type: ignore[dict-item]
    nodes.Compare: ExpressionCompiler.compare,  # type: ignore[dict-item]
    nodes.In: ExpressionCompiler.membership,  # type: ignore[dict-item]
    nodes.InlineIf: ExpressionCompiler.inline_if,  # type: ignore[dict-item]
    nodes.Call: calls.compile_call,  # type: ignore[dict-item]
    nodes.Filter: calls.compile_filter,  # type: ignore[dict-item]
    nodes.Test: calls.compile_test,  # type: ignore[dict-item]
}


def _hold_function(values: list[Value]) -> bool:
    return any(isinstance(value, _HOLDERS) for value in values)


def _compare_text(left: Evaluate, text: str, operator: str, pos: int) -> Evaluate:
    """Comparison with a constant text."""
    negated = operator[0] == "!"
    loose = convert.COMPARE["=="] if len(operator) == 2 else strict_equal  # noqa: PLR2004 - == and !=

    def decide(cells: Cells) -> Value:
        value = left(cells)
        if type(value) is str:
            return (value == text) is not negated
        try:
            return loose(value, text) is not negated
        except Failure as failure:
            raise failure.at(pos)  # noqa: B904 - the same failure

    return decide
