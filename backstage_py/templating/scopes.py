"""Which cell a name means, decided before anything runs.

Nunjucks keeps every binding twice, and the two disagree in ways that templates can see; both are kept here.

*Slots* are what its compiler emits as JavaScript variables: loop targets, macros and positional parameters. A name
means its slot from the place of the binding on, in the order of the source, whether or not the binding was ever
executed. A slot is not reset when a loop starts again.

*Scopes* are what it looks up at run time. ``set`` writes to the nearest scope that holds the name already, up to the
next isolated scope (template, macro, call block, block), else to the current one. A loop is one scope for all its
rounds. What the template's top level sets or defines is exported, which is all that macros see of it.
"""

from collections.abc import Iterable, Iterator

from backstage_py.js.values import UNDEFINED, Value
from backstage_py.templating import nodes
from backstage_py.templating.nodes import Body
from backstage_py.templating.runtime import MISSING, Cells, Evaluate


class Frame:
    """The cells of one kind of invocation while they are handed out."""

    def __init__(self, parent: "Frame | None" = None) -> None:
        self.parent = parent
        self.cells: Cells = [None, None]

    def new(self, initial: Value) -> int:
        """A new cell."""
        self.cells.append(initial)
        return len(self.cells) - 1

    def hops_to(self, frame: "Frame") -> int:
        """How many parents up the other frame is."""
        hops = 0
        current: Frame | None = self
        while current is not frame:
            if current is None:
                raise AssertionError("a cell of an unrelated frame")  # pragma: no cover
            current = current.parent
            hops += 1
        return hops


class Scope:
    """Names that ``set`` can write to at one place."""

    def __init__(self, frame: Frame, parent: "Scope | None", names: Iterable[str], *, isolated: bool) -> None:
        self.frame = frame
        self.parent = parent
        self.isolated = isolated
        self.cells = {name: frame.new(MISSING) for name in sorted(names)}

    def holders(self, name: str) -> Iterator[tuple[Frame, int]]:
        """Cells that may hold the name, from the inside out."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.cells:
                yield scope.frame, scope.cells[name]
            scope = scope.parent

    def assignable(self, name: str) -> list[tuple[Frame, int]]:
        """Cells that a ``set`` looks at, from the inside out; it takes the first that is bound, else the first."""
        found = [(self.frame, self.cells[name])]
        scope = self
        while not scope.isolated and scope.parent is not None:
            scope = scope.parent
            if name in scope.cells:
                found.append((scope.frame, scope.cells[name]))
        return found


class Region:
    """The place that statements are compiled for."""

    def __init__(
        self,
        frame: Frame,
        scope: Scope,
        slots: dict[str, tuple[Frame, int]],
        *,
        exports_macros: bool,
        exports_sets: bool,
        depth: int = 0,
    ) -> None:
        self.frame = frame
        self.scope = scope
        self.slots = slots
        self.exports_macros = exports_macros
        self.exports_sets = exports_sets
        self.depth = depth

    def deeper(self, levels: int) -> "Region":
        """The same place, more levels of evaluation down; bindings are shared."""
        return Region(
            self.frame,
            self.scope,
            self.slots,
            exports_macros=self.exports_macros,
            exports_sets=self.exports_sets,
            depth=self.depth + levels,
        )

    def inner(self, names: Iterable[str], levels: int) -> "Region":
        """A loop body: new slots stay inside, and nothing is exported."""
        scope = Scope(self.frame, self.scope, names, isolated=False)
        return Region(
            self.frame, scope, dict(self.slots), exports_macros=False, exports_sets=False, depth=self.depth + levels
        )

    def captured(self, names: Iterable[str]) -> "Region":
        """The body of a filter block: a scope of its own, the same bindings."""
        scope = Scope(self.frame, self.scope, names, isolated=False)
        return Region(
            self.frame,
            scope,
            self.slots,
            exports_macros=self.exports_macros,
            exports_sets=self.exports_sets,
            depth=self.depth + 2,
        )

    def bind(self, name: str) -> int:
        """A new slot for a name."""
        slot = self.frame.new(UNDEFINED)
        self.slots[name] = (self.frame, slot)
        return slot

    def binds_any(self, names: Iterable[str], exported: frozenset[str]) -> bool:
        """Whether one of the names may mean something other than the context's value."""
        for name in names:
            if name in self.slots or name in exported or next(self.scope.holders(name), None) is not None:
                return True
        return False

    def symbol(self, name: str, exported: frozenset[str]) -> Evaluate:
        """Reads a name."""
        slot = self.slots.get(name)
        if slot is not None:
            return read_cell(self.frame.hops_to(slot[0]), slot[1])
        holders = [(self.frame.hops_to(frame), cell) for frame, cell in self.scope.holders(name)]
        if not holders and name not in exported:
            return read_context(name)
        return _read_first(holders, name)


def read_cell(hops: int, cell: int) -> Evaluate:
    """Reads a cell that is always bound."""
    if hops == 0:
        return lambda cells: cells[cell]
    if hops == 1:
        return lambda cells: cells[1][cell]

    def read(cells: Cells) -> Value:
        return frame_at(cells, hops)[cell]

    return read


def frame_at(cells: Cells, hops: int) -> Cells:
    """The cells of a parent invocation."""
    for _ in range(hops):
        cells = cells[1]
    return cells


def read_context(name: str) -> Evaluate:
    """Reads a name of the context, else of the globals."""

    def read(cells: Cells) -> Value:
        state = cells[0]
        value = state.context.get(name, MISSING)
        return state.missing(name) if value is MISSING else value

    return read


def _read_first(holders: list[tuple[int, int]], name: str) -> Evaluate:
    from_context = read_context(name)

    def read(cells: Cells) -> Value:
        for hops, cell in holders:
            value = frame_at(cells, hops)[cell] if hops else cells[cell]
            if value is not MISSING:
                return value
        value = cells[0].exports.get(name, MISSING)
        return from_context(cells) if value is MISSING else value

    return read


def assigned(body: Body | None) -> set[str]:
    """Names that ``set`` writes in the scope of the statements themselves, loops and macros left out."""
    names: set[str] = set()
    for statement in body or ():
        if isinstance(statement, nodes.Set):
            names.update(statement.targets)
            names |= assigned(statement.body)
        elif isinstance(statement, nodes.If):
            names = names.union(
                *(assigned(branch.body) for branch in statement.branches), assigned(statement.otherwise)
            )
        elif isinstance(statement, nodes.Switch):
            names = names.union(*(assigned(case.body) for case in statement.cases), assigned(statement.default))
    return names
