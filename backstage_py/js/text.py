"""Text as JavaScript sees it: a sequence of UTF-16 code units.

Values hold ordinary Python strings in which every surrogate pair is fused to one character. Only text with
characters beyond U+FFFF needs care; it is spread to one character per code unit for the time of an operation and
fused again afterwards.
"""

import re

from backstage_py.js.errors import Failure

WHITESPACE = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What ``\\s`` and ``trim`` mean in JavaScript; Python's ``str.strip`` removes other characters too."""

WHITESPACE_CLASS = r"\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
"""The same set for a character class of Python's ``re``."""

_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNRESERVED = "-_.!~*'()"
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def _spread_one(match: re.Match[str]) -> str:
    code = ord(match[0]) - 0x10000
    return chr(0xD800 + (code >> 10)) + chr(0xDC00 + (code & 0x3FF))


def _fuse_one(match: re.Match[str]) -> str:
    high, low = match[0][0], match[0][1]
    return chr(0x10000 + ((ord(high) - 0xD800) << 10) + (ord(low) - 0xDC00))


def units(text: str) -> str:
    """The text with one character per UTF-16 code unit."""
    if text.isascii() or _ASTRAL.search(text) is None:
        return text
    return _ASTRAL.sub(_spread_one, text)


def fuse(text: str) -> str:
    """The text with each surrogate pair as one character; lone surrogates stay."""
    if text.isascii() or _SURROGATE.search(text) is None:
        return text
    return _PAIR.sub(_fuse_one, text)


def length(text: str) -> int:
    """The number of UTF-16 code units."""
    if text.isascii():
        return len(text)
    return len(text) + len(_ASTRAL.findall(text))


def scalar(text: str) -> str:
    """The text as UTF-8 can carry it: lone surrogates become U+FFFD, as a JavaScript encoder writes them."""
    if text.isascii():
        return text
    return _SURROGATE.sub("\ufffd", text)


def less(left: str, right: str) -> bool:
    """Whether the left text sorts before the right one by UTF-16 code units."""
    if left.isascii() and right.isascii():
        return left < right
    return units(left) < units(right)


def trim(text: str) -> str:
    """The text without JavaScript's white space at both ends."""
    return text.strip(WHITESPACE)


def encode_component(text: str) -> str:
    """What ``encodeURIComponent`` gives.

    Raises:
        Failure: the text holds half of a surrogate pair.
    """
    from urllib.parse import quote

    try:
        return quote(text, safe=_UNRESERVED)
    except UnicodeEncodeError as error:
        raise Failure("The text holds half of a surrogate pair and cannot be put into a URL") from error
