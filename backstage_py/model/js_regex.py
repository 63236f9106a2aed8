"""Regular expressions as JavaScript writes them, matched in linear time wherever possible.

RE2 runs what it can express. Patterns with look-around or back-references need a backtracking engine; they run on
Python's, against subjects of bounded length, since a pattern comes from a template that nobody has reviewed.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

Test = Callable[[str], bool]

_LONGEST_BACKTRACKING_SUBJECT = 2_048
_UNICODE = re.compile(r"u(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{4}))")
_NAMED_GROUP = re.compile(r"\(\?<(?![=!])")
_NAMED_REFERENCE = re.compile(r"k<(\w+)>")


@lru_cache(maxsize=4_096)
def tester(pattern: str) -> Test:
    """Return a function that says whether the pattern occurs in a string, as ``String.match`` finds it.

    Raises:
        ValueError: the pattern is no regular expression.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        return _searches(re2.compile("".join(_translated(pattern, end="$")), options))
    except re2.error:
        pass
    try:
        compiled = re.compile("".join(_translated(pattern, end=r"\Z")), re.ASCII)
    except re.error as error:
        raise ValueError(f"'{pattern}' is not a regular expression: {error}") from error
    return lambda text: len(text) <= _LONGEST_BACKTRACKING_SUBJECT and compiled.search(text) is not None


def linear(pattern: str, *, ignore_case: bool = False, multi_line: bool = False) -> "re.Pattern[str]":
    """Return a compiled pattern that searches in time linear in the text; it has the methods of ``re.Pattern``.

    Raises:
        ValueError: the pattern is no regular expression, or one with look-around or back-references.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    flags = "i" * ignore_case + "m" * multi_line
    try:
        return re2.compile((f"(?{flags})" if flags else "") + "".join(_translated(pattern, end="$")), options)  # type: ignore[no-any-return]  # re2 publishes no types
    except re2.error as error:
        raise ValueError(
            f"'{pattern}' is not a regular expression that runs in linear time: {_words(error)}. "
            "Look-around and back-references are not supported here"
        ) from error


def _words(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def _searches(compiled: "re.Pattern[str]") -> Test:
    def test(text: str) -> bool:
        return compiled.search(text) is not None

    return test


def _translated(pattern: str, *, end: str) -> Iterator[str]:
    position, in_class = 0, False
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            text, position = _escape(pattern, position + 1)
            yield text
            continue
        if character == "[" and not in_class:
            if pattern.startswith("[^]", position) or pattern.startswith("[]", position):
                yield r"[\s\S]" if pattern[position + 1] == "^" else r"[^\s\S]"
                position += 3 if pattern[position + 1] == "^" else 2
                continue
            in_class = True
            yield "["
        elif character == "[":  # a literal there in JavaScript, the start of a set operation elsewhere
            yield r"\["
        elif character == "]" and in_class:
            in_class = False
            yield "]"
        elif character == "$" and not in_class:
            yield end
        elif not in_class and _NAMED_GROUP.match(pattern, position):
            yield "(?P<"
            position += 2
        else:
            yield character
        position += 1


def _escape(pattern: str, position: int) -> tuple[str, int]:
    """Return the translation of the escape whose backslash stands before ``position``, and where it ends."""
    if position >= len(pattern):
        raise ValueError(f"'{pattern}' is not a regular expression: it ends with a backslash")
    if found := _UNICODE.match(pattern, position):
        return re.escape(chr(min(int(found[1] or found[2], 16), 0x10FFFF))), found.end()
    if found := _NAMED_REFERENCE.match(pattern, position):
        return f"(?P={found[1]})", found.end()
    character = pattern[position]
    if character == "c" and position + 1 < len(pattern) and pattern[position + 1].isalpha():
        return re.escape(chr(ord(pattern[position + 1]) % 32)), position + 2
    if character == "0":
        return r"\x00", position + 1
    if character in "/_-" or not character.isascii():
        return (r"\-" if character == "-" else character), position + 1
    return f"\\{character}", position + 1
