"""Filters over text. What is marked safe stays so, except in ``lower``, ``upper`` and ``urlize``."""

import math
import re

from backstage_py.js import numbers, regex
from backstage_py.js.convert import bounded, bounded_parts, kind_of, order, printed, to_number, to_string, truthy
from backstage_py.js.errors import MAX_TEXT, Failure, LimitFailure
from backstage_py.js.numbers import Number
from backstage_py.js.text import WHITESPACE, fuse, length, trim, units
from backstage_py.js.values import UNDEFINED, Regex, SafeString, Value
from backstage_py.templating.methods.arguments import argument
from backstage_py.templating.runtime import State

_MAX_SPACES = 16 * 1024 * 1024
_WORD = re.compile(r"\w+", re.ASCII)
_NEWLINE = re.compile(r"\r\n|\n")


def plain_text(value: Value) -> str:
    """The text of a string or safe string.

    Raises:
        Failure: the value is something else.
    """
    if type(value) is str:
        return value
    if type(value) is SafeString:
        return value.value
    raise Failure(f"The filter needs text, not {kind_of(value)}")


def _normal(value: Value) -> Value:
    """Nothing (undefined, null, false) as the empty text."""
    return "" if value is UNDEFINED or value is None or value is False else value


def as_safe_as(value: Value, text: str) -> Value:
    """The text, marked safe if the value is."""
    return SafeString(text) if type(value) is SafeString else text


def spaces(count: Number) -> str:
    """That many spaces, a fraction rounded up.

    Raises:
        Failure: there would be too many.
    """
    if count != count or count <= 0:  # noqa: PLR0124 - NaN
        return ""
    if count > _MAX_SPACES:
        raise Failure("The filter would add too many spaces")
    return " " * math.ceil(count)


def capitalize(_state: State, value: Value, _arguments: list[Value]) -> Value:
    """The first character in upper case, all others in lower case."""
    return as_safe_as(value, _capital(plain_text(_normal(value))))


def _capital(text: str) -> str:
    lowered = text.lower()
    first = lowered[:1]
    return lowered if first > "\uffff" else first.upper() + lowered[1:]


def title(_state: State, value: Value, _arguments: list[Value]) -> Value:
    """Each word between spaces capitalized."""
    words = plain_text(_normal(value)).split(" ")
    return as_safe_as(value, " ".join([_capital(word) for word in words]))


def lower(_state: State, value: Value, _arguments: list[Value]) -> Value:
    """Lower case."""
    return plain_text(_normal(value)).lower()


def upper(_state: State, value: Value, _arguments: list[Value]) -> Value:
    """Upper case."""
    return plain_text(_normal(value)).upper()


def trim_filter(_state: State, value: Value, _arguments: list[Value]) -> Value:
    """Without white space at the ends."""
    return as_safe_as(value, trim(plain_text(value)))


def direct_length(value: Value) -> Value:
    """What ``value.length`` is."""
    if type(value) is str:
        return length(value)
    if type(value) is SafeString:
        return length(value.value)
    if type(value) is list:
        return len(value)
    return value.get("length", UNDEFINED) if type(value) is dict else UNDEFINED


def center(_state: State, value: Value, arguments: list[Value]) -> Value:
    """Spaces at both sides up to a width, by default 80."""
    normal = _normal(value)
    width = argument(arguments, 0)
    width = width if truthy(width) else 80
    size = direct_length(normal)
    if order(size, width) in {0, 1}:
        return normal
    room = numbers.subtract(to_number(width), to_number(size))
    half = numbers.divide(room, 2)
    before = spaces(numbers.subtract(half, numbers.remainder(room, 2)))
    return as_safe_as(normal, before + to_string(normal) + spaces(half))


def indent(_state: State, value: Value, arguments: list[Value]) -> Value:
    """Each line but the first, or the first too, behind spaces; empty lines get them as well."""
    normal = _normal(value)
    text = plain_text(normal)
    if normal == "":
        return ""
    width = argument(arguments, 0)
    pad = spaces(to_number(width if truthy(width) else 4))
    lines = text.split("\n")
    if len(lines) * len(pad) > MAX_TEXT:
        raise LimitFailure("scratch", MAX_TEXT)
    joined = ("\n" + pad).join(lines)
    return as_safe_as(normal, pad + joined if truthy(argument(arguments, 1)) else joined)


def nl2br(_state: State, value: Value, _arguments: list[Value]) -> Value:
    """Line ends as ``<br />``."""
    text = "" if value is UNDEFINED or value is None else plain_text(value)
    return as_safe_as(value, _NEWLINE.sub("<br />\n", text))


def string(_state: State, value: Value, _arguments: list[Value]) -> Value:
    """As text."""
    if value is UNDEFINED or value is None:
        raise Failure('The filter "string" needs a value')
    return value if type(value) is SafeString else printed(value)


def truncate(_state: State, value: Value, arguments: list[Value]) -> Value:
    """At most so many characters (255), at the last space or, with the second argument, anywhere, and an end mark."""
    normal = _normal(value)
    limit = argument(arguments, 0)
    limit = limit if truthy(limit) else 255
    if order(direct_length(normal), limit) in {0, -1}:
        return normal
    spread = units(plain_text(normal))
    count = numbers.to_integer(to_number(limit))
    size = int(max(0, min(count, len(spread))))
    if not truthy(argument(arguments, 1)):
        reach = len(spread) if to_number(limit) != to_number(limit) else size
        at = spread.rfind(" ", 0, reach + 1)
        size = size if at < 0 else at
    end = argument(arguments, 2)
    mark = "..." if end is UNDEFINED or end is None else to_string(end)
    return as_safe_as(value, bounded(fuse(spread[:size] + mark)))


def wordcount(_state: State, value: Value, _arguments: list[Value]) -> Value:
    """How many words; null for none."""
    normal = _normal(value)
    if not truthy(normal):
        return None
    return len(_WORD.findall(plain_text(normal))) or None


def replace(state: State, value: Value, arguments: list[Value]) -> Value:
    """All or the first n occurrences of a text, or what a regular expression matches, by another text."""
    search, replacement, count = (argument(arguments, index) for index in range(3))
    if type(search) is Regex:
        state.check_regexes()
        if type(value) is not str and type(value) is not SafeString:
            raise regex.require_string(kind_of(value))
        fresh = Regex(search.source, search.flags)
        return regex.replace(fresh, plain_text(value), to_string(replacement), keep_index=False)
    if type(search) is not str and type(search) is not int and type(search) is not float:
        return value
    target = to_string(value) if type(value) is int or type(value) is float else value
    if type(target) is not str and type(target) is not SafeString:
        return target
    text = plain_text(target)
    needle = to_string(search)
    if not needle:
        return as_safe_as(target, _between_all(text, replacement))
    if (type(count) is not bool and count == 0) or needle not in text:
        return target
    by = to_string(replacement)
    every = count is UNDEFINED or (type(count) in {int, float} and count == -1)
    times = -1 if every else _times(to_number(count))
    found = text.count(needle) if times < 0 else min(times, text.count(needle))
    if len(text) + found * len(by) > state.limits.scratch:
        raise LimitFailure("scratch", state.limits.scratch)
    return as_safe_as(value, fuse(text.replace(needle, by, times)))


def _times(count: Number) -> int:
    """Rounds of a loop that counts up to a number."""
    if count != count or count <= 0:  # noqa: PLR0124 - NaN
        return 0
    return math.ceil(min(count, 1 << 30))


def _between_all(text: str, replacement: Value) -> str:
    """The replacement around every code unit; undefined is "undefined" outside and a comma inside, as observed."""
    by = to_string(replacement)
    inside = "," if replacement is UNDEFINED else by
    spread = units(text)
    bounded_parts([spread], len(inside) * len(spread))
    return fuse(by + inside.join(spread) + by)


def reverse_text(value: Value) -> Value:
    """The code units in reverse order."""
    return as_safe_as(value, fuse(units(plain_text(value))[::-1]))


WHITESPACE_RUN = re.compile(f"[{re.escape(WHITESPACE)}]+")
"""JavaScript's ``\\s+``."""
