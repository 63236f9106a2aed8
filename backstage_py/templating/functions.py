"""What a template can call: the functions of the language, and those that the renderer was given."""

from typing import ClassVar

from backstage_py.js import convert
from backstage_py.js.errors import Failure
from backstage_py.js.values import UNDEFINED, Value
from backstage_py.templating.runtime import HostCallable, State


class Function:
    """Something that a template can only call."""

    __slots__ = ()
    name: ClassVar[str] = "function"

    def check(self, count: int, *, keywords: bool) -> None:
        """Raises Failure if it cannot take these arguments; called before they are evaluated."""

    def invoke(self, state: State, positional: list[Value], keywords: dict[str, Value]) -> Value:
        """Calls it."""
        raise NotImplementedError

    def member(self, key: str) -> Value:
        """A member of the function; only cyclers have some."""
        del key
        return UNDEFINED


def refuse_keywords(name: str, *, keywords: bool) -> None:
    """Raises Failure if there are keyword arguments."""
    if keywords:
        raise Failure(f"{name} takes no keyword arguments")


def check_count(name: str, count: int, least: int, most: float) -> None:
    """Raises Failure unless the number of arguments is in the range."""
    if least <= count <= most:
        return
    if least == most:
        wanted = f"{least} argument{'' if least == 1 else 's'}"
    elif most == float("inf"):
        wanted = f"at least {least} arguments"
    else:
        wanted = f"{least} to {most:g} arguments"
    raise Failure(f"{name} takes {wanted}, not {count}")


class HostFunction(Function):
    """A global function that the renderer was given."""

    __slots__ = ("_function", "_name")

    def __init__(self, name: str, function: HostCallable) -> None:
        self._name = name
        self._function = function

    def check(self, count: int, *, keywords: bool) -> None:
        """Refuses arguments that it cannot take."""
        del count
        refuse_keywords(f'The global "{self._name}"', keywords=keywords)

    def invoke(self, state: State, positional: list[Value], keywords: dict[str, Value]) -> Value:
        """Calls it."""
        del keywords
        return state.call_host(f'The global "{self._name}"', self._function, positional)


class Range(Function):
    """``range(stop)``, ``range(start, stop, step)``."""

    __slots__ = ()

    def check(self, count: int, *, keywords: bool) -> None:
        """Refuses arguments that it cannot take."""
        refuse_keywords('"range"', keywords=keywords)
        check_count('"range"', count, 0, 3)

    def invoke(self, state: State, positional: list[Value], keywords: dict[str, Value]) -> Value:
        """Calls it."""
        del keywords
        for value in positional:
            state.charge_entries(convert.plain(value))
        start, stop, step = [*positional, UNDEFINED, UNDEFINED, UNDEFINED][:3]
        if stop is UNDEFINED:
            start, stop, step = 0, start, 1
        elif not convert.truthy(step):
            step = 1
        if type(start) is int and type(stop) is int and type(step) is int:
            count = max(0, -((start - stop) // step))
            state.charge(count)
            return state.new_list(list(range(start, stop, step)))
        return state.new_list(_range_of_anything(state, start, stop, step))


def _range_of_anything(state: State, start: Value, stop: Value, step: Value) -> list[Value]:
    direction = convert.order(step, 0)
    wanted = -1 if direction == 1 else 1
    items = []
    while convert.order(start, stop) == wanted:
        items.append(start)
        state.charge(1)
        start = convert.add(start, step)
    return items


class CyclerFactory(Function):
    """``cycler(a, b, ...)``."""

    __slots__ = ()

    def check(self, count: int, *, keywords: bool) -> None:
        """Refuses arguments that it cannot take."""
        del count
        refuse_keywords('"cycler"', keywords=keywords)

    def invoke(self, state: State, positional: list[Value], keywords: dict[str, Value]) -> Value:
        """Calls it."""
        del state, keywords
        return Cycler([convert.plain(value) for value in positional])


class Cycler(Function):
    """What ``cycler`` gives: ``next()``, ``reset()`` and ``current``."""

    __slots__ = ("_index", "_values")

    def __init__(self, values: list[Value]) -> None:
        self._values = values
        self._index = -1

    def check(self, count: int, *, keywords: bool) -> None:
        """Refuses arguments that it cannot take."""
        del count, keywords
        raise Failure('A cycler cannot be called; call its "next()"')

    def member(self, key: str) -> Value:
        """A member by name."""
        if key == "current":
            if self._index < 0:
                return None
            return self._values[self._index] if self._values else UNDEFINED
        return CyclerMethod(self, key) if key in {"next", "reset"} else UNDEFINED

    def turn(self, method: str) -> Value:
        """Runs the method of that name."""
        if method == "reset":
            self._index = -1
            return UNDEFINED
        if not self._values:
            self._index = 0
            return UNDEFINED
        self._index = (self._index + 1) % len(self._values)
        return self._values[self._index]


class CyclerMethod(Function):
    """``cycler.next`` or ``cycler.reset``."""

    __slots__ = ("_method", "_owner")

    def __init__(self, owner: Cycler, method: str) -> None:
        self._owner = owner
        self._method = method

    def check(self, count: int, *, keywords: bool) -> None:
        """Refuses arguments that it cannot take."""
        refuse_keywords(f'"{self._method}"', keywords=keywords)
        check_count(f'"{self._method}"', count, 0, 0)

    def invoke(self, state: State, positional: list[Value], keywords: dict[str, Value]) -> Value:
        """Calls it."""
        del state, positional, keywords
        return self._owner.turn(self._method)


class JoinerFactory(Function):
    """``joiner(separator)``."""

    __slots__ = ()

    def check(self, count: int, *, keywords: bool) -> None:
        """Refuses arguments that it cannot take."""
        refuse_keywords('"joiner"', keywords=keywords)
        check_count('"joiner"', count, 0, 1)

    def invoke(self, state: State, positional: list[Value], keywords: dict[str, Value]) -> Value:
        """Calls it."""
        del state, keywords
        separator = convert.plain(positional[0]) if positional else UNDEFINED
        return Joiner(separator if convert.truthy(separator) else ",")


class Joiner(Function):
    """What ``joiner`` gives: nothing when called first, then the separator."""

    __slots__ = ("_separator", "_used")

    def __init__(self, separator: Value) -> None:
        self._separator = separator
        self._used = False

    def check(self, count: int, *, keywords: bool) -> None:
        """Refuses arguments that it cannot take."""
        refuse_keywords("A joiner", keywords=keywords)
        check_count("A joiner", count, 0, 0)

    def invoke(self, state: State, positional: list[Value], keywords: dict[str, Value]) -> Value:
        """Calls it."""
        del state, positional, keywords
        if self._used:
            return self._separator
        self._used = True
        return ""


BUILTINS: dict[str, Value] = {"range": Range(), "cycler": CyclerFactory(), "joiner": JoinerFactory()}
"""The global functions of the language."""
