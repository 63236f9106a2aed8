"""The compiler of expressions: each node becomes a Python closure over the cells of an invocation.

A closure raises ``Failure`` with the offset of its node. Common shapes (a path of names, a comparison with a
constant, a method call) have closures of their own, which is where the speed comes from.
"""

from collections.abc import Callable

from backstage_py.js import convert, numbers
from backstage_py.js.convert import plain, strict_equal, truthy
from backstage_py.js.errors import Failure
from backstage_py.js.values import HoldingDict, HoldingList, Regex, Value, in_key_order
from backstage_py.templating import hints, members, nodes
from backstage_py.templating.filters.table import FILTERS
from backstage_py.templating.functions import Function, check_count, refuse_keywords
from backstage_py.templating.macros import Macro
from backstage_py.templating.methods import table
from backstage_py.templating.nodes import Arguments, Node
from backstage_py.templating.runtime import Cells, Evaluate
from backstage_py.templating.tests import TESTS

Read = Callable[[str], Evaluate]
"""Gives the closure that reads a name."""

CaptureCompiler = Callable[[nodes.Capture], Evaluate]

CALL_DEPTH = 6
"""Levels of evaluation from a call to the statements of the macro, as nunjitsu counts them."""

_HOLDERS = (Function, HoldingList, HoldingDict)


class ExpressionCompiler:
    """Compiles the expressions of one place.

    Args:
        read: gives the closure for a name.
        cookiecutter: whether records have the methods that Jinja's have.
        capture: compiles the body of a filter block.
        depth: levels of evaluation above the expression.
    """

    __slots__ = ("_capture", "_cookiecutter", "_depth", "_read")

    def __init__(
        self, read: Read, *, cookiecutter: bool, capture: CaptureCompiler | None = None, depth: int = 0
    ) -> None:
        self._read = read
        self._cookiecutter = cookiecutter
        self._capture = capture
        self._depth = depth

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

        return _located(evaluate, node.pos)

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
        if self._cookiecutter:
            return members.jinja_path(base, keys)
        return members.path(base, keys)

    def _computed(self, node: nodes.Lookup) -> Evaluate:
        target = self.compile(node.target)
        key = self.compile(node.key)
        cookiecutter = self._cookiecutter

        def look(cells: Cells) -> Value:
            value = target(cells)
            name = key(cells)
            if type(value) is list and type(name) is int and 0 <= name < len(value):
                return value[name]
            return table.member(value, convert.to_string(name), cookiecutter=cookiecutter)

        return _located(look, node.pos)

    def slice(self, node: nodes.Slice) -> Evaluate:
        """A slice."""
        target = self.compile(node.target)
        start = self._or_null(node.start)
        stop = self._or_null(node.stop)
        step = self._or_null(node.step) if node.step is not None else (lambda _cells: 1)

        def cut(cells: Cells) -> Value:
            return members.slice_of(cells[0], target(cells), start(cells), stop(cells), step(cells))

        return _located(cut, node.pos)

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
        return _located(lambda cells: apply(convert.to_number(target(cells))), node.pos)

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

        return _located(decide, node.pos)

    def membership(self, node: nodes.In) -> Evaluate:
        """``in``."""
        left = self.compile(node.left)
        right = self.compile(node.right)

        def decide(cells: Cells) -> Value:
            needle = left(cells)
            return convert.contains(right(cells), needle)

        return _located(decide, node.pos)

    def inline_if(self, node: nodes.InlineIf) -> Evaluate:
        """An inline ``if``; without ``else`` it gives empty text."""
        condition = self.condition(node.condition)
        body = self.compile(node.body)
        otherwise = (lambda _cells: "") if node.otherwise is None else self.compile(node.otherwise)
        return lambda cells: body(cells) if condition(cells) else otherwise(cells)

    # Calls -----------------------------------------------------------------------------------------------------------

    def arguments(self, arguments: Arguments) -> tuple[list[Evaluate], list[tuple[str, Evaluate]]]:
        """Closures for positional and keyword arguments."""
        positional = [self.compile(argument) for argument in arguments.positional]
        return positional, [(name, self.compile(argument)) for name, argument in arguments.keywords]

    def call(self, node: nodes.Call) -> Evaluate:
        """A call."""
        if isinstance(node.target, nodes.Lookup) and isinstance(node.target.key, nodes.Literal):
            return self._method_call(node, node.target, convert.to_string(node.target.key.value))
        target = self.compile(node.target)
        return self._general_call(node, target)

    def _general_call(self, node: nodes.Call, target: Evaluate) -> Evaluate:
        positional, keywords = self.arguments(node.arguments)
        count = len(positional)
        path = _path_of(node.target)
        depth = self._depth + CALL_DEPTH

        def call(cells: Cells) -> Value:
            try:
                function = target(cells)
                if not isinstance(function, Function):
                    raise _not_callable(function, path)
                function.check(count, keywords=bool(keywords))
                given = [argument(cells) for argument in positional]
                named = {name: value(cells) for name, value in keywords}
                if type(function) is Macro:
                    return function.enter(cells[0], given, named, depth)
                return function.invoke(cells[0], given, named)
            except Failure as failure:
                raise failure.at(node.pos)  # noqa: B904 - the same failure

        return call

    def _method_call(self, node: nodes.Call, lookup: nodes.Lookup, name: str) -> Evaluate:
        """A call of a member: a method of the value if it has one, else whatever the member is."""
        receiver = self.compile(lookup.target)
        positional, keywords = self.arguments(node.arguments)
        count = len(positional)
        has_keywords = bool(keywords)
        path = _path_of(lookup)
        cookiecutter = self._cookiecutter

        def call(cells: Cells) -> Value:
            try:
                value = receiver(cells)
                method = table.find(value, name, cookiecutter=cookiecutter)
                state = cells[0]
                if method is not None:
                    plain(value)
                    if type(value) is str:
                        state.charge_text(value)
                    refuse_keywords(f'"{name}"', keywords=has_keywords)
                    check_count(f'"{name}"', count, method.least, method.most)
                    given = [plain(argument(cells)) for argument in positional]
                    return method.function(state, value, given)
                function = table.member(value, name, cookiecutter=cookiecutter)
                if not isinstance(function, Function):
                    raise _not_callable(function, path or name, _method_hint(value, name))
                function.check(count, keywords=has_keywords)
                given = [argument(cells) for argument in positional]
                return function.invoke(state, given, {key: argument(cells) for key, argument in keywords})
            except Failure as failure:
                raise failure.at(node.pos)  # noqa: B904 - the same failure

        return call

    def filter(self, node: nodes.Filter) -> Evaluate:
        """A filter; the renderer's own win over the built-in ones."""
        source = self.compile(node.source)
        positional, keywords = self.arguments(node.arguments)
        name = node.name
        builtin = FILTERS.get("dump" if self._cookiecutter and name == "jsonify" else name)
        pos = node.pos
        bind = builtin.bind if builtin is not None else None

        def apply(cells: Cells) -> Value:
            state = cells[0]
            try:
                host = state.filters.get(name)
                if host is not None:
                    refuse_keywords(f'The filter "{name}"', keywords=bool(keywords))
                    given = [source(cells), *[argument(cells) for argument in positional]]
                    return state.call_host(f'The filter "{name}"', host, given)
                if builtin is None:
                    raise hints.unknown("filter", name, [*FILTERS, *state.filters])
                value = plain(source(cells))
                given = [plain(argument(cells)) for argument in positional] if positional else []
                if keywords:
                    given = bind(given, {key: plain(argument(cells)) for key, argument in keywords})  # type: ignore[misc]  # set with builtin
                state.charge_entries(value)
                return builtin.function(state, value, given)
            except Failure as failure:
                raise failure.at(pos)  # noqa: B904 - the same failure

        return apply

    def test(self, node: nodes.Test) -> Evaluate:
        """A test."""
        left = self.compile(node.left)
        name = node.name
        known = TESTS.get(name)
        given = node.arguments or Arguments([], [])
        positional, keywords = self.arguments(given)
        has_keywords = bool(keywords)

        def decide(cells: Cells) -> Value:
            if known is None:
                raise hints.unknown("test", name, TESTS)
            refuse_keywords(f'The test "{name}"', keywords=has_keywords)
            known.check(name, len(positional))
            value = left(cells)
            arguments = [argument(cells) for argument in positional]
            for each in (value, *arguments):
                cells[0].charge_entries(each)
            return known.apply(value, arguments)

        return _located(decide, node.pos)


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
    nodes.Call: ExpressionCompiler.call,  # type: ignore[dict-item]
    nodes.Filter: ExpressionCompiler.filter,  # type: ignore[dict-item]
    nodes.Test: ExpressionCompiler.test,  # type: ignore[dict-item]
}


def _hold_function(values: list[Value]) -> bool:
    return any(isinstance(value, _HOLDERS) for value in values)


def _located(evaluate: Evaluate, pos: int) -> Evaluate:
    """The closure with its failures placed at an offset."""

    def placed(cells: Cells) -> Value:
        try:
            return evaluate(cells)
        except Failure as failure:
            raise failure.at(pos)  # noqa: B904 - the same failure

    return placed


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


def _path_of(node: Node) -> str | None:
    """The dotted name of what is called, for messages."""
    if isinstance(node, nodes.Symbol):
        return node.name
    if isinstance(node, nodes.Lookup) and isinstance(node.key, nodes.Literal) and type(node.key.value) is str:
        parent = _path_of(node.target)
        return f"{parent}.{node.key.value}" if parent else None
    return None


def _not_callable(value: Value, path: str | None, hint: str | None = None) -> Failure:
    what = f'"{path}"' if path else "The expression"
    return Failure(f"{what} is {convert.kind_of(value)} and cannot be called", hint=hint)


def _method_hint(receiver: Value, name: str) -> str | None:
    if name == "replaceAll":
        return 'write "value | replace(old, new)", which replaces all'
    return hints.did_you_mean(name, table.names(receiver))
