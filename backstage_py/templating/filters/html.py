"""Filters for HTML: escaping, links, tags, URLs."""

import re

from backstage_py.js import numbers
from backstage_py.js.convert import printed, to_number, to_string, truthy
from backstage_py.js.errors import Failure
from backstage_py.js.text import WHITESPACE_CLASS, encode_component, fuse, trim, units
from backstage_py.js.values import UNDEFINED, SafeString, Value
from backstage_py.templating.filters.text import WHITESPACE_RUN, as_safe_as, plain_text
from backstage_py.templating.methods.arguments import argument
from backstage_py.templating.runtime import State

_ESCAPES = str.maketrans({"&": "&amp;", '"': "&quot;", "'": "&#39;", "<": "&lt;", ">": "&gt;", "\\": "&#92;"})
_TAG = re.compile(r"</?[a-z][a-z0-9]*\b[^>]*>|<!--[\s\S]*?-->", re.IGNORECASE | re.ASCII)
_MAX_PASSES = 8
_LINE_END = re.compile(r"([\n\r\u2028\u2029])")
_SPACES = re.compile(" +")
_BLANK_LINES = re.compile(r"\n\n\n+")
_SEPARATOR = re.compile(f"([{WHITESPACE_CLASS}]+)")
_PUNCTUATION = re.compile(r"(?:\(|<|&lt;)?([\s\S]*?)(?:\.|,|\)|\n|&gt;)?\Z")
_EMAIL = re.compile(r"[\w.!#$%&'*+\-/=?^`{|}~]+@[a-z\d-]+(?:\.[a-z\d-]+)+", re.IGNORECASE | re.ASCII)
_DOMAIN = re.compile(r"\.(?:org|net|com)(?::|/|\Z)")


def escape_text(text: str) -> str:
    """The text with the characters of markup as entities; the backslash too."""
    return text.translate(_ESCAPES)


def escape(_state: State, value: Value, _arguments: list[Value]) -> Value:
    """Escapes once: what is safe stays."""
    return value if type(value) is SafeString else SafeString(escape_text(printed(value)))


def forceescape(_state: State, value: Value, _arguments: list[Value]) -> Value:
    """Escapes also what is safe."""
    return SafeString(escape_text(printed(value)))


def safe(_state: State, value: Value, _arguments: list[Value]) -> Value:
    """Marks as safe."""
    return value if type(value) is SafeString else SafeString(printed(value))


def striptags(_state: State, value: Value, arguments: list[Value]) -> Value:
    """Without tags and comments; white space is one space, or, with the argument, lines are kept."""
    text = "" if value is UNDEFINED or value is None or value is False else plain_text(value)
    stripped = trim(_without_tags(text))
    if not truthy(argument(arguments, 0)):
        return as_safe_as(value, WHITESPACE_RUN.sub(" ", stripped))
    trimmed = "".join([line.strip(" ") for line in _LINE_END.split(stripped)])
    lines = _SPACES.sub(" ", trimmed).replace("\r\n", "\n")
    return as_safe_as(value, _BLANK_LINES.sub("\n\n", lines))


def _without_tags(text: str) -> str:
    """Removes tags until there are none; markup that keeps growing back is refused."""
    for _ in range(_MAX_PASSES):
        stripped = _remove_tags(text)
        if stripped == text:
            return text
        text = stripped
    if _remove_tags(text) != text:
        raise Failure('The filter "striptags" was given markup that is nested too deep')
    return text


def _remove_tags(text: str) -> str:
    """One pass. Text behind the last ">" holds no tag; leaving it out keeps the pattern from trying."""
    end = text.rfind(">") + 1
    parts = []
    start = 0
    open_comment_seen = False
    while start < end:
        begin = text.find("<", start, end)
        if begin < 0:
            break
        if text.startswith("<!--", begin):
            close = -1 if open_comment_seen else text.find("-->", begin + 4, end)
            open_comment_seen = close < 0
            stop = close + 3 if close >= 0 else -1
        else:
            match = _TAG.match(text, begin, end)
            stop = match.end() if match else -1
        parts.append(text[start : begin if stop >= 0 else begin + 1])
        start = stop if stop >= 0 else begin + 1
    return "".join(parts) + text[start:]


def _link_length(value: Value) -> float:
    """What JavaScript's ``substr`` makes of a length."""
    if value is UNDEFINED or (type(value) is float and value != value):  # noqa: PLR0124 - NaN
        return numbers.INFINITY
    number = to_number(value)
    return 0 if number != number or number <= 0 else numbers.to_integer(number)  # noqa: PLR0124 - NaN


def urlize(_state: State, value: Value, arguments: list[Value]) -> Value:
    """Links for what looks like an address; the argument shortens their text."""
    limit = _link_length(argument(arguments, 0))
    follow = ' rel="nofollow"' if argument(arguments, 1) is True else ""
    return "".join([_link(word, limit, follow) for word in _SEPARATOR.split(plain_text(value)) if word])


def _link(word: str, limit: float, follow: str) -> str:
    match = _PUNCTUATION.match(word)
    address = match[1] if match else word
    spread = units(address)
    short = address if limit >= len(spread) else fuse(spread[: int(limit)])
    if address.startswith(("http://", "https://")):
        return f'<a href="{address}"{follow}>{short}</a>'
    if address.startswith("www."):
        return f'<a href="http://{address}"{follow}>{short}</a>'
    if _EMAIL.fullmatch(address):
        return f'<a href="mailto:{address}">{address}</a>'
    if _DOMAIN.search(address):
        return f'<a href="http://{address}"{follow}>{short}</a>'
    return word


def urlencode(_state: State, value: Value, _arguments: list[Value]) -> Value:
    """A text, or pairs of names and values, for a URL."""
    if type(value) is str or type(value) is SafeString:
        return encode_component(plain_text(value))
    if type(value) is dict:
        return "&".join([_pair(key, item) for key, item in value.items()])
    if type(value) is list:
        return "&".join([_pair(*_entry(item)) for item in value])
    return ""


def _pair(key: Value, value: Value) -> str:
    return f"{encode_component(to_string(key))}={encode_component(to_string(value))}"


def _entry(item: Value) -> tuple[Value, Value]:
    if item is UNDEFINED or item is None:
        raise Failure('The filter "urlencode" needs pairs, not undefined or null')
    if type(item) is dict:
        return item.get("0", UNDEFINED), item.get("1", UNDEFINED)
    parts: list[Value] = []
    if type(item) is list:
        parts = item
    elif type(item) is str or type(item) is SafeString:
        parts = list(units(plain_text(item)))
    padded = [*parts[:2], UNDEFINED, UNDEFINED]
    return padded[0], padded[1]
