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

from collections.abc import Iterable
from typing import Any, Final

from backstage_py.js.text import units

Json = Any
"""A JSON value of a user: None, bool, int, float, str, list or dict with str keys. The one place for ``Any``."""

Value = Any
"""A value of this model; closed by construction, see the module."""

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
