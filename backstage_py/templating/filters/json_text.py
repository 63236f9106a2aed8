"""The filter ``dump``."""

from backstage_py.js.convert import bounded
from backstage_py.js.json_text import stringify
from backstage_py.js.values import UNDEFINED, Value
from backstage_py.templating.runtime import State


def dump(state: State, value: Value, arguments: list[Value]) -> Value:
    """Compact JSON, or indented by the argument; undefined stays undefined."""
    text = stringify(value, None, arguments[0] if arguments else "", bound=state.limits.scratch)
    return UNDEFINED if text is None else bounded(text)
