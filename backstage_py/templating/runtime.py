"""The state of one render."""

from collections.abc import Callable, Mapping

from backstage_py.js import convert
from backstage_py.js.budget import Exceeded
from backstage_py.js.errors import Failure, LimitFailure
from backstage_py.js.text import fuse
from backstage_py.js.values import UNDEFINED, JsMap, JsSet, Value
from backstage_py.templating.exchange import Exporter, Importer
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
        "allow_regexes",
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
        functions: Mapping[str, Value],
        values: Mapping[str, Value],
        limits: Limits,
        cookiecutter: bool,
        allow_regexes: bool = True,
    ) -> None:
        self.context = context
        self.filters = filters
        self.functions = functions
        self.values = values
        self.limits = limits
        self.cookiecutter = cookiecutter
        self.allow_regexes = allow_regexes
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

    def check_regexes(self) -> None:
        """Goes on if this render may match regular expressions.

        Raises:
            Failure: it may not.
        """
        if not self.allow_regexes:
            raise Failure("Regular expressions cannot be used here")

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
        except (Failure, Exceeded):
            raise
        except Exception as error:
            raise Failure(f"{what} failed: {error}") from error
        return Importer().value(result)

    def missing(self, name: str) -> Value:
        """The value of a name that is neither assigned nor in the context."""
        if self.cookiecutter and name in _PYTHON_CONSTANTS:
            return _PYTHON_CONSTANTS[name]
        if name in self.values:
            return self.values[name]
        return self.functions.get(name, UNDEFINED)


_LONG_TEXT = 1 << 16
_CONTAINERS = frozenset({list, dict, JsMap, JsSet})
_PYTHON_CONSTANTS: dict[str, Value] = {"True": True, "False": False, "None": None}
