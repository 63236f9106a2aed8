"""The methods of arrays, and those that Jinja's lists have, which exist with ``cookiecutterCompat`` only."""

import functools
from collections.abc import Callable
from itertools import starmap

from backstage_py.js import numbers
from backstage_py.js.convert import bounded_parts, strict_equal, to_string
from backstage_py.js.errors import LimitFailure
from backstage_py.js.numbers import Number
from backstage_py.js.text import fuse, less
from backstage_py.js.values import UNDEFINED, Value, same_value_key
from backstage_py.templating.exchange import refuse_cycle
from backstage_py.templating.methods.arguments import argument, clamp, integer, relative, slice_bounds
from backstage_py.templating.runtime import State

Items = list[Value]


def _put(state: State, target: Items, start: int, stop: int, added: Items) -> None:
    """Replaces a part of an array in place, so that a running loop and all its names see it."""
    if len(target) - (stop - start) + len(added) > state.limits.entries:
        raise LimitFailure("entries", state.limits.entries)
    refuse_cycle(target, added)
    target[start:stop] = added


def _at(_state: State, items: Items, arguments: Items) -> Value:
    index = integer(arguments[0])
    index = index + len(items) if index < 0 else index
    return items[int(index)] if 0 <= index < len(items) else UNDEFINED


def _concat(state: State, items: Items, arguments: Items) -> Value:
    joined = list(items)
    for value in arguments:
        if isinstance(value, list):
            joined.extend(value)
        else:
            joined.append(value)
    return state.new_list(joined)


def _flat(state: State, items: Items, arguments: Items) -> Value:
    flat: Items = []
    _flatten(state, flat, items, integer(argument(arguments, 0), 1))
    return state.new_list(flat)


def _flatten(state: State, flat: Items, items: Items, depth: Number) -> None:
    for item in items:
        state.charge(1)
        if depth > 0 and isinstance(item, list):
            _flatten(state, flat, item, depth - 1)
        else:
            flat.append(item)


def _includes(_state: State, items: Items, arguments: Items) -> Value:
    wanted = same_value_key(arguments[0])
    start = relative(integer(argument(arguments, 1)), len(items))
    return any(same_value_key(item) == wanted for item in items[start:])


def _find(items: Items, wanted: Value, start: int) -> int:
    for index in range(start, len(items)):
        if strict_equal(items[index], wanted):
            return index
    return -1


def _index_of(_state: State, items: Items, arguments: Items) -> Value:
    return _find(items, arguments[0], relative(integer(argument(arguments, 1)), len(items)))


def _last_index_of(_state: State, items: Items, arguments: Items) -> Value:
    start = integer(argument(arguments, 1), len(items) - 1)
    start = start + len(items) if start < 0 else start
    for index in range(clamp(start, -1, len(items) - 1), -1, -1):
        if strict_equal(items[index], arguments[0]):
            return index
    return -1


def _join(state: State, items: Items, arguments: Items) -> Value:
    separator = argument(arguments, 0)
    mark = "," if separator is UNDEFINED else to_string(separator)
    state.charge(len(items))
    texts = ["" if item is None or item is UNDEFINED else to_string(item) for item in items]
    return fuse(mark.join(bounded_parts(texts, len(mark))))


def _slice(state: State, items: Items, arguments: Items) -> Value:
    start, end = slice_bounds(arguments, len(items))
    return state.new_list(items[start:end])


def _push(state: State, items: Items, arguments: Items) -> Value:
    _put(state, items, len(items), len(items), arguments)
    return len(items)


def _pop(state: State, items: Items, arguments: Items) -> Value:
    wanted = argument(arguments, 0)
    if wanted is not UNDEFINED and state.cookiecutter:
        index = integer(wanted)
        index = index + len(items) if index < 0 else index
        return items.pop(int(index)) if 0 <= index < len(items) else UNDEFINED
    return items.pop() if items else UNDEFINED


def _shift(_state: State, items: Items, _arguments: Items) -> Value:
    return items.pop(0) if items else UNDEFINED


def _unshift(state: State, items: Items, arguments: Items) -> Value:
    _put(state, items, 0, 0, arguments)
    return len(items)


def _splice(state: State, items: Items, arguments: Items) -> Value:
    first, second = argument(arguments, 0), argument(arguments, 1)
    if first is UNDEFINED:
        return []
    start = relative(integer(first), len(items))
    count = len(items) - start if second is UNDEFINED else clamp(integer(second), 0, len(items) - start)
    added = [] if second is UNDEFINED else arguments[2:]
    removed = items[start : start + count]
    _put(state, items, start, start + count, added)
    return removed


def _compare_texts(left: tuple[str, Value], right: tuple[str, Value]) -> int:
    return -1 if less(left[0], right[0]) else 1 if less(right[0], left[0]) else 0


def _sort(_state: State, items: Items, _arguments: Items) -> Value:
    defined = [(to_string(item), item) for item in items if item is not UNDEFINED]
    defined.sort(key=functools.cmp_to_key(_compare_texts))
    items[:] = [item for _, item in defined] + [UNDEFINED] * (len(items) - len(defined))
    return items


def _reverse(_state: State, items: Items, _arguments: Items) -> Value:
    items.reverse()
    return items


def _fill(_state: State, items: Items, arguments: Items) -> Value:
    start, end = slice_bounds(arguments, len(items), 1)
    refuse_cycle(items, arguments[:1])
    count = max(0, end - start)
    items[start : start + count] = [arguments[0]] * count
    return items


def _copy_within(_state: State, items: Items, arguments: Items) -> Value:
    target = relative(integer(arguments[0]), len(items))
    start, end = slice_bounds(arguments, len(items), 1)
    moved = items[start:end][: len(items) - target]
    items[target : target + len(moved)] = moved
    return items


def _insert(state: State, items: Items, arguments: Items) -> Value:
    index = relative(integer(arguments[0]), len(items))
    _put(state, items, index, index, arguments[1:])
    return []


def _remove(_state: State, items: Items, arguments: Items) -> Value:
    index = _find(items, arguments[0], 0)
    return [] if index < 0 else [items.pop(index)]


def _count(state: State, items: Items, arguments: Items) -> Value:
    state.charge(len(items))
    return sum(starmap(strict_equal, ((item, arguments[0]) for item in items)))


Methods = dict[str, tuple[Callable[[State, Value, list[Value]], Value], int, float]]

METHODS: Methods = {
    "at": (_at, 1, 1),
    "concat": (_concat, 0, numbers.INFINITY),
    "copyWithin": (_copy_within, 1, 3),
    "fill": (_fill, 1, 3),
    "flat": (_flat, 0, 1),
    "includes": (_includes, 1, 2),
    "indexOf": (_index_of, 1, 2),
    "join": (_join, 0, 1),
    "lastIndexOf": (_last_index_of, 1, 2),
    "pop": (_pop, 0, 0),
    "push": (_push, 0, numbers.INFINITY),
    "reverse": (_reverse, 0, 0),
    "shift": (_shift, 0, 0),
    "slice": (_slice, 0, 2),
    "sort": (_sort, 0, 0),
    "splice": (_splice, 0, numbers.INFINITY),
    "unshift": (_unshift, 0, numbers.INFINITY),
}
JINJA_METHODS: Methods = {
    "append": (_push, 1, 1),
    "count": (_count, 1, 1),
    "find": (lambda _state, items, arguments: _find(items, arguments[0], 0), 1, 1),
    "index": (lambda _state, items, arguments: _find(items, arguments[0], 0), 1, 1),
    "insert": (_insert, 2, 2),
    "pop": (_pop, 0, 1),
    "remove": (_remove, 1, 1),
}
