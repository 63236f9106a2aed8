"""Patterns of schemas; one that is no regular expression says so when it is used, in the words of Node.js."""

from collections.abc import Callable

from backstage_py.js import regex
from backstage_py.model.npm_jsonschema.problem import SchemaProblem

Test = Callable[[str], bool]

_WORDS = {
    "a closing parenthesis has no opening one": "Unmatched ')'",
    "a named backreference has no group": "Invalid named capture referenced",
    "there is nothing to repeat": "Nothing to repeat",
    "the numbers of a quantifier are out of order": "numbers out of order in {} quantifier",
    "a group begins with an unknown mark": "Invalid group",
    "two groups have the same name": "Duplicate capture group name",
    "a group is not closed": "Unterminated group",
    "it ends with a backslash": "\\ at end of pattern",
    "a named backreference has no name": "Invalid named reference",
    "a class is not closed": "Unterminated character class",
    "a range of a class is out of order": "Range out of order in character class",
}


def tester(pattern: str) -> Test:
    """Return a function that says whether a pattern occurs in a text."""
    try:
        return regex.tester(pattern)
    except regex.PatternError as error:
        problem = _problem(pattern) or str(error)
    return lambda _text: _refuse(problem)


def is_pattern(text: str) -> bool:
    """Return whether a text is a regular expression."""
    return regex.problem(text) is None


def _refuse(problem: str) -> bool:
    raise SchemaProblem(problem)


def _problem(pattern: str) -> str | None:
    _, _, reason = (regex.problem(pattern) or "").rpartition(": ")
    return f"Invalid regular expression: /{pattern}/: {_WORDS[reason]}" if reason in _WORDS else None
