"""Copies values into a render and out of it, so that templates never change the caller's data."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from backstage_py.js.errors import Failure
from backstage_py.js.numbers import SAFE, normal
from backstage_py.js.text import fuse
from backstage_py.js.values import MAX_DEPTH, UNDEFINED, JsMap, Json, JsSet, Regex, SafeString, Value, in_key_order

RESERVED: Final = frozenset({"constructor", "prototype", "__proto__"})
"""Names that no template, context or result may use, so that data stays portable to JavaScript."""

MAX_ENTRIES: Final = 100_000


class Importer:
    """Copies plain Python data into the model, once per prepared context.

    Shared objects stay shared, so that a template that changes one sees the change in all places.
    """

    __slots__ = ("_done", "_left")

    def __init__(self) -> None:
        self._done: dict[int, tuple[object, Value]] = {}
        self._left = MAX_ENTRIES

    def value(self, data: Json, depth: int = 0) -> Value:
        """The value for the data.

        Raises:
            Failure: the data is not JSON-like, uses a reserved name, or is too large or too deep.
        """
        kind = type(data)
        if kind is str:
            return data if data.isascii() else fuse(data)
        if data is None or kind is bool or data is UNDEFINED:
            return data
        if kind is int:
            return data if -SAFE <= data <= SAFE else normal(data)
        if kind is float:
            return normal(data)
        known = self._done.get(id(data))
        if known is not None:
            return known[1]
        if depth >= MAX_DEPTH:
            raise Failure(f"Values may be nested {MAX_DEPTH} levels deep at most; does one contain itself?")
        if isinstance(data, Mapping):
            made: Value = self._record(data, depth + 1)
        elif isinstance(data, list | tuple):
            made = self._array(data, depth + 1)
        else:
            made = self._other(data, depth + 1)
        self._done[id(data)] = (data, made)
        return made

    def _array(self, data: Sequence[Json], depth: int) -> list[Value]:
        self._reserve(len(data))
        items: list[Value] = []
        for item in data:  # a comprehension would be one more frame for each level of nesting
            items.append(self.value(item, depth))  # noqa: PERF401 - as above
        return items

    def _other(self, data: Json, depth: int) -> Value:
        """Maps, sets, and subclasses of text and numbers."""
        if isinstance(data, str):
            return fuse(str(data))
        if isinstance(data, JsMap):
            self._reserve(len(data))
            return JsMap((self._map_key(key, depth), self.value(item, depth)) for key, item in data.entries())
        if isinstance(data, JsSet):
            self._reserve(len(data))
            return JsSet(self.value(item, depth) for item in data.values())
        if isinstance(data, AbstractSet):
            self._reserve(len(data))
            return JsSet(self.value(item, depth) for item in data)
        if isinstance(data, int | float):
            return normal(float(data)) if isinstance(data, float) else normal(int(data))
        raise Failure(f"A value of type {type(data).__name__} cannot be used in a template; pass plain JSON data")

    def _record(self, data: Mapping[Json, Json], depth: int) -> dict[str, Value]:
        self._reserve(len(data))
        record: dict[str, Value] = {}
        indexed = False
        for key, item in data.items():
            if not isinstance(key, str):
                raise Failure(f"Keys of records must be text, not {type(key).__name__}")
            if key in RESERVED:
                raise Failure(f'The key "{key}" is reserved and cannot be used in template values')
            indexed = indexed or "0" <= key[:1] <= "9"
            record[fuse(key)] = self.value(item, depth)
        return in_key_order(record) if indexed else record

    def _map_key(self, key: Value, depth: int) -> Value:
        if key in RESERVED if isinstance(key, str) else False:
            raise Failure(f'The key "{key}" is reserved and cannot be used in template values')
        return self.value(key, depth)

    def _reserve(self, entries: int) -> None:
        self._left -= entries
        if self._left < 0:
            raise Failure(f"Values may hold {MAX_ENTRIES} entries at most")


def import_value(data: Json) -> Value:
    """Copies plain Python data into the model."""
    return Importer().value(data)


class Exporter:
    """Copies values of the model to plain Python data that the caller may keep and change.

    undefined is dropped from records and is None in arrays, as JSON does; a regular expression becomes its text.
    """

    __slots__ = ("_left", "charge")

    def __init__(self) -> None:
        self._left = MAX_ENTRIES

    def value(self, value: Value, depth: int = 0) -> Json:
        """The data for a value; UNDEFINED at the top stays UNDEFINED.

        Raises:
            Failure: a function, or a value that is too large or too deep.
        """
        kind = type(value)
        if kind is str or kind is int or kind is bool or kind is float or value is None or value is UNDEFINED:
            return value
        if kind is SafeString:
            return value.value
        if depth >= MAX_DEPTH:
            raise Failure(f"Values may be nested {MAX_DEPTH} levels deep at most")
        if kind is list:
            self._reserve(len(value))
            return [None if item is UNDEFINED else self.value(item, depth + 1) for item in value]
        if kind is dict:
            self._reserve(len(value))
            return {key: self.value(item, depth + 1) for key, item in value.items() if item is not UNDEFINED}
        if kind is Regex:
            return value.text()
        if kind is JsMap:
            self._reserve(len(value))
            return JsMap((self.value(key, depth + 1), self.value(item, depth + 1)) for key, item in value.entries())
        if kind is JsSet:
            self._reserve(len(value))
            return JsSet(self.value(item, depth + 1) for item in value.values())
        raise Failure("Functions cannot be used as values")

    def _reserve(self, entries: int) -> None:
        self._left -= entries
        if self._left < 0:
            raise Failure(f"Values may hold {MAX_ENTRIES} entries at most")


def export_value(value: Value) -> Json:
    """Copies a value to plain Python data."""
    return Exporter().value(value)


def clone(value: Value, done: dict[int, Value]) -> Value:
    """A deep copy for a template that changes values; shared parts stay shared by way of ``done``."""
    kind = type(value)
    if kind is list:
        known = done.get(id(value))
        if known is None:
            known = done[id(value)] = [clone(item, done) for item in value]
        return known
    if kind is dict:
        known = done.get(id(value))
        if known is None:
            known = done[id(value)] = {key: clone(item, done) for key, item in value.items()}
        return known
    if kind is JsMap or kind is JsSet:
        known = done.get(id(value))
        if known is None:
            known = done[id(value)] = _clone_collection(value, done)
        return known
    return value


def _clone_collection(value: JsMap | JsSet, done: dict[int, Value]) -> JsMap | JsSet:
    if isinstance(value, JsMap):
        return JsMap((clone(key, done), clone(item, done)) for key, item in value.entries())
    return JsSet(clone(item, done) for item in value.values())


def _children(value: Value) -> Iterator[Value]:
    """The values directly inside a container; nothing for other values."""
    if isinstance(value, list):
        yield from value
    elif isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, JsMap):
        for key, item in value.entries():
            yield key
            yield item
    elif isinstance(value, JsSet):
        yield from value.values()


def refuse_cycle(owner: Value, added: Sequence[Value]) -> None:
    """Raises Failure if the owner is inside one of the values that are added to it."""
    pending = [value for value in added if isinstance(value, list | dict | JsMap | JsSet)]
    seen: set[int] = set()
    while pending:
        value = pending.pop()
        if value is owner:
            raise Failure("A value cannot contain itself")
        if id(value) in seen:
            continue
        seen.add(id(value))
        pending.extend(child for child in _children(value) if isinstance(child, list | dict | JsMap | JsSet))
