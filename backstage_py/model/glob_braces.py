"""Braces in glob patterns, as npm's ``braces`` expands them: ``{a,b}`` and ``{1..3}``."""

import re

from backstage_py.errors import InputError

_MOST_EXPANDED = 1_000


def expand(pattern: str) -> list[str]:
    """Return the patterns that a pattern with ``{a,b}`` and ``{1..3}`` stands for; ``${…}`` is no brace.

    Raises:
        InputError: there are more than 1,000.
    """
    start, end = _brace(pattern)
    if start < 0:
        return [pattern]
    head, body, tail = pattern[:start], pattern[start + 1 : end], pattern[end + 1 :]
    options = _numbers(body) if (body.count(",") == 0) else _options(body)
    tails = expand(tail)
    expanded = [f"{head}{inner}{rest}" for option in options for inner in expand(option) for rest in tails]
    if len(expanded) > _MOST_EXPANDED:
        raise InputError(f"The glob pattern '{pattern[:40]}' stands for more than {_MOST_EXPANDED} patterns")
    return expanded


def _brace(pattern: str) -> tuple[int, int]:
    """Return where the first brace that holds a choice begins and ends, or -1."""
    stack: list[int] = []
    pairs: list[tuple[int, int]] = []
    at = 0
    while at < len(pattern):
        if pattern[at] == "\\":
            at += 2
            continue
        if pattern[at] == "{":
            stack.append(at)
        elif pattern[at] == "}" and stack:
            pairs.append((stack.pop(), at))
        at += 1
    for start, end in sorted(pairs):
        body = pattern[start + 1 : end]
        is_literal = start > 0 and pattern[start - 1] == "$"
        if not is_literal and (len(_options(body)) > 1 or _numbers(body)):
            return start, end
    return -1, -1


def _options(body: str) -> list[str]:
    options, depth, current, at = [], 0, "", 0
    while at < len(body):
        char = body[at]
        if char == "\\":
            current += body[at : at + 2]
            at += 2
            continue
        depth += (char == "{") - (char == "}")
        if char == "," and depth == 0:
            options.append(current)
            current = ""
        else:
            current += char
        at += 1
    return [*options, current]


def _numbers(body: str) -> list[str]:
    """Return what ``1..3``, ``a..c`` or ``1..9..2`` counts; nothing when it does not count."""
    found = re.fullmatch(r"(-?\d+|[A-Za-z])\.\.(-?\d+|[A-Za-z])(?:\.\.(-?\d+))?", body)
    if not found or found[1].lstrip("-").isdigit() != found[2].lstrip("-").isdigit():
        return []
    is_number = found[1].lstrip("-").isdigit()
    first, last = (int(found[1]), int(found[2])) if is_number else (ord(found[1]), ord(found[2]))
    step = max(abs(int(found[3] or 1)), 1)
    if abs(last - first) // step >= _MOST_EXPANDED:
        raise InputError(f"The range {{{body}}} in a glob pattern is longer than {_MOST_EXPANDED}")
    numbers = range(first, last + 1, step) if first <= last else range(first, last - 1, -step)
    width = max(len(found[1]), len(found[2])) if is_number and _is_padded(found[1], found[2]) else 0
    return [str(n).zfill(width) if is_number else chr(n) for n in numbers]


def _is_padded(*numbers: str) -> bool:
    return any(re.fullmatch(r"-?0\d+", number) for number in numbers)
