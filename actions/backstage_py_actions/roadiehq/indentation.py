"""How far a text indents its levels, found as the package ``detect-indent`` finds it."""

import re

_LEADING = re.compile(r"(?: +|\t+)")


def amount(text: str) -> int:
    """Return the step that most lines take from the one before, in characters; 0 if no line is indented.

    Lines that are indented by a single space count only when there are no others.
    """
    return _most_used(_steps(text, single_spaces=False) or _steps(text, single_spaces=True))


def _steps(text: str, *, single_spaces: bool) -> dict[tuple[str, int], list[int]]:
    """Return how often each step is taken, and how many lines keep it."""
    steps: dict[tuple[str, int], list[int]] = {}
    width, kind = 0, ""
    key: tuple[str, int] | None = None
    for line in text.split("\n"):
        if not line:
            continue
        found = _LEADING.match(line)
        if not found:
            width, kind = 0, ""
            continue
        own, indent = line[0], found.end()
        if not single_spaces and own == " " and indent == 1:
            continue
        if own != kind:
            width, kind = 0, own
        difference, width = indent - width, indent
        if difference:
            key = (own, abs(difference))
        if key is not None:
            entry = steps.setdefault(key, [0, 0])
            entry[0] += 1
            entry[1] += not difference
    return steps


def _most_used(steps: dict[tuple[str, int], list[int]]) -> int:
    return max(steps, key=lambda key: steps[key])[1] if steps else 0
