"""The parser of statements: tags become a tree of ``nodes``."""

from functools import lru_cache

from backstage_py.js import budget
from backstage_py.js.errors import Failure
from backstage_py.templating import hints, nodes
from backstage_py.templating.exchange import RESERVED
from backstage_py.templating.expressions import ExpressionParser, parse_expression
from backstage_py.templating.lexer import CODE_SPACE, Lexer, Tag
from backstage_py.templating.nodes import Body, Branch, Expression, Placed, Signature, Statement

_EMPTY_TAGS = frozenset(
    ["else", "endif", "endfor", "endmacro", "endcall", "endfilter", "endset", "default", "endswitch"]
)
_STOP_TAGS = _EMPTY_TAGS | {"elif", "elseif", "case"}
_TAGS = ("if", "for", "set", "macro", "call", "filter", "block", "switch", "raw", "verbatim")
_CACHED_LENGTH = 500
_PARSING = 4  # steps of evaluation that a character of code counts for, to be parsed and compiled

_cached_expression = lru_cache(maxsize=4096)(parse_expression)


def expression_of(code: str) -> Expression:
    """A parsed expression; short ones are remembered, since skeletons repeat them from file to file."""
    return _cached_expression(code) if len(code) <= _CACHED_LENGTH else parse_expression(code)


class Parser:
    """Parses the tags of one template."""

    __slots__ = ("_blocks", "_index", "_tags")

    def __init__(self, tags: list[Tag]) -> None:
        self._tags = tags
        self._index = 0
        self._blocks: list[tuple[str, int]] = []

    def parse(self) -> Body:
        """The statements of the whole template.

        Raises:
            Failure: they do not nest, or an expression does not parse.
        """
        body, stop = self._body(frozenset())
        if stop is not None:  # pragma: no cover - an empty set of stops never stops
            raise _failure("Unexpected tag", stop)
        _refuse_twice_named_blocks(self._blocks)
        return body

    def _body(self, stops: frozenset[str]) -> tuple[Body, Tag | None]:
        """Statements up to one of the tags, and that tag; None at the end of the source."""
        body: Body = []
        while self._index < len(self._tags):
            tag = self._tags[self._index]
            self._index += 1
            if tag.kind == "text":
                body.append(nodes.Text(tag.pos, tag.value))
            elif tag.kind == "variable":
                body.append(nodes.Output(tag.pos, _expression(tag)))
            elif tag.name in stops:
                if tag.name in _EMPTY_TAGS and tag.value:
                    hint = hints.structural_tag(tag.name, tag.value)
                    raise _failure(f'"{tag.name}" takes nothing after its name', tag, hint)
                return body, tag
            elif tag.name in _STOP_TAGS:
                raise _mismatch(tag, stops)
            else:
                body.append(self._statement(tag))
        return body, None

    def _statement(self, tag: Tag) -> Statement:
        parse = _STATEMENTS.get(tag.name)
        if parse is None:
            failure = hints.unknown_tag(tag.name, (*_TAGS, *_STOP_TAGS), tag.value)
            raise failure.at(tag.pos).within(0)
        return parse(self, tag)

    def _until(self, opening: Tag, *stops: str) -> tuple[Body, Tag]:
        """Statements up to one of the tags, which must come."""
        body, stop = self._body(frozenset(stops))
        if stop is None:
            raise _failure(f'"{opening.name}" has no matching "{{% {stops[-1]} %}}"', opening)
        return body, stop

    def if_(self, tag: Tag) -> Statement:
        """``if``, ``elif`` or ``elseif``, ``else``, ``endif``."""
        branches = []
        branch = tag
        while True:
            condition = _expression(branch)
            body, stop = self._until(tag, "elif", "elseif", "else", "endif")
            branches.append(Branch(condition, body))
            if stop.name in {"elif", "elseif"}:
                branch = stop
                continue
            otherwise = self._until(tag, "endif")[0] if stop.name == "else" else None
            return nodes.If(tag.pos, branches, otherwise)

    def for_(self, tag: Tag) -> Statement:
        """``for``, ``else``, ``endfor``."""
        parser = _open(tag)
        with _Located(tag):
            targets = _until_word(parser, tag)
            if targets == ["loop"]:
                raise Failure('A loop target cannot be named "loop"', pos=0, syntax=True)
        iterable = _rest(parser, tag)
        body, stop = self._until(tag, "else", "endfor")
        otherwise = self._until(tag, "endfor")[0] if stop.name == "else" else None
        return nodes.For(tag.pos, targets, iterable, body, otherwise)

    def set_(self, tag: Tag) -> Statement:
        """``set a, b = value``, or ``set a`` with a body up to ``endset``."""
        parser = _open(tag)
        with _Located(tag):
            targets = parser.targets()
            captures = not parser.take("=")
            if captures:
                parser.end()
        if not captures:
            value = _rest(parser, tag)
            return nodes.Set(tag.pos, targets, value.base, value, None)
        body, _ = self._until(tag, "endset")
        _refuse_macros(body, tag)
        return nodes.Set(tag.pos, targets, tag.base, None, body)

    def macro(self, tag: Tag) -> Statement:
        """``macro name(signature)`` up to ``endmacro``."""
        parser = _open(tag)
        with _Located(tag):
            name = parser.targets()
            if len(name) != 1:
                raise parser.failure("A macro has one name")
            parser.expect("(")
            signature = _signature(parser, tag)
            parser.end()
        body, _ = self._until(tag, "endmacro")
        return nodes.Macro(tag.pos, name[0], signature, body)

    def call(self, tag: Tag) -> Statement:
        """``call(signature) macro(arguments)`` up to ``endcall``."""
        parser = _open(tag)
        with _Located(tag):
            signature = _signature(parser, tag) if parser.take("(") else Signature([], [])
            call = parser.expression()
            if not isinstance(call.root, nodes.Call) or not _is_static(call.root.target):
                raise Failure("A call block needs the call of a macro", pos=call.root.pos, syntax=True)
        body, _ = self._until(tag, "endcall")
        return nodes.CallBlock(tag.pos, signature, Placed(tag.base, call), body)

    def filter(self, tag: Tag) -> Statement:
        """``filter name(arguments)`` up to ``endfilter``."""
        body, _ = self._until(tag, "endfilter")
        _refuse_macros(body, tag)
        parser = _open(tag)
        with _Located(tag):
            root = parser.filter(nodes.Capture(0, body))
            parser.end()
        return nodes.Output(tag.pos, Placed(tag.base, parser.finish(root, shared=False)))

    def block(self, tag: Tag) -> Statement:
        """``block name`` up to ``endblock``, which may repeat the name."""
        parser = _open(tag)
        with _Located(tag):
            names = parser.targets()
            parser.end()
        if len(names) != 1:
            raise _failure("A block has one name", tag)
        self._blocks.append((names[0], tag.pos))
        body, stop = self._until(tag, "endblock")
        if stop.value not in {"", names[0]}:
            raise _failure(f'"endblock {stop.value}" does not end the block "{names[0]}"', stop)
        return nodes.Block(tag.pos, names[0], body)

    def switch(self, tag: Tag) -> Statement:
        """``switch subject``, ``case``, ``default``, ``endswitch``."""
        subject = _expression(tag)
        content, stop = self._until(tag, "case", "default", "endswitch")
        if content:
            raise _failure(
                'Nothing, not even white space, may stand between "switch" and its first "case"',
                tag,
                'write "{% switch x -%}" to remove it',
            )
        cases = []
        while stop.name == "case":
            condition = _expression(stop)
            body, stop = self._until(tag, "case", "default", "endswitch")
            cases.append(Branch(condition, body))
        default = self._until(tag, "endswitch")[0] if stop.name == "default" else None
        if not cases and default is None:
            raise _failure('A switch needs a "case" or a "default"', tag)
        return nodes.Switch(tag.pos, subject, cases, default)


_STATEMENTS = {
    "if": Parser.if_,
    "for": Parser.for_,
    "set": Parser.set_,
    "macro": Parser.macro,
    "call": Parser.call,
    "filter": Parser.filter,
    "block": Parser.block,
    "switch": Parser.switch,
}


class _Located:
    """Adds the tag's offset to a failure inside."""

    __slots__ = ("_tag",)

    def __init__(self, tag: Tag) -> None:
        self._tag = tag

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, Failure):
            error.within(self._tag.base)


def _failure(message: str, tag: Tag, hint: str | None = None) -> Failure:
    return Failure(message, pos=tag.pos, hint=hint, syntax=True).within(0)


def _mismatch(tag: Tag, stops: frozenset[str]) -> Failure:
    if not stops:
        return _failure(f'"{tag.name}" has no opening tag', tag)
    wanted = ", ".join(f'"{name}"' for name in sorted(stops))
    return _failure(f'"{tag.name}" does not fit here; expected {wanted}', tag)


def _open(tag: Tag) -> ExpressionParser:
    with _Located(tag):
        return ExpressionParser(tag.value)


def _expression(tag: Tag) -> Placed:
    return _placed(tag.value, tag.base)


def _rest(parser: ExpressionParser, tag: Tag) -> Placed:
    """The expression that the tag ends with."""
    offset, code = parser.rest()
    return _placed(code, tag.base + offset)


def _placed(code: str, base: int) -> Placed:
    try:
        return Placed(base, expression_of(code))
    except Failure as failure:
        raise failure.within(base)  # noqa: B904 - the same failure


def _until_word(parser: ExpressionParser, tag: Tag) -> list[str]:
    """The targets of a for tag and the word ``in``, which needs white space around it."""
    targets = parser.targets()
    word = parser.peek()
    around = tag.value[max(word.pos - 1, 0) : word.pos] + tag.value[word.pos + 2 : word.pos + 3]
    if not parser.take_name("in") or around.strip(CODE_SPACE):
        raise parser.failure('A for tag needs " in " after its targets', word)
    return targets


def _signature(parser: ExpressionParser, tag: Tag) -> Signature:
    """Parameters up to and with the closing parenthesis."""
    positional: list[str] = []
    defaults: list[tuple[str, Placed]] = []
    if parser.take(")"):
        return Signature(positional, defaults)
    while True:
        name = _parameter(parser)
        if parser.take("="):
            defaults.append((name, Placed(tag.base, parser.part())))
        else:
            positional.append(name)
        if not parser.take(","):
            parser.expect(")")
            return Signature(positional, defaults)


def _parameter(parser: ExpressionParser) -> str:
    token = parser.advance()
    if token.kind != "name" or token.value in {"true", "false", "none", "null"}:
        raise parser.failure("A parameter must be a name", token)
    if token.value in RESERVED:
        raise parser.failure(f'The name "{token.value}" is reserved', token)
    return token.value


def _is_static(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Symbol):
        return True
    return isinstance(node, nodes.Lookup) and isinstance(node.key, nodes.Literal) and _is_static(node.target)


def _refuse_macros(body: Body, tag: Tag) -> None:
    if any(isinstance(statement, nodes.Macro) for statement in nodes.statements(*body)):
        raise _failure(f'A macro cannot be defined inside of "{tag.name}"', tag)


def _refuse_twice_named_blocks(blocks: list[tuple[str, int]]) -> None:
    seen: set[str] = set()
    for name, pos in blocks:
        if name in seen:
            raise Failure(f'The block "{name}" is defined twice', pos=pos, syntax=True).within(0)
        seen.add(name)


def parse(source: str, *, cookiecutter: bool = False, trim_blocks: bool = False, lstrip_blocks: bool = False) -> Body:
    """The statements of a template.

    Raises:
        Failure: the source is not a template; its offset is relative to the source.
        Exceeded: the budget of the request or run, if there is one, is used up.
    """
    lexer = Lexer(source, cookiecutter=cookiecutter, trim_blocks=trim_blocks, lstrip_blocks=lstrip_blocks)
    tags = lexer.tags()
    if drawn := budget.current.get():
        drawn.spend(evaluation=_PARSING * sum(len(tag.value) for tag in tags if tag.kind != "text"))
    return Parser(tags).parse()
