"""What a template refers to, for linters and editors."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from backstage_py.templating import nodes
from backstage_py.templating.nodes import Body, Node, Part

Kind = Literal["name", "filter", "test"]


class Found(NamedTuple):
    """A reference with an offset in the source; see ``engine.Reference`` for the rest."""

    kind: Kind
    path: tuple[str, ...]
    offset: int
    local: bool = False
    called: bool = False


def references(body: Body) -> list[Found]:
    """All references of a template, in the order of the source."""
    local = _local_names(body)
    found: list[Found] = []
    for statement in nodes.statements(*body):
        for placed in nodes.expressions(statement):
            found.extend(_shifted(_of(placed.expression.root), placed.base, local))
    found.sort(key=lambda reference: reference.offset)
    return found


def _shifted(references_: Iterator[Found], base: int, local: frozenset[str]) -> Iterator[Found]:
    for each in references_:
        is_local = each.kind == "name" and each.path[0] in local
        yield Found(each.kind, each.path, base + each.offset, is_local, each.called)


def _of(part: Part) -> Iterator[Found]:
    """What is inside of an expression; the statements of a filter block are visited by themselves."""
    match part:
        case nodes.Symbol() | nodes.Lookup():
            yield from _path(part, called=False)
            return
        case nodes.Call(target=nodes.Symbol() | nodes.Lookup()):
            yield from _path(part.target, called=True)
            yield from _of(part.arguments)
            return
        case nodes.Capture():
            return
        case nodes.Filter():
            yield Found("filter", (part.name,), part.pos)
        case nodes.Test():
            yield Found("test", (part.name,), part.pos)
    for child in part.children():
        yield from _of(child)


def _path(node: Node, *, called: bool) -> Iterator[Found]:
    """A name with the constant members behind it, up to the first computed one; what is computed follows."""
    keys: list[str] = []
    while isinstance(node, nodes.Lookup):
        if isinstance(node.key, nodes.Literal) and isinstance(node.key.value, str | int):
            keys.append(str(node.key.value))
        else:
            keys.clear()
            called = False
            yield from _of(node.key)
        node = node.target
    if isinstance(node, nodes.Symbol):
        yield Found("name", (node.name, *reversed(keys)), node.pos, called=called)
    else:
        yield from _of(node)


def _local_names(body: Body) -> frozenset[str]:
    names: set[str] = set()
    for statement in nodes.statements(*body):
        if isinstance(statement, nodes.For):
            names.update(statement.targets, ("loop",))
        elif isinstance(statement, nodes.Set):
            names.update(statement.targets)
        elif isinstance(statement, nodes.Macro | nodes.CallBlock):
            names.update(statement.signature.positional, (name for name, _ in statement.signature.defaults))
            names.add("caller")
        if isinstance(statement, nodes.Macro):
            names.add(statement.name)
    return frozenset(names)
