"""The methods of text. All positions are UTF-16 code units."""

from collections.abc import Callable

from backstage_py.js import numbers, regex
from backstage_py.js.convert import bounded, bounded_parts, to_number, to_string
from backstage_py.js.errors import LimitFailure
from backstage_py.js.text import WHITESPACE, fuse, units
from backstage_py.js.values import UNDEFINED, Regex, Value
from backstage_py.templating.methods.arguments import argument, clamp, integer, slice_bounds
from backstage_py.templating.runtime import State

StringMethod = Callable[[State, str, list[Value]], Value]


def _char_at(_state: State, text: str, arguments: list[Value]) -> Value:
    spread = units(text)
    index = integer(argument(arguments, 0))
    return spread[int(index)] if 0 <= index < len(spread) else ""


def _char_code_at(_state: State, text: str, arguments: list[Value]) -> Value:
    spread = units(text)
    index = integer(argument(arguments, 0))
    return ord(spread[int(index)]) if 0 <= index < len(spread) else numbers.NAN


def _concat(_state: State, text: str, arguments: list[Value]) -> Value:
    return fuse("".join(bounded_parts([text, *[to_string(value) for value in arguments]])))


def _ends_with(_state: State, text: str, arguments: list[Value]) -> Value:
    needle = units(to_string(arguments[0]))
    spread = units(text)
    end = clamp(integer(argument(arguments, 1), len(spread)), 0, len(spread))
    return spread[:end].endswith(needle)


def _starts_with(_state: State, text: str, arguments: list[Value]) -> Value:
    needle = units(to_string(arguments[0]))
    spread = units(text)
    return spread.startswith(needle, clamp(integer(argument(arguments, 1)), 0, len(spread)))


def _includes(_state: State, text: str, arguments: list[Value]) -> Value:
    needle = units(to_string(arguments[0]))
    spread = units(text)
    return needle in spread[clamp(integer(argument(arguments, 1)), 0, len(spread)) :]


def _index_of(_state: State, text: str, arguments: list[Value]) -> Value:
    needle = units(to_string(arguments[0]))
    spread = units(text)
    return spread.find(needle, clamp(integer(argument(arguments, 1)), 0, len(spread)))


def _last_index_of(_state: State, text: str, arguments: list[Value]) -> Value:
    needle = units(to_string(arguments[0]))
    spread = units(text)
    position = to_number(argument(arguments, 1))
    start = len(spread) if position != position else clamp(numbers.to_integer(position), 0, len(spread))  # noqa: PLR0124 - NaN
    return spread.rfind(needle, 0, start + len(needle))


def _replace(state: State, text: str, arguments: list[Value]) -> Value:
    search, replacement = arguments[0], to_string(arguments[1])
    if isinstance(search, Regex):
        state.check_regexes()
        return regex.replace(search, text, replacement, keep_index=True)
    needle = units(to_string(search))
    spread = units(text)
    begin = spread.find(needle)
    if begin < 0:
        return text
    end = begin + len(needle)
    filled = regex.expand(units(replacement), spread, [(begin, end)], {})
    return bounded(fuse(spread[:begin] + filled + spread[end:]))


def _slice(_state: State, text: str, arguments: list[Value]) -> Value:
    spread = units(text)
    start, end = slice_bounds(arguments, len(spread))
    return fuse(spread[start:end])


def _split(state: State, text: str, arguments: list[Value]) -> Value:
    separator = argument(arguments, 0)
    wanted = argument(arguments, 1)
    limit = 0xFFFFFFFF if wanted is UNDEFINED else numbers.to_int32(to_number(wanted)) & 0xFFFFFFFF
    if isinstance(separator, Regex):
        state.check_regexes()
        pieces = regex.split(separator, text, limit)
        return state.new_list([UNDEFINED if piece is None else piece for piece in pieces])
    if separator is UNDEFINED:
        return [text] if limit else []
    mark = to_string(separator)
    if limit == 0:
        return []
    if not mark:
        spread = units(text)[:limit]
        if len(spread) > state.limits.entries:
            raise LimitFailure("entries", state.limits.entries)
        return list(spread)
    parts = text.split(mark) if mark.isascii() else [fuse(part) for part in units(text).split(units(mark))]
    return state.new_list(parts[:limit])


def _substring(_state: State, text: str, arguments: list[Value]) -> Value:
    spread = units(text)
    start = clamp(integer(argument(arguments, 0)), 0, len(spread))
    end = clamp(integer(argument(arguments, 1), len(spread)), 0, len(spread))
    return fuse(spread[min(start, end) : max(start, end)])


METHODS: dict[str, tuple[StringMethod, int, float]] = {
    "charAt": (_char_at, 0, 1),
    "charCodeAt": (_char_code_at, 0, 1),
    "concat": (_concat, 0, float("inf")),
    "endsWith": (_ends_with, 1, 2),
    "includes": (_includes, 1, 2),
    "indexOf": (_index_of, 1, 2),
    "lastIndexOf": (_last_index_of, 1, 2),
    "replace": (_replace, 2, 2),
    "slice": (_slice, 0, 2),
    "split": (_split, 0, 2),
    "startsWith": (_starts_with, 1, 2),
    "substring": (_substring, 0, 2),
    "toLowerCase": (lambda _state, text, _arguments: text.lower(), 0, 0),
    "toUpperCase": (lambda _state, text, _arguments: text.upper(), 0, 0),
    "trim": (lambda _state, text, _arguments: text.strip(WHITESPACE), 0, 0),
    "trimEnd": (lambda _state, text, _arguments: text.rstrip(WHITESPACE), 0, 0),
    "trimStart": (lambda _state, text, _arguments: text.lstrip(WHITESPACE), 0, 0),
}
"""Function, least and most number of arguments by name."""


def safe_methods() -> dict[str, tuple[Callable[[State, Value, list[Value]], Value], int, float]]:
    """The same methods for safe strings; what they return is plain text."""

    def unwrap(method: StringMethod) -> Callable[[State, Value, list[Value]], Value]:
        return lambda state, safe, arguments: method(state, safe.value, arguments)

    return {name: (unwrap(method), least, most) for name, (method, least, most) in METHODS.items()}
