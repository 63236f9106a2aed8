"""Finds members of values: what ``value.name`` and ``value[key]`` give, and which methods there are."""

from collections.abc import Callable
from typing import NamedTuple

from backstage_py.js.convert import plain
from backstage_py.js.text import length, units
from backstage_py.js.values import UNDEFINED, HoldingDict, HoldingList, JsMap, JsSet, Regex, SafeString, Value
from backstage_py.templating.functions import Function, check_count, refuse_keywords
from backstage_py.templating.methods import arrays, collections, numbers, records, regexes, strings
from backstage_py.templating.runtime import State


class Method(NamedTuple):
    """A method and how many arguments it takes."""

    function: Callable[[State, Value, list[Value]], Value]
    least: int
    most: float


def _table(methods: dict[str, tuple[Callable[[State, Value, list[Value]], Value], int, float]]) -> dict[str, Method]:
    return {name: Method(*entry) for name, entry in methods.items()}


_STRINGS = _table(strings.METHODS)
_SAFE_STRINGS = _table(strings.safe_methods())
_NUMBERS = _table(numbers.METHODS)
_ARRAYS = _table(arrays.METHODS)
_METHODS: dict[type, dict[str, Method]] = {
    str: _STRINGS,
    SafeString: _SAFE_STRINGS,
    int: _NUMBERS,
    float: _NUMBERS,
    list: _ARRAYS,
    HoldingList: _ARRAYS,
    JsMap: _table(collections.MAP_METHODS),
    JsSet: _table(collections.SET_METHODS),
    Regex: _table(regexes.METHODS),
}
_JINJA_ARRAYS = {**_ARRAYS, **_table(arrays.JINJA_METHODS)}
_JINJA_RECORDS = _table(records.JINJA_METHODS)
_JINJA: dict[type, dict[str, Method]] = {
    list: _JINJA_ARRAYS,
    HoldingList: _JINJA_ARRAYS,
    dict: _JINJA_RECORDS,
    HoldingDict: _JINJA_RECORDS,
}


class BoundMethod(Function):
    """A method with its receiver, looked up but not called yet."""

    __slots__ = ("_method", "_name", "_receiver")

    def __init__(self, receiver: Value, name: str, method: Method) -> None:
        self._receiver = receiver
        self._name = name
        self._method = method

    def check(self, count: int, *, keywords: bool) -> None:
        """Refuses arguments that the method cannot take."""
        refuse_keywords(f'"{self._name}"', keywords=keywords)
        check_count(f'"{self._name}"', count, self._method.least, self._method.most)

    def invoke(self, state: State, positional: list[Value], keywords: dict[str, Value]) -> Value:
        """Calls the method."""
        del keywords
        return self._method.function(state, plain(self._receiver), [plain(value) for value in positional])


def find(value: Value, name: str, *, cookiecutter: bool) -> Method | None:
    """The method of a value, unless a record has a key of that name."""
    kind = type(value)
    if cookiecutter and kind in _JINJA:
        if isinstance(value, dict) and name in value:
            return None
        return _JINJA[kind].get(name)
    methods = _METHODS.get(kind)
    return None if methods is None else methods.get(name)


def names(value: Value) -> list[str]:
    """The names of a value's methods, for messages."""
    return list(_METHODS.get(type(value), {}))


def member(value: Value, key: str, *, cookiecutter: bool) -> Value:
    """``value[key]``: an own entry, else a method, else UNDEFINED; undefined and null have no members."""
    if isinstance(value, dict):
        if key in value:
            return value[key]
    elif isinstance(value, list):
        if key == "length":
            return len(value)
        index = _index(key, len(value))
        if index is not None:
            return value[index]
    elif isinstance(value, str):
        if key == "length":
            return length(value)
        if key[:1].isdigit():
            return _unit(value, key)
    elif isinstance(value, SafeString):
        if key == "val":
            return value.value
        return member(value.value, key, cookiecutter=cookiecutter) if key == "length" else _safe_member(value, key)
    elif isinstance(value, JsMap | JsSet):
        if key == "size":
            return len(value)
    elif isinstance(value, Function):
        return value.member(key)
    method = find(value, key, cookiecutter=cookiecutter)
    return UNDEFINED if method is None else BoundMethod(value, key, method)


def _safe_member(value: SafeString, key: str) -> Value:
    if key[:1].isdigit():
        return _unit(value.value, key)
    method = _SAFE_STRINGS.get(key)
    return UNDEFINED if method is None else BoundMethod(value, key, method)


def _unit(text: str, key: str) -> Value:
    spread = units(text)
    index = _index(key, len(spread))
    return UNDEFINED if index is None else spread[index]


def _index(key: str, count: int) -> int | None:
    """The index a canonical key means, if it is in range."""
    if not key.isdigit() or not key.isascii() or len(key) > 10 or (key[0] == "0" and key != "0"):  # noqa: PLR2004 - digits
        return None
    index = int(key)
    return index if index < count else None
