"""Names of properties of an object that YAML makes."""

from backstage_py.js.convert import to_string
from backstage_py.model.json import Json


def text(value: Json) -> str:
    """A scalar as a property name: `String(value)`, but null is empty."""
    return "" if value is None else to_string(value)
