"""Whole expressions compiled at a place of a template; what only reads the context is compiled once for all."""

from collections.abc import Iterator
from functools import lru_cache

from backstage_py.js.errors import LimitFailure
from backstage_py.templating import nodes
from backstage_py.templating.evaluation import CaptureCompiler, ExpressionCompiler
from backstage_py.templating.nodes import Arguments, Expression, Node, Part
from backstage_py.templating.parser import expression_of
from backstage_py.templating.runtime import Evaluate
from backstage_py.templating.scopes import Region, read_context

_CACHED_LENGTH = 500
_HEIGHT_FREE = 200


@lru_cache(maxsize=4096)
def _context_only(code: str, *, cookiecutter: bool) -> Evaluate:
    return ExpressionCompiler(read_context, cookiecutter=cookiecutter).compile(expression_of(code).root)


@lru_cache(maxsize=1024)
def _context_condition(code: str, *, cookiecutter: bool) -> Evaluate:
    return ExpressionCompiler(read_context, cookiecutter=cookiecutter).condition(expression_of(code).root)


def compile_expression(
    expression: Expression,
    region: Region,
    exported: frozenset[str],
    *,
    cookiecutter: bool,
    capture: CaptureCompiler | None = None,
    as_condition: bool = False,
    nesting: int = 512,
) -> Evaluate:
    """The closure for a whole expression at a place.

    An expression that only reads the context is compiled once for all templates.

    Raises:
        LimitFailure: it needs more levels of evaluation than allowed.
    """
    if expression.cost > _HEIGHT_FREE and region.depth + _height(expression.root) > nesting:
        raise LimitFailure("nesting", nesting)
    short = len(expression.source) <= _CACHED_LENGTH
    if short and expression.shared and not region.binds_any(expression.names, exported):
        cached = _context_condition if as_condition else _context_only
        return cached(expression.source, cookiecutter=cookiecutter)
    compiler = ExpressionCompiler(
        lambda name: region.symbol(name, exported), cookiecutter=cookiecutter, capture=capture, depth=region.depth
    )
    return compiler.condition(expression.root) if as_condition else compiler.compile(expression.root)


def _operands(part: Part) -> Iterator[Node]:
    """The expressions directly inside, those of arguments too."""
    for child in part.children():
        if isinstance(child, Node):
            yield child
        elif isinstance(child, Arguments):
            yield from _operands(child)


def _height(root: Node) -> int:
    """Levels of evaluation that the tree needs; found without recursion, since trees from long chains are deep."""
    highest = 0
    pending = [(root, 1)]
    while pending:
        node, height = pending.pop()
        highest = max(highest, height)
        step = 2 if isinstance(node, nodes.Binary | nodes.Compare | nodes.Call | nodes.Filter | nodes.Test) else 1
        pending.extend((child, height + step) for child in _operands(node))
    return highest
