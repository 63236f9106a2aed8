"""Which paths of a skeleton a list of globs means, as ``globby`` 11 reads them.

Dotfiles count, ``*`` is one level, a directory stands for all that is in it, and a pattern that begins with ``!`` takes
away.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

_MOST_ALTERNATIVES = 200

Matcher = Callable[[str], bool]


@lru_cache(maxsize=256)
def matcher(patterns: tuple[str, ...]) -> Matcher:
    """Return a function that says whether a file's path (relative, with ``/``) is meant."""
    positive = [_compiled(one) for one in patterns if not one.startswith("!")]
    negative = [_compiled(one[1:]) for one in patterns if one.startswith("!")]

    def matches(path: str) -> bool:
        return any(one.fullmatch(path) for one in positive) and not any(one.fullmatch(path) for one in negative)

    return matches


def _compiled(pattern: str) -> "re.Pattern[str]":
    bare = pattern.removeprefix("./").rstrip("/")
    alternatives = list(_braces(bare))[:_MOST_ALTERNATIVES]
    expressions = [_translated(one) for one in alternatives]
    try:
        return re.compile("|".join(f"(?:{one})(?:/.*)?" for one in expressions), re.DOTALL)
    except re.error:
        return re.compile(re.escape(bare))


def _braces(pattern: str) -> Iterable[str]:
    found = re.search(r"\{([^{}]*,[^{}]*)\}", pattern)
    if not found:
        return [pattern]
    before, after = pattern[: found.start()], pattern[found.end() :]
    return [one for part in found[1].split(",") for one in _braces(before + part + after)]


def _translated(pattern: str) -> str:
    parts: list[str] = []
    index = 0
    while index < len(pattern):
        character = pattern[index]
        if pattern.startswith("**/", index):
            parts.append("(?:[^/]+/)*")
            index += 3
        elif pattern.startswith("**", index):
            parts.append(".*")
            index += 2
        elif character == "*":
            parts.append("[^/]*")
            index += 1
        elif character == "?":
            parts.append("[^/]")
            index += 1
        elif character == "[" and (end := pattern.find("]", index + 2)) > 0:
            inner = pattern[index + 1 : end].replace("\\", "\\\\")
            parts.append(f"[{'^' + inner[1:] if inner[0] in '!^' else inner}]")
            index = end + 1
        elif character == "\\" and index + 1 < len(pattern):
            parts.append(re.escape(pattern[index + 1]))
            index += 2
        else:
            parts.append(re.escape(character))
            index += 1
    return "".join(parts)
