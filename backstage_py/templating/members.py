"""Reading members: paths of constant keys, and slices."""

from backstage_py.js import convert, numbers
from backstage_py.js.convert import plain, truthy
from backstage_py.js.errors import Failure
from backstage_py.js.values import UNDEFINED, Value
from backstage_py.templating.functions import Function
from backstage_py.templating.methods import table
from backstage_py.templating.runtime import MISSING, Cells, Evaluate, State


def _path_1(base: Evaluate, keys: list[str]) -> Evaluate:
    key = keys[0]

    def look(cells: Cells) -> Value:
        value = base(cells)
        if type(value) is dict:
            return value.get(key, UNDEFINED)
        return table.member(value, key, cookiecutter=False)

    return look


def _path_2(base: Evaluate, keys: list[str]) -> Evaluate:
    first, second = keys

    def look(cells: Cells) -> Value:
        value = base(cells)
        value = value.get(first, UNDEFINED) if type(value) is dict else table.member(value, first, cookiecutter=False)
        if type(value) is dict:
            return value.get(second, UNDEFINED)
        return table.member(value, second, cookiecutter=False)

    return look


def _long_path(base: Evaluate, keys: list[str]) -> Evaluate:
    def look(cells: Cells) -> Value:
        value = base(cells)
        for key in keys:
            value = value.get(key, UNDEFINED) if type(value) is dict else table.member(value, key, cookiecutter=False)
        return value

    return look


def path(base: Evaluate, keys: list[str]) -> Evaluate:
    """Reads members by constant keys, one after the other."""
    return {1: _path_1, 2: _path_2}.get(len(keys), _long_path)(base, keys)


def jinja_path(base: Evaluate, keys: list[str]) -> Evaluate:
    """A path where records have methods, so that a missing key may be one."""

    def look(cells: Cells) -> Value:
        value = base(cells)
        for key in keys:
            found = value.get(key, MISSING) if type(value) is dict else MISSING
            value = table.member(value, key, cookiecutter=True) if found is MISSING else found
        return value

    return look


def slice_of(state: State, target: Value, start: Value, stop: Value, step: Value) -> list[Value]:
    """``target[start:stop:step]``, which is always an array, also of text."""
    if isinstance(target, Function):
        raise Failure("A function cannot be sliced")
    if not truthy(target):
        target = []
    length = table.member(target, "length", cookiecutter=False)
    number = convert.to_number(step)
    if number == 0 or number - number != 0:
        raise Failure("The step of a slice must be a number other than 0")
    direction = convert.order(step, 0)
    if start is None:
        start = numbers.subtract(convert.to_number(length), 1) if direction == -1 else 0
    if stop is None:
        stop = -1 if direction == -1 else length
    elif convert.order(stop, 0) == -1:
        stop = convert.add(stop, length)
    if convert.order(start, 0) == -1:
        start = convert.add(start, length)
    items: list[Value] = []
    end = {0, direction}
    while convert.order(start, 0) != -1 and convert.order(start, length) != 1:
        if direction in {1, -1} and convert.order(start, stop) in end:
            break
        state.charge(1)
        items.append(plain(table.member(target, convert.to_string(start), cookiecutter=False)))
        start = convert.add(start, step)
    return state.new_list(items)
