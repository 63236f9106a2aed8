"""The one method of regular expressions."""

from collections.abc import Callable

from backstage_py.js import regex
from backstage_py.js.convert import to_string
from backstage_py.js.values import Regex, Value
from backstage_py.templating.runtime import State


def _test(state: State, pattern: Regex, arguments: list[Value]) -> Value:
    state.check_regexes()
    return regex.test(pattern, to_string(arguments[0]))


METHODS: dict[str, tuple[Callable[[State, Value, list[Value]], Value], int, float]] = {"test": (_test, 1, 1)}
