"""From a repair to the characters that change, tried on the text: it must hold what was meant, and nothing else."""

from collections.abc import Callable, Iterator, Sequence

from backstage_py.lint import places
from backstage_py.lint.fixes import blocks, scalars
from backstage_py.lint.fixes.edits import Edit, apply
from backstage_py.lint.fixes.repair import Change, Insert, Nest, Path, Put, Remove, Rename, Repair, Write
from backstage_py.model import yaml
from backstage_py.model.json import Json
from backstage_py.model.problem import Mending, Replacement
from backstage_py.model.yaml import Document
from backstage_py.model.yaml.nodes import Scalar
from backstage_py.model.yaml.problems import Lines


def edits(text: str, document: Document | None, repair: Repair) -> tuple[Edit, ...] | None:
    """Return the edits of a repair.

    Args:
        text: of the whole file.
        document: the one that the repair's paths are of; None if it speaks of characters only.
        repair: what a rule would have changed.

    Returns:
        None where the text cannot be changed so that the document becomes what the repair says, as where an anchor
        or several lines are in the way.
    """
    literal = [change for change in repair.changes if isinstance(change, Edit)]
    meant = [change for change in repair.changes if not isinstance(change, Edit)]
    if not meant:
        return tuple(literal)
    if document is None or literal:
        return None
    try:
        wanted = document.value
        for change in meant:
            wanted = _changed(wanted, change)
    except (KeyError, IndexError, TypeError):
        return None
    return next((found for found in _ways(document, meant) if _gives(text, document, found, wanted)), None)


def mending(text: str, document: Document | None, repair: Repair | None) -> Mending | None:
    """Return what a repair changes, by lines and columns; None where ``edits`` has none."""
    found = edits(text, document, repair) if repair else None
    if not found or repair is None:
        return None
    lines = Lines(text)
    return Mending(
        repair.title,
        tuple(Replacement(*lines.place(one.start), *lines.place(one.end), one.text) for one in sorted(found)),
    )


def _ways(document: Document, changes: Sequence[Change]) -> Iterator[tuple[Edit, ...]]:
    """The ways in which it can be written, the one that changes least first."""
    each = [tuple(_edits(document, change)) for change in changes]
    for way in range(max(map(len, each))):
        if all(each):
            yield tuple(dict.fromkeys(edit for found in each for edit in found[min(way, len(found) - 1)]))


def _edits(document: Document, change: Change) -> Iterator[tuple[Edit, ...]]:
    if isinstance(change, Nest):
        if found := blocks.pair(document, change.path):
            yield blocks.nesting(document.source.text, found, change.name, change.key)
    else:
        yield from ((edit,) for edit in _edit(document, change))


def _edit(document: Document, change: Change) -> Iterator[Edit]:
    text = document.source.text
    if isinstance(change, Write | Put):
        node = places.find(document, change.path)
        if isinstance(node, Scalar):
            yield from _written(text, node, change)
    elif isinstance(change, Rename):
        if found := blocks.pair(document, change.path):
            yield from scalars.instead(text, found.key, change.name)
    elif isinstance(change, Remove):
        if (found := blocks.pair(document, change.path)) and (edit := blocks.removal(text, found)):
            yield edit
    elif isinstance(change, Insert) and (edit := blocks.insertion(document, change.path, change.key, change.value)):
        yield edit


def _written(text: str, node: Scalar, change: Write | Put) -> Iterator[Edit]:
    if isinstance(change, Put):
        yield from scalars.put(node, change.value)
        return
    if change.start is None or change.end is None:
        yield from scalars.instead(text, node, change.text)
        return
    yield from scalars.part(text, node, change.start, change.end, change.text)
    whole = node.text[: change.start] + change.text + node.text[change.end :]
    yield from scalars.instead(text, node, whole)


def _gives(text: str, document: Document, found: tuple[Edit, ...], wanted: Json) -> bool:
    """Whether the text with the edits holds the wanted document, and all others as before."""
    if text != document.source.text:
        return False
    before = yaml.load_all(text)
    after = yaml.load_all(apply(text, found))
    if len(before) != len(after) or any(one.errors for one in after):
        return False
    expected = [wanted if index == document.index else one.value for index, one in enumerate(before)]
    return repr(expected) == repr([one.value for one in after])  # unlike ==, it tells 1 from true, and knows an order


def _changed(value: Json, change: Change) -> Json:
    """The value with the change; what is not on the way to it is shared, so that an anchor's other uses stay."""
    if isinstance(change, Edit):
        raise TypeError("An edit of characters has no path")
    path = change.path
    if isinstance(change, Insert):
        return _at(value, path, lambda found: {change.key: change.value, **found})
    if isinstance(change, Remove):
        return _at(value, path[:-1], lambda found: {key: one for key, one in found.items() if key != path[-1]})
    if isinstance(change, Rename | Nest):
        old, new = path[-1], change.name
        if new in _get(value, path[:-1]):
            raise KeyError(new)
        inner = _get(value, path)
        inner = {change.key: inner} if isinstance(change, Nest) else inner
        return _at(
            value,
            path[:-1],
            lambda found: dict((new, inner) if key == old else (key, one) for key, one in found.items()),
        )
    if isinstance(change, Put):
        return _at(value, path, lambda _: change.value)
    start, end = change.start, change.end
    if start is None or end is None:
        return _at(value, path, lambda _: change.text)
    return _at(value, path, lambda found: found[:start] + change.text + found[end:])


def _get(value: Json, path: Path) -> Json:
    for part in path:
        value = value[part]
    return value


def _at(value: Json, path: Path, change: Callable[[Json], Json]) -> Json:
    if not path:
        return change(value)
    first, rest = path[0], path[1:]
    inner = _at(value[first], rest, change)
    if isinstance(value, list):
        return [inner if index == first else one for index, one in enumerate(value)]
    return {key: inner if key == first else one for key, one in value.items()}
