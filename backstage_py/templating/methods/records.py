"""The methods that records have with ``cookiecutterCompat``, as Python's dictionaries in Jinja templates."""

from collections.abc import Callable

from backstage_py.js.convert import to_string
from backstage_py.js.values import Value
from backstage_py.templating.methods.arguments import argument
from backstage_py.templating.runtime import State

Record = dict[str, Value]


def _get(_state: State, record: Record, arguments: list[Value]) -> Value:
    key = to_string(arguments[0])
    return record[key] if key in record else argument(arguments, 1)


JINJA_METHODS: dict[str, tuple[Callable[[State, Value, list[Value]], Value], int, float]] = {
    "get": (_get, 1, 2),
    "has_key": (lambda _state, record, arguments: to_string(arguments[0]) in record, 1, 1),
    "items": (lambda _state, record, _arguments: [[key, value] for key, value in record.items()], 0, 0),
    "keys": (lambda _state, record, _arguments: list(record), 0, 0),
    "values": (lambda _state, record, _arguments: list(record.values()), 0, 0),
}
