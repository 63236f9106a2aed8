"""The compiler of what is called in an expression: functions, methods, filters and tests."""

from typing import Protocol

from backstage_py.js import convert
from backstage_py.js.convert import plain
from backstage_py.js.errors import Failure
from backstage_py.js.values import Value
from backstage_py.templating import closures, hints, nodes
from backstage_py.templating.filters.table import FILTERS
from backstage_py.templating.functions import Function, check_count, refuse_keywords
from backstage_py.templating.macros import CALL_DEPTH, Macro
from backstage_py.templating.methods import table
from backstage_py.templating.nodes import Arguments, Node
from backstage_py.templating.runtime import Cells, Evaluate
from backstage_py.templating.tests import TESTS


class Operands(Protocol):
    """The compiler of the expressions around; ``depth`` is the levels of evaluation above them."""

    cookiecutter: bool
    depth: int

    def compile(self, node: Node) -> Evaluate:
        """The closure for a node."""
        ...


def _arguments(compiler: Operands, arguments: Arguments) -> tuple[list[Evaluate], list[tuple[str, Evaluate]]]:
    """Closures for positional and keyword arguments."""
    positional = [compiler.compile(argument) for argument in arguments.positional]
    return positional, [(name, compiler.compile(argument)) for name, argument in arguments.keywords]


def compile_call(compiler: Operands, node: nodes.Call) -> Evaluate:
    """A call."""
    if isinstance(node.target, nodes.Lookup) and isinstance(node.target.key, nodes.Literal):
        return _method_call(compiler, node, node.target, convert.to_string(node.target.key.value))
    target = compiler.compile(node.target)
    return _general_call(compiler, node, target)


def _general_call(compiler: Operands, node: nodes.Call, target: Evaluate) -> Evaluate:
    positional, keywords = _arguments(compiler, node.arguments)
    count = len(positional)
    path = _path_of(node.target)
    depth = compiler.depth + CALL_DEPTH

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


def _method_call(compiler: Operands, node: nodes.Call, lookup: nodes.Lookup, name: str) -> Evaluate:
    """A call of a member: a method of the value if it has one, else whatever the member is."""
    receiver = compiler.compile(lookup.target)
    positional, keywords = _arguments(compiler, node.arguments)
    count = len(positional)
    has_keywords = bool(keywords)
    path = _path_of(lookup)
    cookiecutter = compiler.cookiecutter

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


def compile_filter(compiler: Operands, node: nodes.Filter) -> Evaluate:
    """A filter; the renderer's own win over the built-in ones."""
    source = compiler.compile(node.source)
    positional, keywords = _arguments(compiler, node.arguments)
    name = node.name
    builtin = FILTERS.get("dump" if compiler.cookiecutter and name == "jsonify" else name)
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


def compile_test(compiler: Operands, node: nodes.Test) -> Evaluate:
    """A test."""
    left = compiler.compile(node.left)
    name = node.name
    known = TESTS.get(name)
    given = node.arguments or Arguments([], [])
    positional, keywords = _arguments(compiler, given)
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

    return closures.located(decide, node.pos)


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
