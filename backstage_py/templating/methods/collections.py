"""The methods of Maps and Sets."""

from collections.abc import Callable

from backstage_py.js.errors import Failure
from backstage_py.js.values import UNDEFINED, JsMap, JsSet, SafeString, Value
from backstage_py.templating.exchange import RESERVED, refuse_cycle
from backstage_py.templating.runtime import State


def _map_set(state: State, target: JsMap, arguments: list[Value]) -> Value:
    key, value = arguments
    text = key.value if isinstance(key, SafeString) else key
    if isinstance(text, str) and text in RESERVED:
        raise Failure(f'The key "{text}" is reserved')
    refuse_cycle(target, arguments)
    state.charge(1)
    target.set(key, value)
    _check_size(state, len(target))
    return target


def _set_add(state: State, target: JsSet, arguments: list[Value]) -> Value:
    refuse_cycle(target, arguments)
    state.charge(1)
    target.add(arguments[0])
    _check_size(state, len(target))
    return target


def _check_size(state: State, size: int) -> None:
    if size > state.limits.entries:
        raise Failure(f"A collection may hold {state.limits.entries} entries at most")


def _clear(_state: State, target: JsMap | JsSet, _arguments: list[Value]) -> Value:
    target.clear()
    return UNDEFINED


Methods = dict[str, tuple[Callable[[State, Value, list[Value]], Value], int, float]]

MAP_METHODS: Methods = {
    "clear": (_clear, 0, 0),
    "delete": (lambda _state, target, arguments: target.delete(arguments[0]), 1, 1),
    "entries": (lambda _state, target, _arguments: [[key, value] for key, value in target.entries()], 0, 0),
    "get": (lambda _state, target, arguments: target.get(arguments[0]), 1, 1),
    "has": (lambda _state, target, arguments: target.has(arguments[0]), 1, 1),
    "keys": (lambda _state, target, _arguments: [key for key, _ in target.entries()], 0, 0),
    "set": (_map_set, 2, 2),
    "values": (lambda _state, target, _arguments: [value for _, value in target.entries()], 0, 0),
}
SET_METHODS: Methods = {
    "add": (_set_add, 1, 1),
    "clear": (_clear, 0, 0),
    "delete": (lambda _state, target, arguments: target.delete(arguments[0]), 1, 1),
    "entries": (lambda _state, target, _arguments: [[value, value] for value in target.values()], 0, 0),
    "has": (lambda _state, target, arguments: target.has(arguments[0]), 1, 1),
    "values": (lambda _state, target, _arguments: target.values(), 0, 0),
}
