"""What one render holds while it runs: its state, and the functions that a template can call."""

import itertools
from collections.abc import Callable, Mapping
from typing import ClassVar

from backstage_py.js import convert
from backstage_py.js.errors import Failure, LimitFailure
from backstage_py.js.text import fuse
from backstage_py.js.values import UNDEFINED, Exporter, Importer, JsMap, JsSet, SafeString, Value
from backstage_py.templating.limits import Limits

Emit = Callable[[str], None]
Cells = list[Value]
"""One invocation of the template or of a macro: its state, its parent's cells, then values by slot."""

Evaluate = Callable[[Cells], Value]
Execute = Callable[[Cells, Emit], None]
HostCallable = Callable[..., object]


class Missing:
    """The type of ``MISSING``."""

    __slots__ = ()


MISSING = Missing()
"""What a cell holds while its name is not bound."""


class State:
    """Data and remaining bounds of one render."""

    __slots__ = (
        "calls",
        "context",
        "cookiecutter",
        "depth",
        "encoded",
        "exports",
        "filters",
        "functions",
        "limits",
        "room",
        "root_emit",
        "values",
        "work",
    )

    def __init__(
        self,
        context: dict[str, Value],
        *,
        filters: Mapping[str, HostCallable],
        functions: Mapping[str, "HostFunction"],
        values: Mapping[str, Value],
        limits: Limits,
        cookiecutter: bool,
    ) -> None:
        self.context = context
        self.filters = filters
        self.functions = functions
        self.values = values
        self.limits = limits
        self.cookiecutter = cookiecutter
        self.exports: dict[str, Value] = {}
        self.work = limits.work
        self.room = limits.output
        self.calls = limits.calls
        self.depth = 0
        self.encoded: list[str] | None = None
        self.root_emit: Emit | None = None

    def charge(self, units: int) -> None:
        """Counts work.

        Raises:
            LimitFailure: there was more than allowed.
        """
        self.work -= units
        if self.work < 0:
            raise LimitFailure("work", self.limits.work)

    def charge_entries(self, value: Value) -> None:
        """Counts every entry inside a container, as each filter and test does with what it is given."""
        kind = type(value)
        if kind is str:
            self.charge_text(value)
        elif kind is list:
            self.charge(len(value))
            for item in value:
                if type(item) in _CONTAINERS:
                    self.charge_entries(item)
        elif kind is dict:
            self.charge(len(value))
            for item in value.values():
                if type(item) in _CONTAINERS:
                    self.charge_entries(item)
        elif kind is JsMap or kind is JsSet:
            self.charge(len(value))

    def charge_text(self, text: str) -> None:
        """Counts work for a long text, a unit for each 1024 characters; short ones are free, as in nunjitsu."""
        if len(text) > _LONG_TEXT:
            self.charge(len(text) >> 10)

    def new_list(self, items: list[Value]) -> list[Value]:
        """The array if it may be that long."""
        if len(items) > self.limits.entries:
            raise LimitFailure("entries", self.limits.entries)
        return items

    def join(self, parts: list[str]) -> str:
        """Output parts as one text, counted as output."""
        self.room -= sum(map(len, parts))
        if self.room < 0:
            raise LimitFailure("output", self.limits.output)
        return fuse("".join(parts))

    def call_host(self, what: str, function: HostCallable, arguments: list[Value]) -> Value:
        """Calls a registered filter or global with copies, and copies what it returns.

        Raises:
            Failure: it raised; the message is part of the failure's.
        """
        self.calls -= 1
        if self.calls < 0:
            raise LimitFailure("calls", self.limits.calls)
        data = [Exporter().value(convert.plain(argument)) for argument in arguments]
        try:
            result = function(*data)
        except Failure:
            raise
        except Exception as error:
            raise Failure(f"{what} failed: {error}") from error
        return Importer().value(result)

    def missing(self, name: str) -> Value:
        """What a name means that is neither assigned nor in the context."""
        if self.cookiecutter and name in _PYTHON_CONSTANTS:
            return _PYTHON_CONSTANTS[name]
        if name in self.values:
            return self.values[name]
        if name in self.functions:
            return self.functions[name]
        return BUILTINS.get(name, UNDEFINED)


_LONG_TEXT = 1 << 16
_CONTAINERS = frozenset({list, dict, JsMap, JsSet})
_PYTHON_CONSTANTS: dict[str, Value] = {"True": True, "False": False, "None": None}


class Function:
    """Something that a template can call and do nothing else with."""

    __slots__ = ()
    name: ClassVar[str] = "function"

    def check(self, count: int, *, keywords: bool) -> None:
        """Raises Failure if it cannot take these arguments; called before they are evaluated."""

    def invoke(self, state: State, positional: list[Value], keywords: dict[str, Value]) -> Value:
        """Calls it."""
        raise NotImplementedError

    def member(self, key: str) -> Value:
        """A member of the function; only cyclers have some."""
        del key
        return UNDEFINED


def refuse_keywords(name: str, *, keywords: bool) -> None:
    """Raises Failure if there are keyword arguments."""
    if keywords:
        raise Failure(f"{name} takes no keyword arguments")


def check_count(name: str, count: int, least: int, most: float) -> None:
    """Raises Failure unless the number of arguments is in the range."""
    if least <= count <= most:
        return
    if least == most:
        wanted = f"{least} argument{'' if least == 1 else 's'}"
    elif most == float("inf"):
        wanted = f"at least {least} arguments"
    else:
        wanted = f"{least} to {most:g} arguments"
    raise Failure(f"{name} takes {wanted}, not {count}")


class HostFunction(Function):
    """A global function that the renderer was given."""

    __slots__ = ("_function", "_name")

    def __init__(self, name: str, function: HostCallable) -> None:
        self._name = name
        self._function = function

    def check(self, count: int, *, keywords: bool) -> None:
        """Refuses arguments that it cannot take."""
        del count
        refuse_keywords(f'The global "{self._name}"', keywords=keywords)

    def invoke(self, state: State, positional: list[Value], keywords: dict[str, Value]) -> Value:
        """Calls it."""
        del keywords
        return state.call_host(f'The global "{self._name}"', self._function, positional)


class Range(Function):
    """``range(stop)``, ``range(start, stop, step)``."""

    __slots__ = ()

    def check(self, count: int, *, keywords: bool) -> None:
        """Refuses arguments that it cannot take."""
        refuse_keywords('"range"', keywords=keywords)
        check_count('"range"', count, 0, 3)

    def invoke(self, state: State, positional: list[Value], keywords: dict[str, Value]) -> Value:
        """Calls it."""
        del keywords
        for value in positional:
            state.charge_entries(convert.plain(value))
        start, stop, step = [*positional, UNDEFINED, UNDEFINED, UNDEFINED][:3]
        if stop is UNDEFINED:
            start, stop, step = 0, start, 1
        elif not convert.truthy(step):
            step = 1
        if type(start) is int and type(stop) is int and type(step) is int:
            count = max(0, -((start - stop) // step))
            state.charge(count)
            return state.new_list(list(range(start, stop, step)))
        return state.new_list(_range_of_anything(state, start, stop, step))


def _range_of_anything(state: State, start: Value, stop: Value, step: Value) -> list[Value]:
    direction = convert.order(step, 0)
    wanted = -1 if direction == 1 else 1
    items = []
    while convert.order(start, stop) == wanted:
        items.append(start)
        state.charge(1)
        start = convert.add(start, step)
    return items


class CyclerFactory(Function):
    """``cycler(a, b, ...)``."""

    __slots__ = ()

    def check(self, count: int, *, keywords: bool) -> None:
        """Refuses arguments that it cannot take."""
        del count
        refuse_keywords('"cycler"', keywords=keywords)

    def invoke(self, state: State, positional: list[Value], keywords: dict[str, Value]) -> Value:
        """Calls it."""
        del state, keywords
        return Cycler([convert.plain(value) for value in positional])


class Cycler(Function):
    """What ``cycler`` gives: ``next()``, ``reset()`` and ``current``."""

    __slots__ = ("_index", "_values")

    def __init__(self, values: list[Value]) -> None:
        self._values = values
        self._index = -1

    def check(self, count: int, *, keywords: bool) -> None:
        """Refuses arguments that it cannot take."""
        del count, keywords
        raise Failure('A cycler cannot be called; call its "next()"')

    def member(self, key: str) -> Value:
        """A member by name."""
        if key == "current":
            if self._index < 0:
                return None
            return self._values[self._index] if self._values else UNDEFINED
        return CyclerMethod(self, key) if key in {"next", "reset"} else UNDEFINED

    def turn(self, method: str) -> Value:
        """Does what the method says."""
        if method == "reset":
            self._index = -1
            return UNDEFINED
        if not self._values:
            self._index = 0
            return UNDEFINED
        self._index = (self._index + 1) % len(self._values)
        return self._values[self._index]


class CyclerMethod(Function):
    """``cycler.next`` or ``cycler.reset``."""

    __slots__ = ("_method", "_owner")

    def __init__(self, owner: Cycler, method: str) -> None:
        self._owner = owner
        self._method = method

    def check(self, count: int, *, keywords: bool) -> None:
        """Refuses arguments that it cannot take."""
        refuse_keywords(f'"{self._method}"', keywords=keywords)
        check_count(f'"{self._method}"', count, 0, 0)

    def invoke(self, state: State, positional: list[Value], keywords: dict[str, Value]) -> Value:
        """Calls it."""
        del state, positional, keywords
        return self._owner.turn(self._method)


class JoinerFactory(Function):
    """``joiner(separator)``."""

    __slots__ = ()

    def check(self, count: int, *, keywords: bool) -> None:
        """Refuses arguments that it cannot take."""
        refuse_keywords('"joiner"', keywords=keywords)
        check_count('"joiner"', count, 0, 1)

    def invoke(self, state: State, positional: list[Value], keywords: dict[str, Value]) -> Value:
        """Calls it."""
        del state, keywords
        separator = convert.plain(positional[0]) if positional else UNDEFINED
        return Joiner(separator if convert.truthy(separator) else ",")


class Joiner(Function):
    """What ``joiner`` gives: nothing when called first, then the separator."""

    __slots__ = ("_separator", "_used")

    def __init__(self, separator: Value) -> None:
        self._separator = separator
        self._used = False

    def check(self, count: int, *, keywords: bool) -> None:
        """Refuses arguments that it cannot take."""
        refuse_keywords("A joiner", keywords=keywords)
        check_count("A joiner", count, 0, 0)

    def invoke(self, state: State, positional: list[Value], keywords: dict[str, Value]) -> Value:
        """Calls it."""
        del state, positional, keywords
        if self._used:
            return self._separator
        self._used = True
        return ""


BUILTINS: dict[str, Value] = {"range": Range(), "cycler": CyclerFactory(), "joiner": JoinerFactory()}
"""The global functions of the language."""


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
