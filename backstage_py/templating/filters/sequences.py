"""Filters over arrays, records and the code units of text."""

import functools
import math
from collections.abc import Callable

from backstage_py.js import numbers
from backstage_py.js.convert import add, bounded_parts, kind_of, order, strict_equal, to_number, to_string, truthy
from backstage_py.js.errors import Failure, LimitFailure
from backstage_py.js.text import fuse, length, units
from backstage_py.js.values import UNDEFINED, JsMap, JsSet, SafeString, Value, in_key_order
from backstage_py.templating import hints
from backstage_py.templating.exchange import RESERVED
from backstage_py.templating.filters.text import plain_text, reverse_text
from backstage_py.templating.methods import table
from backstage_py.templating.methods.arguments import argument
from backstage_py.templating.runtime import State
from backstage_py.templating.tests import TESTS

Items = list[Value]
_MAX_LENGTH = 0xFFFFFFFF


def _missing(name: str, value: Value) -> None:
    if value is UNDEFINED or value is None:
        raise Failure(f'The filter "{name}" needs a sequence, not {kind_of(value)}')


def _sequence(value: Value) -> Items | None:
    """The items of an array or text; None for anything else."""
    if type(value) is list:
        return list(value)
    if type(value) is str or type(value) is SafeString:
        return list(units(plain_text(value)))
    return None


def _indexed(state: State, record: dict[str, Value]) -> Items:
    """The items of a record that has a ``length``."""
    return [record.get(str(index), UNDEFINED) for index in range(_count(state, record, math.ceil))]


def _count(state: State, record: dict[str, Value], rounded: Callable[[float], int]) -> int:
    """The ``length`` of a record as a whole number, its work charged; 0 for none."""
    count = to_number(record.get("length", UNDEFINED))
    if count != count or count <= 0:  # noqa: PLR0124 - NaN
        return 0
    if count > state.work:
        raise LimitFailure("work", state.limits.work)
    state.charge(rounded(count))
    return rounded(count)


def _mapped(state: State, record: dict[str, Value]) -> Items:
    """The same, for filters that refuse a length no array can have."""
    count = record.get("length", UNDEFINED)
    if type(count) is float and count == count:  # noqa: PLR0124 - NaN passes
        raise Failure("The record's length is no array length")
    if type(count) is int and not 0 <= count <= _MAX_LENGTH:
        raise Failure("The record's length is no array length")
    return _indexed(state, record)


def batch(state: State, value: Value, arguments: Items) -> Value:
    """Rows of n items, the last filled up with the second argument."""
    _missing("batch", value)
    size = math.nan if not arguments else to_number(arguments[0])
    if not 1 <= size < numbers.SAFE:
        raise Failure('The filter "batch" needs a positive number')
    items = _indexed(state, value) if type(value) is dict else _sequence(value)
    width = int(size)
    rows = [(items or [])[start : start + width] for start in range(0, len(items or []), width)]
    fill = argument(arguments, 1)
    if rows and truthy(fill) and len(rows[-1]) < width:
        if width > state.limits.entries:
            raise LimitFailure("entries", state.limits.entries)
        rows[-1] += [fill] * (width - len(rows[-1]))
    return state.new_list(rows)


def slice_filter(state: State, value: Value, arguments: Items) -> Value:
    """Columns, n of them, of nearly the same size; the shorter ones are filled up with the second argument."""
    items = _sequence(value)
    if items is None:
        raise Failure(f'The filter "slice" needs a sequence, not {kind_of(value)}')
    number = math.nan if not arguments else to_number(arguments[0])
    if not 1 <= number < numbers.SAFE:
        raise Failure('The filter "slice" needs a positive number')
    count = int(number)
    if count > state.limits.entries:
        raise LimitFailure("entries", state.limits.entries)
    base, extra = divmod(len(items), count)
    fill = argument(arguments, 1)
    columns: Items = []
    offset = 0
    for index in range(count):
        size = base + (1 if index < extra else 0)
        part = items[offset : offset + size]
        offset += size
        columns.append(_column(value, part, fill, fills=truthy(fill) and index >= extra))
    return columns


def _column(value: Value, part: Items, fill: Value, *, fills: bool) -> Value:
    if type(value) is list:
        return [*part, fill] if fills else part
    if fills:
        raise Failure('The filter "slice" cannot fill up text')
    return fuse("".join(part))


def dictsort(state: State, value: Value, arguments: Items) -> Value:
    """Pairs of a record sorted by key, or by value."""
    if type(value) is not dict:
        raise Failure(f'The filter "dictsort" needs a record, not {kind_of(value)}')
    by = argument(arguments, 1)
    if by not in {"key", "value"} if type(by) is str else by is not UNDEFINED:
        raise Failure('The filter "dictsort" sorts by "key" or "value"')
    sensitive = truthy(argument(arguments, 0))
    place = 1 if by == "value" else 0

    def compare(left: tuple[str, Value], right: tuple[str, Value]) -> int:
        first, second = _upper(left[place], sensitive), _upper(right[place], sensitive)
        if order(first, second) == 1:
            return 1
        return 0 if strict_equal(first, second) else -1

    pairs = sorted(value.items(), key=functools.cmp_to_key(compare))
    return state.new_list([[key, item] for key, item in pairs])


def _upper(value: Value, sensitive: bool) -> Value:  # noqa: FBT001 - one private caller
    return value if sensitive or not isinstance(value, str | SafeString) else plain_text(value).upper()


def first(_state: State, value: Value, _arguments: Items) -> Value:
    """The first item."""
    return _edge("first", value, last_one=False)


def last(_state: State, value: Value, _arguments: Items) -> Value:
    """The last item."""
    return _edge("last", value, last_one=True)


def _edge(name: str, value: Value, *, last_one: bool) -> Value:
    _missing(name, value)
    if type(value) is dict:
        if not last_one:
            return value.get("0", UNDEFINED)
        index = numbers.subtract(to_number(value.get("length", UNDEFINED)), 1)
        return value.get(to_string(index), UNDEFINED)
    items = value if type(value) is list else _sequence(value)
    if not items:
        return UNDEFINED
    return items[-1 if last_one else 0]


def random(state: State, value: Value, _arguments: Items) -> Value:
    """Any item."""
    import secrets

    _missing("random", value)
    if type(value) is dict:
        count = to_number(value.get("length", UNDEFINED))
        if not 1 <= count < numbers.SAFE:
            return value.get("NaN", UNDEFINED) if count != count else value.get("0", UNDEFINED)  # noqa: PLR0124 - NaN
        return value.get(str(secrets.randbelow(math.ceil(count))), UNDEFINED)
    items = _sequence(value)
    del state
    return secrets.choice(items) if items else UNDEFINED


def length_filter(_state: State, value: Value, _arguments: Items) -> Value:
    """How many items, entries or code units; 0 for nothing."""
    if type(value) is str:
        return length(value)
    if type(value) is SafeString:
        return length(value.value)
    if type(value) in {list, dict, JsMap, JsSet}:
        return len(value)
    return 0 if value is UNDEFINED or value is None or value is False else UNDEFINED


def list_filter(state: State, value: Value, _arguments: Items) -> Value:
    """An array; a record becomes records of ``key`` and ``value``."""
    if type(value) is list:
        return value
    items = _sequence(value)
    if items is not None:
        return state.new_list(items)
    if type(value) is dict:
        return state.new_list([{"key": key, "value": item} for key, item in value.items()])
    if type(value) is JsMap:
        return [[key, item] for key, item in value.entries()]
    if type(value) is JsSet:
        return value.values()
    raise Failure(f'The filter "list" needs something to iterate over, not {kind_of(value)}')


def reverse(state: State, value: Value, _arguments: Items) -> Value:
    """In reverse order."""
    if type(value) is str or type(value) is SafeString:
        return reverse_text(value)
    if type(value) is list:
        return value[::-1]
    return _mapped(state, value)[::-1] if type(value) is dict else []


def join(state: State, value: Value, arguments: Items) -> Value:
    """Items, or an attribute of each, as one text."""
    separator = argument(arguments, 0)
    mark = to_string(separator) if truthy(separator) else ""
    attribute = _attribute(argument(arguments, 1))
    items = _array("join", value) if attribute is None else _project(state, value, attribute)
    texts = ["" if item is UNDEFINED or item is None else to_string(item) for item in items]
    return fuse(mark.join(bounded_parts(texts, len(mark))))


def sum_filter(state: State, value: Value, arguments: Items) -> Value:
    """The sum of items, or of an attribute of each, and a start."""
    attribute = _attribute(argument(arguments, 0))
    items = _array("sum", value) if attribute is None else _project(state, value, attribute)
    total: Value = 0
    for item in items:
        total = add(total, item)
    start = argument(arguments, 1)
    return add(0 if start is UNDEFINED else start, total)


def _array(name: str, value: Value) -> Items:
    if type(value) is not list:
        raise Failure(f'The filter "{name}" needs an array, not {kind_of(value)}')
    return value


def _attribute(value: Value) -> str | None:
    return _allowed(to_string(value)) if truthy(value) else None


def _allowed(key: str) -> str:
    if key in RESERVED:
        raise Failure(f'The attribute "{key}" is reserved')
    return key


def _project(state: State, value: Value, attribute: str) -> Items:
    if type(value) is list or type(value) is str:
        return [_get(item, attribute) for item in (_sequence(value) or [])]
    if type(value) is dict:
        return [_get(item, attribute) for item in _mapped(state, value)]
    if type(value) is SafeString and value.value:
        _get(UNDEFINED, attribute)
    return []


def _get(value: Value, key: str) -> Value:
    """An own entry; not a method."""
    if value is UNDEFINED or value is None:
        raise Failure(f'"{key}" cannot be read from {kind_of(value)}')
    found = table.member(value, key, cookiecutter=False)
    return UNDEFINED if isinstance(found, table.BoundMethod) else found


def _path(value: Value) -> list[str]:
    if not truthy(value):
        return []
    keys = value.split(".") if type(value) is str else [to_string(value)]
    return [_allowed(key) for key in keys]


def _get_path(value: Value, path: list[str]) -> Value:
    for key in path:
        value = _get(value, key)
        if value is UNDEFINED:
            return value
    return value


def sort(state: State, value: Value, arguments: Items) -> Value:
    """Sorted; arguments are reverse, case_sensitive and attribute."""
    items = _mapped(state, value) if type(value) is dict else _sequence(value)
    if items is None:
        return []
    reverse_order = truthy(argument(arguments, 0))
    sensitive = truthy(argument(arguments, 1))
    path = _path(argument(arguments, 2))
    defined = [item for item in items if item is not UNDEFINED]
    if len(defined) > 1:
        compare = _comparison(path, sensitive=sensitive, backwards=reverse_order)
        defined.sort(key=functools.cmp_to_key(compare))
    return state.new_list(defined + [UNDEFINED] * (len(items) - len(defined)))


def _comparison(path: list[str], *, sensitive: bool, backwards: bool) -> Callable[[Value, Value], int]:
    def compare(left: Value, right: Value) -> int:
        first, second = _get_path(left, path), _get_path(right, path)
        if not sensitive and isinstance(first, str | SafeString) and isinstance(second, str | SafeString):
            first, second = plain_text(first).lower(), plain_text(second).lower()
        result = order(first, second) or 0
        return -result if backwards else result

    return compare


def groupby(state: State, value: Value, arguments: Items) -> Value:
    """A record of arrays by the text of an attribute."""
    _missing("groupby", value)
    items = _indexed(state, value) if type(value) is dict else _sequence(value)
    path = _path(argument(arguments, 0))
    groups: dict[str, Value] = {}
    for item in items or []:
        key = to_string(_get_path(item, path))
        if key in RESERVED:
            raise Failure(f'The key "{key}" is reserved')
        groups.setdefault(key, []).append(item)
    return in_key_order(groups)


def selectattr(_state: State, value: Value, arguments: Items) -> Value:
    """Items whose attribute is truthy."""
    return _by_attribute("selectattr", value, arguments, wanted=True)


def rejectattr(_state: State, value: Value, arguments: Items) -> Value:
    """Items whose attribute is falsy."""
    return _by_attribute("rejectattr", value, arguments, wanted=False)


def _by_attribute(name: str, value: Value, arguments: Items, *, wanted: bool) -> Value:
    items = _array(name, value)
    key = _allowed(to_string(argument(arguments, 0)))
    return [item for item in items if truthy(_get(item, key)) is wanted]


def select(state: State, value: Value, arguments: Items) -> Value:
    """Items that pass a test, by default "truthy"."""
    return _by_test(state, "select", value, arguments, wanted=True)


def reject(state: State, value: Value, arguments: Items) -> Value:
    """Items that do not pass a test."""
    return _by_test(state, "reject", value, arguments, wanted=False)


def _by_test(state: State, name: str, value: Value, arguments: Items, *, wanted: bool) -> Value:
    test = argument(arguments, 0)
    test_name = "truthy" if test is UNDEFINED else to_string(test)
    check = TESTS.get(test_name)
    if check is None:
        raise hints.unknown("test", test_name, TESTS)
    _missing(name, value)
    items = _present(state, value) if type(value) is dict else _sequence(value)
    if items is None:
        return []
    check.check(test_name, len(arguments[1:]))
    return [item for item in items if check.apply(item, arguments[1:]) is wanted]


def _present(state: State, record: dict[str, Value]) -> Items:
    return [record[str(index)] for index in range(_count(state, record, math.floor)) if str(index) in record]
