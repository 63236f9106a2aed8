"""The compiler of statements: the tree becomes closures that write to an output."""

from collections.abc import Callable
from typing import NamedTuple

from backstage_py.js import convert
from backstage_py.js.convert import printed
from backstage_py.js.errors import Failure, LimitFailure
from backstage_py.js.values import UNDEFINED, Value
from backstage_py.templating import closures, nodes, scopes
from backstage_py.templating.compiled import compile_expression
from backstage_py.templating.loops import Loop
from backstage_py.templating.macros import CALL_DEPTH, Definition, Macro
from backstage_py.templating.nodes import CHANGES, DYNAMIC, INDIRECT, Body, Expression, Placed, Signature, Statement
from backstage_py.templating.runtime import MISSING, Cells, Emit, Evaluate, Execute, State
from backstage_py.templating.scopes import Frame, Region, Scope, frame_at


class Program(NamedTuple):
    """A compiled template.

    Attributes:
        cells: the cells of a new invocation.
        body: writes the output.
        sole: evaluates the template's only expression with its offset, if that is all there is.
        changes: whether a template value may be changed, so that the context must be copied first.
        names: free names, which are the context's roots that may be read.
        single: whether the root is one node that is no text, which JSON coercion asks for.
    """

    cells: Cells
    body: Execute
    sole: tuple[Evaluate, int] | None
    changes: bool
    names: frozenset[str]
    single: bool

    def start(self, state: State) -> Cells:
        """Cells for a render."""
        cells = self.cells.copy()
        cells[0] = state
        return cells


class Compiler:
    """Compiles one template.

    Args:
        cookiecutter: with Jinja's names and methods.
        coerce_json: also writes each value of the root as JSON, see ``State.encoded``.
        nesting: bound on levels of evaluation.
    """

    def __init__(self, *, cookiecutter: bool = False, coerce_json: bool = False, nesting: int = 512) -> None:
        self._cookiecutter = cookiecutter
        self._coerce_json = coerce_json
        self._nesting = nesting
        self._exported: frozenset[str] = frozenset()
        self._has_blocks = False
        self._flags = 0
        self._names: set[str] = set()

    def compile(self, body: Body) -> Program:
        """The program for the statements of a template.

        Raises:
            Failure: they nest too deep.
        """
        exported: set[str] = set()
        for statement in nodes.statements(*body):
            if isinstance(statement, nodes.Macro):
                exported.add(statement.name)
            elif isinstance(statement, nodes.Set):
                exported.update(statement.targets)
            elif isinstance(statement, nodes.Block):
                self._has_blocks = True
        self._exported = frozenset(exported)
        frame = Frame()
        scope = Scope(frame, None, scopes.assigned(body), isolated=True)
        region = Region(frame, scope, {}, exports_macros=True, exports_sets=True, depth=2)
        sole = self._sole(body, region)
        execute = self._body(body, region)
        flags = self._flags
        changes = bool(flags & CHANGES or (flags & DYNAMIC and flags & INDIRECT))
        single = len(body) == 1 and not isinstance(body[0], nodes.Text)
        return Program(frame.cells, execute, sole, changes, frozenset(self._names), single)

    def _sole(self, body: Body, region: Region) -> tuple[Evaluate, int] | None:
        if len(body) != 1 or not isinstance(body[0], nodes.Output):
            return None
        return self._expression(body[0].value.expression, region), body[0].value.base

    # Bodies and expressions ------------------------------------------------------------------------------------------

    def _expression(self, expression: Expression, region: Region, *, as_condition: bool = False) -> Evaluate:
        self._flags |= expression.flags
        self._names |= expression.names
        return compile_expression(
            expression,
            region,
            self._exported,
            cookiecutter=self._cookiecutter,
            capture=lambda node: self._capture(node, region),
            as_condition=as_condition,
            nesting=self._nesting,
        )

    def _placed(self, placed: Placed, region: Region) -> Evaluate:
        """The closure of an expression, its failures placed in the source."""
        return closures.placed(self._expression(placed.expression, region), placed.base)

    def _capture(self, node: nodes.Capture, region: Region) -> Evaluate:
        names = scopes.assigned(node.body)
        inner = region.captured(names)
        body = self._body(node.body, inner)
        reset = list(inner.scope.cells.values())

        def capture(cells: Cells) -> Value:
            for cell in reset:
                cells[cell] = MISSING
            parts: list[str] = []
            body(cells, parts.append)
            return cells[0].join(parts)

        return capture

    def _body(self, body: Body, region: Region) -> Execute:
        if region.depth > self._nesting:
            raise LimitFailure("nesting", self._nesting)
        steps: list[Execute] = []
        cost = 1
        for statement in body:
            steps.append(_COMPILERS[type(statement)](self, statement, region))
            cost += 1 + sum(placed.expression.cost for placed in nodes.expressions(statement))
        return closures.sequence(steps, cost)

    # Statements ------------------------------------------------------------------------------------------------------

    def text(self, node: nodes.Text, region: Region) -> Execute:
        """Literal text."""
        del region
        text = node.text
        if not self._coerce_json:
            return lambda _cells, emit: emit(text)

        def write(cells: Cells, emit: Emit) -> None:
            emit(text)
            if emit is cells[0].root_emit:
                cells[0].encoded.append(text)

        return write

    def output(self, node: nodes.Output, region: Region) -> Execute:
        """A value; undefined and null are written as nothing."""
        value = self._expression(node.value.expression, region)
        base = node.value.base
        if self._coerce_json:
            return closures.encoded_output(value, base)

        def write(cells: Cells, emit: Emit) -> None:
            try:
                result = value(cells)
                emit(result if type(result) is str else printed(result))
            except Failure as failure:
                raise failure.within(base)  # noqa: B904 - the same failure

        return write

    def if_(self, node: nodes.If, region: Region) -> Execute:
        """``if``."""
        branches: list[tuple[int, Evaluate, Execute]] = []
        for depth, branch in enumerate(node.branches):
            test = self._expression(branch.condition.expression, region, as_condition=True)
            branches.append((branch.condition.base, test, self._body(branch.body, region.deeper(2 + depth))))
        otherwise = self._body(node.otherwise, region.deeper(1 + len(branches))) if node.otherwise else None
        if len(branches) == 1:
            return closures.simple_if(*branches[0], otherwise)

        def choose(cells: Cells, emit: Emit) -> None:
            for base, test, body in branches:
                try:
                    chosen = test(cells)
                except Failure as failure:
                    raise failure.within(base)  # noqa: B904 - the same failure
                if chosen:
                    body(cells, emit)
                    return
            if otherwise is not None:
                otherwise(cells, emit)

        return choose

    def switch(self, node: nodes.Switch, region: Region) -> Execute:
        """``switch``; an empty case falls through."""
        subject = self._placed(node.subject, region)
        cases = [
            (self._placed(case.condition, region), self._body(case.body, region.deeper(2)) if case.body else None)
            for case in node.cases
        ]
        default = self._body(node.default, region.deeper(2)) if node.default is not None else None

        def choose(cells: Cells, emit: Emit) -> None:
            value = subject(cells)
            matched = False
            for condition, body in cases:
                matched = matched or convert.strict_equal(value, condition(cells))
                if matched and body is not None:
                    body(cells, emit)
                    return
            if default is not None:
                default(cells, emit)

        return choose

    def set_(self, node: nodes.Set, region: Region) -> Execute:
        """``set``."""
        if node.value is not None:
            value = self._expression(node.value.expression, region)
        else:
            value = self._captured_text(node.body or [], region)
        assigns = [self._assign(target, region) for target in node.targets]
        base = node.base

        def assign(cells: Cells, _emit: Emit) -> None:
            try:
                result = value(cells)
            except Failure as failure:
                raise failure.within(base)  # noqa: B904 - the same failure
            for store in assigns:
                store(cells, result)

        return assign

    def _captured_text(self, statements: Body, region: Region) -> Evaluate:
        body = self._body(statements, region.deeper(2))

        def capture(cells: Cells) -> Value:
            parts: list[str] = []
            body(cells, parts.append)
            return cells[0].join(parts)

        return capture

    def _assign(self, name: str, region: Region) -> Callable[[Cells, Value], None]:
        """Writes a name to its slot, if it has one, to its scope, and to the exports at the top level."""
        slot = region.slots.get(name)
        slot_at = (region.frame.hops_to(slot[0]), slot[1]) if slot is not None else None
        targets = [(region.frame.hops_to(frame), cell) for frame, cell in region.scope.assignable(name)]
        exports = region.exports_sets

        def store(cells: Cells, value: Value) -> None:
            if slot_at is not None:
                frame_at(cells, slot_at[0])[slot_at[1]] = value
            hops, cell = targets[0]
            for candidate_hops, candidate in targets:
                if frame_at(cells, candidate_hops)[candidate] is not MISSING:
                    hops, cell = candidate_hops, candidate
                    break
            frame_at(cells, hops)[cell] = value
            if exports:
                cells[0].exports[name] = value

        if slot_at is None and not exports and len(targets) == 1:
            only = targets[0][1]

            def store_here(cells: Cells, value: Value) -> None:
                cells[only] = value

            return store_here
        return store

    def macro(self, node: nodes.Macro, region: Region) -> Execute:
        """``macro``."""
        slot = region.bind(node.name)
        definition = self._definition(node.signature, node.body, region, inherits=False)
        name = node.name
        exports = region.exports_macros

        def define(cells: Cells, _emit: Emit) -> None:
            macro = Macro(definition, None)
            cells[slot] = macro
            if exports:
                cells[0].exports[name] = macro

        return define

    def call_block(self, node: nodes.CallBlock, region: Region) -> Execute:
        """``call``."""
        call = node.call.expression
        root = call.root
        if not isinstance(root, nodes.Call):  # pragma: no cover - the parser makes sure
            raise AssertionError(root)  # noqa: TRY004 - cannot happen
        target = self._expression(_part(call, root.target), region)
        positional = [self._expression(_part(call, each), region) for each in root.arguments.positional]
        keywords = [(name, self._expression(_part(call, each), region)) for name, each in root.arguments.keywords]
        definition = self._definition(node.signature, node.body, region, inherits=True)
        depth = region.depth + CALL_DEPTH

        def run(cells: Cells) -> Value:
            function = target(cells)
            if not isinstance(function, Macro) or function.is_caller:
                raise Failure("A call block can call a macro of the template only", pos=root.pos)
            given = [argument(cells) for argument in positional]
            named: dict[str, Value] = {name: argument(cells) for name, argument in keywords}
            named["caller"] = Macro(definition, cells)
            return function.enter(cells[0], given, named, depth)

        value = closures.placed(run, node.call.base)

        def write(cells: Cells, emit: Emit) -> None:
            text = printed(value(cells))
            emit(text)
            if self._coerce_json and emit is cells[0].root_emit:
                cells[0].encoded.append(text)

        return write

    def _definition(self, signature: Signature, body: Body, region: Region, *, inherits: bool) -> Definition:
        """Compiles a macro; a caller (``inherits``) also sees the names around its call block."""
        frame = Frame(region.frame if inherits else None)
        names = {*signature.positional, *(name for name, _ in signature.defaults), "caller", *scopes.assigned(body)}
        scope = Scope(frame, region.scope if inherits else None, names, isolated=True)
        slots = dict(region.slots) if inherits else {}
        inner = Region(frame, scope, slots, exports_macros=not inherits, exports_sets=False, depth=0)
        made = Definition()
        made.declares_caller = "caller" in signature.positional or any(n == "caller" for n, _ in signature.defaults)
        made.caller_cell = scope.cells["caller"]
        for name in signature.positional:
            bound = slots.get(name)
            slot = bound[1] if bound is not None and bound[0] is frame else inner.bind(name)
            made.names.append(name)
            made.positional.append((slot, scope.cells[name]))
        for name, default in signature.defaults:
            bound = slots.get(name)
            cells = (scope.cells[name], bound[1]) if bound is not None and bound[0] is frame else (scope.cells[name],)
            made.defaults.append((name, cells, self._placed(default, inner)))
        made.body = self._body(body, inner)
        made.cells = frame.cells
        return made

    def block(self, node: nodes.Block, region: Region) -> Execute:
        """``block``."""
        frame = Frame(region.frame)
        scope = Scope(frame, region.scope, scopes.assigned(node.body), isolated=True)
        inner = Region(frame, scope, {}, exports_macros=True, exports_sets=False, depth=region.depth + 3)
        body = self._body(node.body, inner)
        template = frame.cells

        def run(cells: Cells, emit: Emit) -> None:
            own = template.copy()
            own[0] = cells[0]
            own[1] = cells
            body(own, emit)

        return run

    def for_(self, node: nodes.For, region: Region) -> Execute:
        """``for``."""
        iterable = self._placed(node.iterable, region)
        length_cell = region.frame.new(UNDEFINED)
        uses_loop = self._has_blocks or nodes.uses(node.body, "loop") or nodes.uses(node.otherwise, "loop")
        plural = len(node.targets) > 1
        names = scopes.assigned(node.body) | scopes.assigned(node.otherwise)
        scoped = (
            set(node.targets[:2])
            if plural
            else set(node.targets)
            if self._has_blocks
            else set(node.targets) & self._exported
        )
        inner = region.inner(names | scoped | ({"loop"} if uses_loop else set()), 3)
        slots = [inner.bind(name) for name in node.targets]
        body = self._body(node.body, inner)
        if plural:
            for name in node.targets[:2]:
                inner.bind(name)
        otherwise = self._body(node.otherwise, inner) if node.otherwise else None
        loop = Loop(
            iterable,
            length_cell,
            slots,
            [inner.scope.cells[name] for name in node.targets[:2] if name in inner.scope.cells],
            [inner.slots[name][1] for name in node.targets[:2]] if plural else [],
            list(inner.scope.cells.values()),
            inner.scope.cells["loop"] if uses_loop else None,
            body,
            otherwise,
            node.iterable.base,
        )
        return loop.plural if plural else loop.single


_COMPILERS: dict[type, Callable[[Compiler, "Statement", Region], Execute]] = {
    nodes.Text: Compiler.text,  # type: ignore[dict-item]  # each method takes its own kind of node
    nodes.Output: Compiler.output,  # type: ignore[dict-item]
    nodes.If: Compiler.if_,  # type: ignore[dict-item]
    nodes.For: Compiler.for_,  # type: ignore[dict-item]
    nodes.Set: Compiler.set_,  # type: ignore[dict-item]
    nodes.Macro: Compiler.macro,  # type: ignore[dict-item]
    nodes.CallBlock: Compiler.call_block,  # type: ignore[dict-item]
    nodes.Block: Compiler.block,  # type: ignore[dict-item]
    nodes.Switch: Compiler.switch,  # type: ignore[dict-item]
}


def _part(expression: Expression, root: nodes.Node) -> Expression:
    """A part of an expression as one of its own, not remembered under the whole's source."""
    return Expression("", root, expression.names, expression.cost, expression.flags, shared=False)
