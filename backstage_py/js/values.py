"""The closed value model: everything that a template can hold.

====================  =======================================================
JavaScript            here
====================  =======================================================
undefined, null       ``UNDEFINED``, ``None``
boolean, string       ``bool``, ``str`` (see ``text``)
number                ``int`` or ``float`` (see ``numbers``)
array, plain object   ``list``, ``dict`` with text keys
Map, Set              ``JsMap``, ``JsSet``
regular expression    ``Regex``
safe string           ``SafeString`` (Nunjucks' marker for escaped text)
function              a ``Function`` of ``runtime``; it can be called, not printed
====================  =======================================================

``HoldingList`` and ``HoldingDict`` are arrays and records that hold a function somewhere inside; nothing but calling
and looking up is allowed with them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from backstage_py.js.errors import Failure
from backstage_py.js.numbers import SAFE, normal
from backstage_py.js.text import fuse, units

Json = Any
"""A JSON value of a user: None, bool, int, float, str, list or dict with str keys. The one place for ``Any``."""

Value = Any
"""A value of this model; closed by construction, see the module."""

RESERVED: Final = frozenset({"constructor", "prototype", "__proto__"})
"""Names that no template, context or result may use, so that data stays portable to JavaScript."""

MAX_ENTRIES: Final = 100_000
MAX_DEPTH: Final = 256


class Undefined:
    """The type of ``UNDEFINED``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "UNDEFINED"


UNDEFINED: Final = Undefined()


class SafeString:
    """Text that is marked as escaped; what macros return."""

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value = value


class Regex:
    """A regular expression literal; ``last_index`` moves with the flags g and y."""

    __slots__ = ("flags", "last_index", "source")

    def __init__(self, source: str, flags: str) -> None:
        self.source = source
        self.flags = flags
        self.last_index = 0

    def text(self) -> str:
        """The literal as JavaScript prints it."""
        source = self.source or "(?:)"
        for character, escape in (("\n", "\\n"), ("\r", "\\r"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
            source = source.replace(character, escape)
        return f"/{source}/{''.join(flag for flag in 'gimy' if flag in self.flags)}"


class HoldingList(list[Value]):
    """An array that holds a function."""

    __slots__ = ()


class HoldingDict(dict[str, Value]):
    """A record that holds a function."""

    __slots__ = ()


class JsMap:
    """A Map: keys of any type, compared by SameValueZero."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Iterable[tuple[Value, Value]] = ()) -> None:
        self._entries: dict[object, tuple[Value, Value]] = {}
        for key, value in entries:
            self.set(key, value)

    def __len__(self) -> int:
        return len(self._entries)

    def has(self, key: Value) -> bool:
        """Whether the key is there."""
        return same_value_key(key) in self._entries

    def get(self, key: Value) -> Value:
        """The value of a key, or UNDEFINED."""
        found = self._entries.get(same_value_key(key))
        return UNDEFINED if found is None else found[1]

    def set(self, key: Value, value: Value) -> None:
        """Adds or replaces; a replaced key keeps its place."""
        identity = same_value_key(key)
        old = self._entries.get(identity)
        self._entries[identity] = (key if old is None else old[0], value)

    def delete(self, key: Value) -> bool:
        """Removes a key; whether it was there."""
        return self._entries.pop(same_value_key(key), None) is not None

    def clear(self) -> None:
        """Removes all."""
        self._entries.clear()

    def entries(self) -> list[tuple[Value, Value]]:
        """Keys and values in the order of insertion."""
        return list(self._entries.values())


class JsSet:
    """A Set: values of any type, compared by SameValueZero."""

    __slots__ = ("_values",)

    def __init__(self, values: Iterable[Value] = ()) -> None:
        self._values: dict[object, Value] = {}
        for value in values:
            self.add(value)

    def __len__(self) -> int:
        return len(self._values)

    def has(self, value: Value) -> bool:
        """Whether the value is there."""
        return same_value_key(value) in self._values

    def add(self, value: Value) -> None:
        """Adds once."""
        self._values.setdefault(same_value_key(value), value)

    def delete(self, value: Value) -> bool:
        """Removes a value; whether it was there."""
        identity = same_value_key(value)
        if identity not in self._values:
            return False
        del self._values[identity]
        return True

    def clear(self) -> None:
        """Removes all."""
        self._values.clear()

    def values(self) -> list[Value]:
        """The values in the order of insertion."""
        return list(self._values.values())


def same_value_key(value: Value) -> object:
    """A hashable stand-in that is equal exactly where SameValueZero says so."""
    kind = type(value)
    if kind is int or kind is float:
        return ("nan",) if value != value else (float, value)  # noqa: PLR0124 - NaN equals itself here
    if kind is str or kind is bool or value is None or value is UNDEFINED:
        return (kind, value)
    return (object, id(value))


def is_index_key(key: str) -> bool:
    """Whether JavaScript takes the key for an array index, which sorts before other keys."""
    return (
        key.isascii() and key.isdigit() and len(key) <= 10 and (key == "0" or key[0] != "0") and int(key) < 4294967295  # noqa: PLR2004 - 2**32 - 1
    )


def in_key_order(entries: dict[str, Value]) -> dict[str, Value]:
    """The record in JavaScript's order: index keys by number first, then the others as inserted."""
    indexes = [key for key in entries if key and "0" <= key[0] <= "9" and is_index_key(key)]
    if not indexes:
        return entries
    indexes.sort(key=int)
    ordered = {key: entries[key] for key in indexes}
    ordered.update(entries)
    return ordered


def own_member(value: Json, name: str) -> Json:
    """The own property of an object, a list or a text; UNDEFINED if there is none. Indexes of texts are code units."""
    if isinstance(value, dict):
        return value.get(name, UNDEFINED)
    if not isinstance(value, list | str):
        return UNDEFINED
    items = units(value) if isinstance(value, str) else value
    if name == "length":
        return len(items)
    return items[int(name)] if is_index_key(name) and int(name) < len(items) else UNDEFINED


def spread(value: Json) -> dict[str, Json]:
    """What ``{...value}`` gives: the members of an object, those of lists and texts by index, else nothing."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, list | str):
        return {}
    return {str(index): item for index, item in enumerate(units(value) if isinstance(value, str) else value)}


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


def children(value: Value) -> Iterator[Value]:
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
        pending.extend(child for child in children(value) if isinstance(child, list | dict | JsMap | JsSet))
