"""What an expression or a skeleton file refers to: names, filters, tests, calls, each with its offset in the text.

This is the one module of the linter that knows the template language's tree.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

from backstage_py.js.errors import Failure
from backstage_py.templating import nodes
from backstage_py.templating.lexer import Lexer, Tag
from backstage_py.templating.nodes import Body, Expression, Node, Statement
from backstage_py.templating.parser import expression_of
from backstage_py.templating.parser import parse as parse_source

_OPTIONAL_FILTERS = frozenset({"default", "d"})
_OPTIONAL_TESTS = frozenset({"defined", "undefined", "none", "null", "truthy", "falsy"})
_EQUALITIES = frozenset({"==", "===", "!=", "!=="})


@dataclass(frozen=True, slots=True)
class Settings:
    """How a text is read: those of its fetch step, or the defaults for values in YAML."""

    cookiecutter: bool = False
    trim_blocks: bool = False
    lstrip_blocks: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """A name with the members looked up on it that are written out, such as ``steps.fetch.output``.

    Attributes:
        optional: the author copes with its absence: it is a condition, has a default, or is compared with nothing.
        quoted: per member, whether it was written as ``['name']``.
        complete: no computed member or call follows.
    """

    names: tuple[str, ...]
    offsets: tuple[int, ...]
    optional: bool
    quoted: tuple[bool, ...]
    complete: bool = True
    called: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A filter, a test or a called global, with its name's offset.

    Attributes:
        conditional: it stands in a branch that need not be taken, and fails only where it is.
    """

    kind: str
    name: str
    offset: int
    conditional: bool = False


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    """Why a text is no template; ``offset`` is a character of the text."""

    message: str
    offset: int
    hint: str | None


@dataclass(slots=True)
class Parsed:
    """A text as the template language sees it.

    Attributes:
        problems: what keeps the text from being a template, one for each expression that does not parse; the rest is
            then filled from the expressions that do.
        sole: the expression, if the text is exactly one: its value keeps its type.
        outputs: how many ``${{ }}`` it has.
        locals: names that the text itself defines.
        subtractions: ``a.b-c-d`` without spaces: the offset of the first minus, what is before it and after it.
    """

    problems: tuple[SyntaxProblem, ...] = ()
    body: Body = field(default_factory=list)
    sole: Node | None = None
    outputs: int = 0
    references: list[Reference] = field(default_factory=list)
    named: list[Named] = field(default_factory=list)
    locals: set[str] = field(default_factory=set)
    subtractions: list[tuple[int, str, str]] = field(default_factory=list)

    def free(self) -> Iterator[Reference]:
        """References to what the text does not define itself."""
        return (reference for reference in self.references if reference.names[0] not in self.locals)


def has_code(text: str, *, cookiecutter: bool = False) -> bool:
    """Whether a text is more than plain text."""
    return ("{{" if cookiecutter else "${{") in text or "{%" in text or "{#" in text or "#}" in text


@lru_cache(maxsize=8192)
def parse(text: str, settings: Settings = Settings()) -> Parsed:
    """Read a text; what is wrong with it is in ``problem``."""
    try:
        body = parse_source(
            text,
            cookiecutter=settings.cookiecutter,
            trim_blocks=settings.trim_blocks,
            lstrip_blocks=settings.lstrip_blocks,
        )
    except Failure as failure:
        return _expression_by_expression(text, settings, _problem(failure, text))
    except RecursionError:
        return Parsed((_TOO_DEEP,))
    parsed = Parsed(body=body)
    try:
        _Walker(parsed).body(body)
    except RecursionError:
        return Parsed((_TOO_DEEP,))
    outputs = [statement for statement in body if isinstance(statement, nodes.Output)]
    if len(body) == 1 and outputs and text.startswith("${{") and text.endswith("}}"):
        parsed.sole = outputs[0].expression.root
    return parsed


_TOO_DEEP = SyntaxProblem("The expression is nested too deep", 0, None)


def _expression_by_expression(text: str, settings: Settings, first: SyntaxProblem) -> Parsed:
    """Look at each ``${{ }}`` of a text that is no template by itself, so that every mistake is told at once.

    Names are looked at only in texts without statements, which may define names themselves.
    """
    tags = _tags(text[: first.offset], settings) if (found := _tags(text, settings)) is None else found
    found_problems = {first.offset: first}
    parsed = Parsed()
    walker = _Walker(parsed)
    plain = all(tag.kind != "block" for tag in tags or ())
    for tag in tags or ():
        if tag.kind != "variable":
            continue
        try:
            expression = expression_of(tag.value)
            if plain:
                walker.expression(expression, tag.base)
        except Failure as failure:
            problem = _problem(failure.within(tag.base), text)
            found_problems.setdefault(problem.offset, problem)
        except RecursionError:
            found_problems.setdefault(tag.base, SyntaxProblem(_TOO_DEEP.message, tag.base, None))
    parsed.problems = tuple(found_problems[offset] for offset in sorted(found_problems))
    return parsed


def _tags(text: str, settings: Settings) -> list[Tag] | None:
    try:
        return Lexer(
            text,
            cookiecutter=settings.cookiecutter,
            trim_blocks=settings.trim_blocks,
            lstrip_blocks=settings.lstrip_blocks,
        ).tags()
    except Failure:
        return None


def _problem(failure: Failure, text: str) -> SyntaxProblem:
    return SyntaxProblem(failure.message, min(failure.offset, len(text)), failure.hint)


class _Walker:
    def __init__(self, parsed: Parsed) -> None:
        self.parsed = parsed
        self.base = 0
        self.source = ""
        self.branches = 0

    @contextmanager
    def branch(self) -> Iterator[None]:
        """What is walked inside need not be evaluated."""
        self.branches += 1
        yield
        self.branches -= 1

    def named(self, kind: str, name: str, pos: int) -> None:
        self.parsed.named.append(Named(kind, name, self.base + pos, self.branches > 0))

    # --- statements

    def body(self, body: Body) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, statement: Statement) -> None:
        match statement:
            case nodes.Output():
                self.parsed.outputs += 1
                self.expression(statement.expression, statement.base)
            case nodes.If():
                for base, condition, body in statement.branches:
                    self.expression(condition, base, optional=True)
                    with self.branch():
                        self.body(body)
                with self.branch():
                    self.body(statement.otherwise or [])
            case nodes.For():
                self.parsed.locals.update(statement.targets)
                self.parsed.locals.add("loop")
                self.expression(statement.iterable, statement.base, optional=True)
                with self.branch():
                    self.body(statement.body)
                    self.body(statement.otherwise or [])
            case nodes.Set():
                self.parsed.locals.update(statement.targets)
                if statement.value is not None:
                    self.expression(statement.value, statement.base)
                self.body(statement.body or [])
            case nodes.Macro():
                self.parsed.locals.update((statement.name, "caller", *statement.signature.positional))
                self.signature(statement.signature)
                with self.branch():
                    self.body(statement.body)
            case nodes.CallBlock():
                self.parsed.locals.update(statement.signature.positional)
                self.signature(statement.signature)
                self.expression(statement.call, statement.base)
                self.body(statement.body)
            case nodes.Block():
                self.body(statement.body)
            case nodes.Switch():
                self.expression(statement.subject, statement.base, optional=True)
                with self.branch():
                    for base, condition, body in statement.cases:
                        self.expression(condition, base)
                        self.body(body)
                    self.body(statement.default or [])
            case _:
                pass

    def signature(self, signature: nodes.Signature) -> None:
        for name, default in signature.defaults:
            self.parsed.locals.add(name)
            self.expression(default, signature.base)

    # --- expressions

    def expression(self, expression: Expression, base: int, *, optional: bool = False) -> None:
        before = self.base, self.source
        self.base, self.source = base, expression.source
        self.node(expression.root, optional=optional)
        self.base, self.source = before

    def node(self, node: Node | None, *, optional: bool = False) -> None:
        match node:
            case nodes.Symbol() | nodes.Lookup():
                self.reference(node, optional=optional)
            case nodes.Array() | nodes.Group():
                for item in node.items:
                    self.node(item, optional=optional)
            case nodes.Dict():
                for _, value in node.pairs:
                    self.node(value)
            case nodes.Slice():
                for part in (node.target, node.start, node.stop, node.step):
                    self.node(part, optional=optional)
            case nodes.Call():
                self.call(node, optional=optional)
            case nodes.Filter():
                self.filter(node, optional=optional)
            case nodes.Test():
                self.named("test", node.name, node.pos)
                self.node(node.left, optional=node.name in _OPTIONAL_TESTS or optional)
                if node.arguments:
                    self.arguments(node.arguments)
            case nodes.Unary():
                self.node(node.target, optional=optional or node.operator == "not")
            case nodes.Binary():
                self.binary(node, optional=optional)
            case nodes.Logic():
                self.node(node.left, optional=True)
                with self.branch():
                    self.node(node.right, optional=optional)
            case nodes.In():
                self.node(node.left, optional=optional)
                self.node(node.right, optional=optional)
            case nodes.Compare():
                self.compare(node, optional=optional)
            case nodes.InlineIf():
                self.node(node.condition, optional=True)
                with self.branch():
                    self.node(node.body, optional=optional)
                    self.node(node.otherwise, optional=optional)
            case nodes.Capture():
                before = self.base, self.source
                self.body(node.body)
                self.base, self.source = before
            case _:
                pass

    def filter(self, node: nodes.Filter, *, optional: bool) -> None:
        if not isinstance(node.source, nodes.Capture):
            self.named("filter", node.name, self.filter_name(node))
        self.node(node.source, optional=optional or node.name in _OPTIONAL_FILTERS)
        self.arguments(node.arguments)

    def filter_name(self, node: nodes.Filter) -> int:
        """The offset of the filter's name, wherever the tree counts from."""
        if self.source.startswith(node.name, node.pos):
            return node.pos
        bar = self.source.find("|", node.pos)
        found = self.source.find(node.name, bar + 1) if bar >= 0 else -1
        return found if found >= 0 else node.pos

    def arguments(self, arguments: nodes.Arguments) -> None:
        for argument in arguments.positional:
            self.node(argument)
        for _, argument in arguments.keywords:
            self.node(argument)

    def call(self, node: nodes.Call, *, optional: bool) -> None:
        if isinstance(node.target, nodes.Symbol):
            self.named("global", node.target.name, node.target.pos)
        elif isinstance(node.target, nodes.Lookup):
            self.reference(node.target, optional=optional, called=True)
        else:
            self.node(node.target, optional=optional)
        self.arguments(node.arguments)

    def compare(self, node: nodes.Compare, *, optional: bool) -> None:
        lenient = optional or any(operator in _EQUALITIES for operator, _ in node.operations)
        self.node(node.left, optional=lenient)
        for _, right in node.operations:
            self.node(right, optional=lenient)

    def binary(self, node: nodes.Binary, *, optional: bool) -> None:
        operands = _sides(node)
        if node.operator == "-" and isinstance(operands[0], nodes.Lookup):
            left, *others = [_chain(_operand(one)) for one in operands]
            rights = [".".join(one[0]) for one in others if one]
            if left and len(rights) == len(others):
                whole, rest = ".".join(left[0]), "-".join(rights)
                if f"{whole}-{rest}" in self.source:
                    at = self.base + max(left[1][-1], 0) + len(left[0][-1])
                    self.parsed.subtractions.append((at, whole, rest))
        for one in operands:
            self.node(one, optional=optional)

    def reference(self, node: Node, *, optional: bool, called: bool = False) -> None:
        computed: list[Node] = []
        inner = node
        names: list[str] = []
        offsets: list[int] = []
        quoted: list[bool] = []
        complete = True
        while isinstance(inner, nodes.Lookup):
            if isinstance(inner.key, nodes.Literal) and isinstance(inner.key.value, str):
                names.insert(0, inner.key.value)
                at = inner.key.pos
                is_quoted = self.source[at : at + 1] in ("'", '"', "[")
                offsets.insert(0, self.base + at)
                quoted.insert(0, is_quoted)
            else:
                if not isinstance(inner.key, nodes.Literal):
                    computed.append(inner.key)
                names.clear()
                offsets.clear()
                quoted.clear()
                complete = False
            inner = inner.target
        if isinstance(inner, nodes.Symbol):
            if called and complete:
                names = names[:-1]
            count = len(names)
            self.parsed.references.append(
                Reference(
                    (inner.name, *names),
                    (self.base + inner.pos, *offsets[:count]),
                    optional,
                    (False, *quoted[:count]),
                    complete,
                    called,
                )
            )
        else:
            self.node(inner, optional=optional)
        for key in computed:
            self.node(key)


def _sides(node: nodes.Binary) -> list[Node]:
    """``a``, ``b`` and ``c`` of ``a - b - c``; the two sides of any other operation."""
    if node.operator == "-" and isinstance(node.left, nodes.Binary) and node.left.operator == "-":
        return [*_sides(node.left), node.right]
    return [node.left, node.right]


def _operand(node: Node) -> Node:
    """What filters and calls are applied to: they bind closer than a minus."""
    while isinstance(node, nodes.Filter | nodes.Call):
        node = node.source if isinstance(node, nodes.Filter) else node.target
    return node


def _chain(node: Node) -> tuple[tuple[str, ...], tuple[int, ...]] | None:
    if isinstance(node, nodes.Symbol):
        return (node.name,), (node.pos,)
    if isinstance(node, nodes.Lookup) and isinstance(node.key, nodes.Literal) and isinstance(node.key.value, str):
        before = _chain(node.target)
        return ((*before[0], node.key.value), (*before[1], node.key.pos)) if before else None
    return None


def static_chain(node: Node | None) -> tuple[str, ...] | None:
    """Return the names of ``a.b.c``, None for any other expression."""
    chain = _chain(node) if node is not None else None
    return chain[0] if chain else None
