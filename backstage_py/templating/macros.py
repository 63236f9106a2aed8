"""Macros, and the bodies of call blocks."""

import itertools

from backstage_py.js.errors import LimitFailure
from backstage_py.js.values import UNDEFINED, SafeString, Value
from backstage_py.templating.functions import Function
from backstage_py.templating.runtime import Cells, Evaluate, Execute, State

CALL_DEPTH = 6
"""Levels of evaluation from a call to the statements of the macro, as nunjitsu counts them."""


class Definition:
    """A compiled macro, or the body of a call block."""

    __slots__ = ("body", "caller_cell", "cells", "declares_caller", "defaults", "names", "positional")

    def __init__(self) -> None:
        self.cells: Cells = []
        self.names: list[str] = []
        self.positional: list[tuple[int, ...]] = []
        self.defaults: list[tuple[str, tuple[int, ...], Evaluate]] = []
        self.caller_cell: int | None = None
        self.declares_caller = False
        self.body: Execute = lambda _cells, _emit: None

    def bind(self, positional: list[Value], keywords: dict[str, Value]) -> tuple[list[Value], dict[str, Value]]:
        """Arguments by parameter, in Nunjucks' way.

        Missing positional arguments are taken from the keywords; surplus ones fill the parameters with defaults, in
        order and even over a keyword.
        """
        surplus = positional[len(self.names) :]
        given = positional[: len(self.names)]
        named = dict(keywords)
        if surplus:
            named.update(itertools.chain(zip((name for name, _, _ in self.defaults), surplus, strict=False)))
        for name in self.names[len(given) :]:
            given.append(named.pop(name, UNDEFINED))
        return given, named

    def run(
        self, state: State, parent: Cells | None, positional: list[Value], keywords: dict[str, Value]
    ) -> SafeString:
        """Renders the body with the arguments."""
        given, named = self.bind(positional, keywords)
        cells = self.cells.copy()
        cells[0] = state
        cells[1] = parent
        for targets, value in zip(self.positional, given, strict=True):
            for target in targets:
                cells[target] = value
        for name, targets, default in self.defaults:
            value = named[name] if name in named else default(cells)
            for target in targets:
                cells[target] = value
        if self.caller_cell is not None and not self.declares_caller and "caller" in named:
            cells[self.caller_cell] = named["caller"]
        parts: list[str] = []
        self.body(cells, parts.append)
        return SafeString(state.join(parts))


class Macro(Function):
    """A macro, or a caller with the cells it was made in."""

    __slots__ = ("_cells", "_definition", "is_caller")

    def __init__(self, definition: Definition, cells: Cells | None) -> None:
        self._definition = definition
        self._cells = cells
        self.is_caller = cells is not None

    def invoke(self, state: State, positional: list[Value], keywords: dict[str, Value]) -> Value:
        """Calls it at the depth that is reached already."""
        return self.enter(state, positional, keywords, 0)

    def enter(self, state: State, positional: list[Value], keywords: dict[str, Value], depth: int) -> Value:
        """Calls it from a place that is so many levels below the current invocation."""
        state.depth += depth
        if state.depth >= state.limits.nesting:
            raise LimitFailure("nesting", state.limits.nesting)
        try:
            return self._definition.run(state, self._cells, positional, keywords)
        finally:
            state.depth -= depth
