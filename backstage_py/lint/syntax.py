"""What an expression or a skeleton file refers to: names, filters, tests, calls, each with its offset in the text.

This is the one module of the linter that knows the template language's tree.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

from backstage_py.templating import tree
from backstage_py.templating.tree import Node, Part, Placed, Problem

_ITEM_FILTERS = frozenset({"first", "last", "random"})
_OPTIONAL_FILTERS = frozenset({"default", "d"})
_OPTIONAL_TESTS = frozenset({"defined", "undefined", "none", "null", "truthy", "falsy"})
_EQUALITIES = frozenset({"==", "===", "!=", "!=="})
_COUNTING = frozenset({"indent", "truncate", "round", "batch", "slice", "center"})
"""Filters whose first argument is a number."""


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
    """A filter, a test, a called global or a regular expression, with its name's offset.

    Attributes:
        conditional: it stands in a branch that need not be taken, and fails only where it is.
        arguments: how many a filter is given.
    """

    kind: str
    name: str
    offset: int
    conditional: bool = False
    arguments: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """A name that is compared with a value that is written out, whose offset it has."""

    names: tuple[str, ...]
    operator: str
    value: str | float | bool
    offset: int


@dataclass(frozen=True, slots=True)
class Member:
    """A member that is looked up on what a filter gives, with its name's offset."""

    filter: str
    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class Method:
    """A method that is called, with its name's offset; ``on`` is the expression before the dot."""

    name: str
    offset: int
    on: Node
    conditional: bool


@dataclass(slots=True)
class Parsed:
    """A text as the template language sees it.

    Attributes:
        problems: what keeps the text from being a template, one for each expression that does not parse; the rest is
            then filled from the expressions that do.
        sole: the expression, if the text is exactly one: its value keeps its type.
        is_tag: the text is exactly one tag such as ``{% if … %}``: what it gives is read as JSON.
        outputs: how many ``${{ }}`` it has.
        locals: names that the text itself defines.
        comparisons: names with a value that is written out.
        members: of what filters give.
        options: members of the object that a filter is given, with the filter: ``parseEntityRef({defaultKind: …})``.
        words: texts that a filter is given where it takes a number, with the filter.
        bare: names without anything before or after them that something is compared with, with their offsets.
        macros: those that the text defines, with the names of their parameters.
        keywords: of calls, with the name that is called.
        outside: names of loops where no such loop is around them, with their offsets.
        iterated: what ``{% for %}`` goes through, where that is a name and nothing else.
        items: names that stand for an item of such a list, and for nothing else in the text, with the list.
        printed: names that an expression consists of, with the offset of the expression.
        subtractions: ``a.b-c-d`` without spaces: the offset of the first minus, what is before it and after it.
    """

    problems: tuple[Problem, ...] = ()
    sole: Node | None = None
    is_tag: bool = False
    outputs: int = 0
    references: list[Reference] = field(default_factory=list)
    named: list[Named] = field(default_factory=list)
    methods: list[Method] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    options: list[Member] = field(default_factory=list)
    words: list[Member] = field(default_factory=list)
    bare: list[tuple[str, int]] = field(default_factory=list)
    macros: dict[str, frozenset[str]] = field(default_factory=dict)
    keywords: list[Member] = field(default_factory=list)
    outside: list[tuple[str, int]] = field(default_factory=list)
    iterated: list[tuple[str, ...]] = field(default_factory=list)
    items: dict[str, tuple[str, ...]] = field(default_factory=dict)
    locals: set[str] = field(default_factory=set)
    subtractions: list[tuple[int, str, str]] = field(default_factory=list)
    printed: list[tuple[tuple[str, ...], int]] = field(default_factory=list)

    def free(self) -> Iterator[Reference]:
        """References to what the text does not define itself."""
        return (reference for reference in self.references if reference.names[0] not in self.locals)


@lru_cache(maxsize=8192)
def parse(text: str, settings: Settings = Settings()) -> Parsed:
    """Read a text; what is wrong with it is in ``problems``."""
    found = tree.read(
        text,
        cookiecutter=settings.cookiecutter,
        trim_blocks=settings.trim_blocks,
        lstrip_blocks=settings.lstrip_blocks,
    )
    parsed = Parsed(tuple(_unclosed(text, one) for one in found.problems))
    walker = _Walker(parsed)
    try:
        for part in (*found.body, *found.loose):
            walker.visit(part)
        parsed.outside = [one for one in parsed.outside if one[0] in walker.looped - walker.others]
    except RecursionError:
        return Parsed((*parsed.problems, Problem(tree.TOO_DEEP, walker.base if found.loose else 0)))
    match found.body:
        case [tree.Output() as output] if text.startswith("${{") and text.endswith("}}"):
            parsed.sole = output.value.expression.root
        case [tree.If() | tree.For() | tree.Switch() | tree.Block() | tree.CallBlock()]:
            parsed.is_tag = True
    return parsed


def _unclosed(text: str, problem: Problem) -> Problem:
    """What is wrong in a later line than the one where ``${{`` stands is that the expression is not closed there."""
    start = text.rfind("${{", 0, problem.offset)
    line = text[start : text.find("\n", start)] if start >= 0 else ""
    if not line or problem.offset < start + len(line) or "}}" in line:
        return problem
    brace = line.find("}")
    if brace < 0 and not text.startswith("${{", problem.offset):
        return problem
    hint = "write }} instead of }" if brace >= 0 else "close it with }}"
    return Problem("This expression is not closed", start + max(brace, 0), hint)


class _Walker:
    """Visits the parts of a text in its order; what is ``optional`` may be absent as far as the author cares."""

    def __init__(self, parsed: Parsed) -> None:
        self.parsed = parsed
        self.base = 0
        self.source = ""
        self.branches = 0
        self.loops: list[frozenset[str]] = []
        self.looped: set[str] = set()
        self.others: set[str] = set()

    @contextmanager
    def branch(self) -> Iterator[None]:
        """What is visited inside need not be evaluated."""
        self.branches += 1
        yield
        self.branches -= 1

    def named(self, kind: str, name: str, pos: int, arguments: int = 0) -> None:
        self.parsed.named.append(Named(kind, name, self.base + pos, self.branches > 0, arguments))

    # --- statements

    def each(self, parts: Iterable[Part]) -> None:
        for part in parts:
            self.visit(part)

    def statement(self, statement: tree.Statement | tree.Signature) -> None:
        self.defines(statement)
        match statement:
            case tree.Output():
                self.parsed.outputs += 1
                root = statement.value.expression.root
                if isinstance(root, tree.Lookup | tree.Symbol) and (chain := static_chain(root)):
                    self.parsed.printed.append((chain, statement.value.base))
                self.visit(statement.value)
            case tree.If():
                for branch in statement.branches:
                    self.visit(branch.condition, optional=True)
                    with self.branch():
                        self.each(branch.body)
                with self.branch():
                    self.each(statement.otherwise or ())
            case tree.For():
                if chain := static_chain(statement.iterable.expression.root):
                    self.parsed.iterated.append(chain)
                self.visit(statement.iterable, optional=True)
                self.looped.update((*statement.targets, "loop"))
                self.loops.append(frozenset((*statement.targets, "loop")))
                with self.branch():
                    self.each((*statement.body, *(statement.otherwise or ())))
                self.loops.pop()
            case tree.Switch():
                self.visit(statement.subject, optional=True)
                with self.branch():
                    self.each((*statement.cases, *(statement.default or ())))
            case tree.Macro():
                self.visit(statement.signature)
                with self.branch():
                    self.each(statement.body)
            case _:
                self.each(statement.children())

    def defines(self, statement: tree.Statement | tree.Signature) -> None:
        match statement:
            case tree.For():
                self.stands_for(statement.targets, static_chain(statement.iterable.expression.root))
                self.parsed.locals.update((*statement.targets, "loop"))
            case tree.Set():
                root = statement.value.expression.root if statement.value else None
                is_item = isinstance(root, tree.Filter) and root.name in _ITEM_FILTERS
                self.stands_for(
                    statement.targets, static_chain(root.source) if isinstance(root, tree.Filter) and is_item else None
                )
                self.named_here(statement.targets)
            case tree.Macro():
                signature = statement.signature
                names = (*signature.positional, *(name for name, _ in signature.defaults))
                self.parsed.macros[statement.name] = frozenset(names)
                self.named_here((statement.name, "caller"))
            case tree.Signature():
                self.named_here((*statement.positional, *(name for name, _ in statement.defaults)))

    def named_here(self, names: Iterable[str]) -> None:
        """Remember names that the text defines other than by a loop."""
        found = set(names)
        self.parsed.locals |= found
        self.others |= found

    def stands_for(self, names: list[str], list_: tuple[str, ...] | None) -> None:
        """Remember what a name is an item of, unless it is something else, too."""
        for name in names:
            is_new = name not in self.parsed.locals and len(names) == 1
            if list_ and (is_new or self.parsed.items.get(name) == list_):
                self.parsed.items[name] = list_
            else:
                self.parsed.items.pop(name, None)

    # --- expressions

    def visit(self, part: Part | None, *, optional: bool = False) -> None:
        match part:
            case Placed():
                self.expression(part, optional=optional)
            case tree.Statement() | tree.Signature():
                self.statement(part)
            case tree.Symbol() | tree.Lookup():
                self.reference(part, optional=optional)
            case tree.Call():
                self.call(part, optional=optional)
            case tree.Filter():
                if not isinstance(part.source, tree.Capture):
                    given = len(part.arguments.positional) + len(part.arguments.keywords)
                    self.named("filter", part.name, self.filter_name(part), given)
                    self.picked(part)
                    self.given(part)
                self.visit(part.source, optional=optional or part.name in _OPTIONAL_FILTERS)
                self.visit(part.arguments)
            case tree.Test():
                self.named("test", part.name, part.pos)
                self.visit(part.left, optional=part.name in _OPTIONAL_TESTS or optional)
                self.visit(part.arguments)
            case tree.RegexLiteral():
                self.named("regex", part.source, part.pos)
            case tree.Unary():
                self.visit(part.target, optional=optional or part.operator == "not")
            case tree.Binary():
                self.binary(part, optional=optional)
            case tree.Logic():
                self.visit(part.left, optional=True)
                with self.branch():
                    self.visit(part.right, optional=optional)
            case tree.InlineIf():
                self.visit(part.condition, optional=True)
                with self.branch():
                    self.visit(part.body, optional=optional)
                    self.visit(part.otherwise, optional=optional)
            case Part():
                if isinstance(part, tree.In):
                    self.membership(part)
                if isinstance(part, tree.Compare):
                    optional = optional or any(operator in _EQUALITIES for operator, _ in part.operations)
                    self.comparison(part)
                for child in part.children():
                    self.visit(child, optional=optional and not isinstance(part, tree.Dict))

    def expression(self, placed: Placed, *, optional: bool) -> None:
        before = self.base, self.source
        self.base, self.source = placed.base, placed.expression.source
        self.visit(placed.expression.root, optional=optional)
        self.base, self.source = before

    def filter_name(self, node: tree.Filter) -> int:
        """The offset of the filter's name, wherever the tree counts from."""
        if self.source.startswith(node.name, node.pos):
            return node.pos
        bar = self.source.find("|", node.pos)
        found = self.source.find(node.name, bar + 1) if bar >= 0 else -1
        return found if found >= 0 else node.pos

    def call(self, node: tree.Call, *, optional: bool) -> None:
        if isinstance(node.target, tree.Symbol):
            self.named("global", node.target.name, node.target.pos)
            for name, value in node.arguments.keywords:
                at = self.source.rfind(name, 0, value.pos)
                self.parsed.keywords.append(Member(node.target.name, name, self.base + max(at, 0)))
        elif isinstance(node.target, tree.Lookup):
            self.method(node.target)
            self.reference(node.target, optional=optional, called=True)
        else:
            self.visit(node.target, optional=optional)
        self.visit(node.arguments)

    def given(self, node: tree.Filter) -> None:
        """What a filter is told: options by name, and a text where it takes a number."""
        first = node.arguments.positional[0] if node.arguments.positional else None
        if isinstance(first, tree.Dict):
            for key, value in first.pairs:
                at = self.source.rfind(key, 0, value.pos)
                self.parsed.options.append(Member(node.name, key, self.base + max(at, 0)))
        text = first.value if isinstance(first, tree.Literal) else None
        if (
            node.name in _COUNTING
            and isinstance(first, tree.Literal)
            and isinstance(text, str)
            and not text.strip().isdigit()
        ):
            self.parsed.words.append(Member(node.name, text, self.base + first.pos))

    def picked(self, node: tree.Filter) -> None:
        """``x | parseEntityRef | pick('name')`` is a member, too."""
        first = node.arguments.positional[0] if node.arguments.positional else None
        named = isinstance(first, tree.Literal) and isinstance(first.value, str)
        if node.name == "pick" and isinstance(node.source, tree.Filter) and isinstance(first, tree.Literal) and named:
            self.parsed.members.append(Member(node.source.name, first.value, self.base + first.pos))

    def comparison(self, node: tree.Compare) -> None:
        if len(node.operations) != 1 or node.operations[0][0] not in _EQUALITIES:
            return
        operator, right = node.operations[0]
        for one, other in ((node.left, right), (right, node.left)):
            chain = _chain(one)
            if chain and isinstance(other, tree.Literal) and isinstance(other.value, str | float | int):
                self.parsed.comparisons.append(Comparison(chain[0], operator, other.value, self.base + other.pos))
            elif chain and len(chain[0]) > 1 and isinstance(other, tree.Symbol):
                self.parsed.bare.append((other.name, self.base + other.pos))

    def membership(self, node: tree.In) -> None:
        """``'a' in x``, whose operator is called ``in``, and ``x in ['a', 'b']``, which compares with each."""
        left = _chain(node.left)
        for item in node.right.items if left and isinstance(node.right, tree.Array) else ():
            if left and isinstance(item, tree.Literal) and isinstance(item.value, str | float | int):
                self.parsed.comparisons.append(Comparison(left[0], "===", item.value, self.base + item.pos))
        chain = _chain(node.right)
        if chain and isinstance(node.left, tree.Literal) and isinstance(node.left.value, str):
            self.parsed.comparisons.append(Comparison(chain[0], "in", node.left.value, self.base + node.left.pos))

    def method(self, target: tree.Lookup) -> None:
        key = target.key
        if isinstance(key, tree.Literal) and isinstance(key.value, str):
            at = self.base + key.pos
            self.parsed.methods.append(Method(key.value, at, target.target, self.branches > 0))

    def binary(self, node: tree.Binary, *, optional: bool) -> None:
        operands = _sides(node)
        if node.operator == "-" and isinstance(operands[0], tree.Lookup):
            left, *others = [_chain(_operand(one)) for one in operands]
            rights = [".".join(one[0]) for one in others if one]
            if left and len(rights) == len(others):
                whole, rest = ".".join(left[0]), "-".join(rights)
                if f"{whole}-{rest}" in self.source:
                    at = self.base + max(left[1][-1], 0) + len(left[0][-1])
                    self.parsed.subtractions.append((at, whole, rest))
        for one in operands:
            self.visit(one, optional=optional)

    def reference(self, node: Node, *, optional: bool, called: bool = False) -> None:
        computed: list[Node] = []
        inner = node
        names: list[str] = []
        offsets: list[int] = []
        quoted: list[bool] = []
        complete = True
        while isinstance(inner, tree.Lookup):
            if isinstance(inner.key, tree.Literal) and isinstance(inner.key.value, str):
                names.insert(0, inner.key.value)
                at = inner.key.pos
                is_quoted = self.source[at : at + 1] in ("'", '"', "[")
                offsets.insert(0, self.base + at)
                quoted.insert(0, is_quoted)
            else:
                if not isinstance(inner.key, tree.Literal):
                    computed.append(inner.key)
                names.clear()
                offsets.clear()
                quoted.clear()
                complete = False
            inner = inner.target
        if isinstance(inner, tree.Symbol):
            if not any(inner.name in one for one in self.loops):
                self.parsed.outside.append((inner.name, self.base + inner.pos))
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
            given = inner.items[0] if isinstance(inner, tree.Group) and len(inner.items) == 1 else inner
            if isinstance(given, tree.Filter) and names and complete:
                self.parsed.members.append(Member(given.name, names[0], offsets[0]))
            self.visit(inner, optional=optional)
        for key in computed:
            self.visit(key)


def _sides(node: tree.Binary) -> list[Node]:
    """``a``, ``b`` and ``c`` of ``a - b - c``; the two sides of any other operation."""
    if node.operator == "-" and isinstance(node.left, tree.Binary) and node.left.operator == "-":
        return [*_sides(node.left), node.right]
    return [node.left, node.right]


def _operand(node: Node) -> Node:
    """What filters and calls are applied to: they bind closer than a minus."""
    while isinstance(node, tree.Filter | tree.Call):
        node = node.source if isinstance(node, tree.Filter) else node.target
    return node


def _chain(node: Node) -> tuple[tuple[str, ...], tuple[int, ...]] | None:
    names: list[str] = []
    places: list[int] = []
    while isinstance(node, tree.Lookup) and isinstance(node.key, tree.Literal) and isinstance(node.key.value, str):
        names.append(node.key.value)
        places.append(node.key.pos)
        node = node.target
    if not isinstance(node, tree.Symbol):
        return None
    return (node.name, *reversed(names)), (node.pos, *reversed(places))


def static_chain(node: Node | None) -> tuple[str, ...] | None:
    """Return the names of ``a.b.c``, None for any other expression."""
    chain = _chain(node) if node is not None else None
    return chain[0] if chain else None
