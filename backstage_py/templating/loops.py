"""How a for statement runs: its items, the ``loop`` record, and how a value is split over several targets."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from backstage_py.js import convert
from backstage_py.js.convert import truthy
from backstage_py.js.errors import Failure
from backstage_py.js.text import units
from backstage_py.js.values import UNDEFINED, JsMap, JsSet, SafeString, Value
from backstage_py.templating.functions import Function
from backstage_py.templating.runtime import MISSING, Cells, Emit, Evaluate, Execute


def _entries(value: Value) -> tuple[Iterable[Value], Value]:
    """What a loop with one target runs over, and ``loop.length``.

    A record runs by its ``length``, a text by code units; other values have no rounds.
    """
    if isinstance(value, list):
        return value, len(value)
    if isinstance(value, str):
        spread = units(value)
        return spread, len(spread)
    if type(value) is SafeString:
        spread = units(value.value)
        return spread, len(spread)
    if isinstance(value, dict):
        length = value.get("length", UNDEFINED)
        return _by_index(value, convert.to_number(length)), length
    if type(value) is JsMap:
        return [[key, item] for key, item in value.entries()], len(value)
    if type(value) is JsSet:
        return value.values(), len(value)
    return (), UNDEFINED


def _by_index(record: dict[str, Value], length: float) -> Iterator[Value]:
    index = 0
    while index < length:
        yield record.get(str(index), UNDEFINED)
        index += 1


def _pairs(value: Value) -> tuple[Iterable[Value], int, bool]:
    """What a loop with several targets runs over, its length, and whether each round is destructured as an array."""
    if isinstance(value, dict):
        return [[key, item] for key, item in value.items()], len(value), False
    if isinstance(value, str):
        spread = units(value)
        return [[str(index), unit] for index, unit in enumerate(spread)], len(spread), False
    entries, length = _entries(value)
    if length is UNDEFINED:
        return (), 0, False
    return entries, length, True


def _element(value: Value, index: int) -> Value:
    """An element of a round's value for a target."""
    if isinstance(value, list):
        return value[index] if index < len(value) else UNDEFINED
    if isinstance(value, dict):
        return value.get(str(index), UNDEFINED)
    if isinstance(value, str):
        spread = units(value)
        return spread[index] if index < len(spread) else UNDEFINED
    if value is UNDEFINED or value is None:
        raise Failure("A loop with several targets cannot take undefined or null apart")
    return UNDEFINED


def loop_record(index: int, length: Value) -> dict[str, Value]:
    """The ``loop`` of a round."""
    count = length if type(length) is int else convert.to_number(length)
    return {
        "index": index + 1,
        "index0": index,
        "revindex": count - index,
        "revindex0": count - index - 1,
        "first": index == 0,
        "last": index == count - 1,
        "length": length,
    }


class Loop(NamedTuple):
    """A compiled for statement.

    A loop over nothing that is false (undefined, null, "", 0) keeps the length of its last run in this invocation,
    and with it decides on ``else``: as observed in nunjitsu 0.7.0.
    """

    iterable: Evaluate
    length_cell: int
    slots: list[int]
    scoped: list[int]
    else_slots: list[int]
    reset: list[int]
    loop_cell: int | None
    body: Execute
    otherwise: Execute | None
    base: int

    def single(self, cells: Cells, emit: Emit) -> None:
        """Runs with one target."""
        value = self.iterable(cells)
        entries, length = self._measure(cells, value, _entries)
        slot = self.slots[0]
        loop_cell = self.loop_cell
        body = self.body
        scoped = self.scoped
        index = 0
        for item in entries:
            cells[slot] = item
            if scoped:
                cells[scoped[0]] = item
            if loop_cell is not None:
                cells[loop_cell] = loop_record(index, length)
                index += 1
            body(cells, emit)
        if self.otherwise is not None and not truthy(length):
            self.otherwise(cells, emit)

    def plural(self, cells: Cells, emit: Emit) -> None:
        """Runs with several targets."""
        value = self.iterable(cells)
        rounds: list[bool] = []

        def measure(of: Value) -> tuple[Iterable[Value], Value]:
            entries, length, as_array = _pairs(of)
            rounds.append(as_array)
            return entries, length

        entries, length = self._measure(cells, value, measure)
        index = 0
        for item in entries:
            self._take_apart(cells, item, as_array=rounds[0])
            if self.loop_cell is not None:
                cells[self.loop_cell] = loop_record(index, length)
                index += 1
            self.body(cells, emit)
        if self.otherwise is not None and not truthy(length):
            self.otherwise(cells, emit)

    def _measure(
        self, cells: Cells, value: Value, measure: Callable[[Value], tuple[Iterable[Value], Value]]
    ) -> tuple[Iterable[Value], Value]:
        if isinstance(value, Function):
            entries: Iterable[Value] = ()
            length: Value = UNDEFINED
        else:
            try:
                entries, length = measure(value)
            except Failure as failure:
                raise failure.within(self.base)  # noqa: B904 - the same failure
        for cell in self.reset:
            cells[cell] = MISSING
        if truthy(value):
            cells[self.length_cell] = length
        return entries, cells[self.length_cell]

    def _take_apart(self, cells: Cells, item: Value, *, as_array: bool) -> None:
        if as_array:
            try:
                for index, slot in enumerate(self.slots):
                    cells[slot] = _element(item, index)
            except Failure as failure:
                raise failure.within(self.base)  # noqa: B904 - the same failure
            return
        for index in range(2):
            for cell in (self.slots[index], self.scoped[index], self.else_slots[index]):
                cells[cell] = item[index]
