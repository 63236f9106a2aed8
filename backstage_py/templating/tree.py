"""Templates as trees, for linters and editors: what a text says, without running it.

::

    found = tree.read("Hello ${{ parameters.name }}")
    found.body              # [Text, Output]; each part has declared fields and children()
    found.problems          # []
"""

from collections.abc import Callable
from typing import NamedTuple

from backstage_py.js.errors import Failure
from backstage_py.templating import parser
from backstage_py.templating.lexer import Lexer, Tag, has_code
from backstage_py.templating.nodes import (
    Arguments,
    Array,
    Binary,
    Block,
    Body,
    Branch,
    Call,
    CallBlock,
    Capture,
    Compare,
    Dict,
    Expression,
    Filter,
    For,
    Group,
    If,
    In,
    InlineIf,
    Literal,
    Logic,
    Lookup,
    Macro,
    Node,
    Output,
    Part,
    Placed,
    RegexLiteral,
    Set,
    Signature,
    Slice,
    Statement,
    Switch,
    Symbol,
    Test,
    Text,
    Unary,
)

__all__ = [
    "TOO_DEEP",
    "Arguments",
    "Array",
    "Binary",
    "Block",
    "Body",
    "Branch",
    "Call",
    "CallBlock",
    "Capture",
    "Compare",
    "Dict",
    "Expression",
    "Filter",
    "For",
    "Group",
    "If",
    "In",
    "InlineIf",
    "Literal",
    "Logic",
    "Lookup",
    "Macro",
    "Node",
    "Output",
    "Part",
    "Placed",
    "Problem",
    "RegexLiteral",
    "Set",
    "Signature",
    "Slice",
    "Statement",
    "Switch",
    "Symbol",
    "Test",
    "Text",
    "Tree",
    "Unary",
    "expressions",
    "has_code",
    "read",
]

TOO_DEEP = "The expression is nested too deep"


class Problem(NamedTuple):
    """Why a text is no template; ``offset`` is a character of the text."""

    message: str
    offset: int
    hint: str | None = None


class Tree(NamedTuple):
    """A text as the template language sees it.

    Attributes:
        body: its statements, if it is a template.
        problems: what keeps it from being one: the first mistake, and one for each other expression that does not
            parse, in the order of the text.
        loose: the expressions that parse, in a text that is no template. Empty if it has tags, which may define
        names.
    """

    body: Body
    problems: tuple[Problem, ...] = ()
    loose: tuple[Placed, ...] = ()


def read(text: str, *, cookiecutter: bool = False, trim_blocks: bool = False, lstrip_blocks: bool = False) -> Tree:
    """The tree of a text; nothing is raised, what is wrong stands in it. For the options see ``engine.Renderer``."""

    def tags(source: str) -> list[Tag]:
        lexer = Lexer(source, cookiecutter=cookiecutter, trim_blocks=trim_blocks, lstrip_blocks=lstrip_blocks)
        return lexer.tags()

    try:
        return Tree(parser.Parser(tags(text)).parse())
    except Failure as failure:
        return _expression_by_expression(text, tags, _problem(failure, text))
    except RecursionError:
        return Tree([], (Problem(TOO_DEEP, 0),))


def expressions(text: str) -> list[tuple[int, int]]:
    """Where each ``${{ }}`` begins and ends, whether it parses or not; none in a text that does not end its tags."""
    try:
        tags = Lexer(text, cookiecutter=False, trim_blocks=False, lstrip_blocks=False).tags()
    except Failure:
        return []
    return [(tag.pos, text.index("}}", tag.base + len(tag.value)) + 2) for tag in tags if tag.kind == "variable"]


def _expression_by_expression(text: str, lex: Callable[[str], list[Tag]], first: Problem) -> Tree:
    """Looks at each expression of a text that is no template by itself, so that every mistake is told at once."""
    tags = _tags(text, lex)
    if tags is None:
        tags = _tags(text[: first.offset], lex) or []
    problems = {first.offset: first}
    loose = []
    for tag in tags:
        if tag.kind != "variable":
            continue
        try:
            loose.append(Placed(tag.base, parser.expression_of(tag.value)))
        except Failure as failure:
            problem = _problem(failure.within(tag.base), text)
            problems.setdefault(problem.offset, problem)
        except RecursionError:
            problems.setdefault(tag.base, Problem(TOO_DEEP, tag.base))
    plain = all(tag.kind != "block" for tag in tags)
    return Tree([], tuple(problems[offset] for offset in sorted(problems)), tuple(loose) if plain else ())


def _tags(text: str, lex: Callable[[str], list[Tag]]) -> list[Tag] | None:
    try:
        return lex(text)
    except Failure:
        return None


def _problem(failure: Failure, text: str) -> Problem:
    return Problem(failure.message, min(failure.offset, len(text)), failure.hint)
