"""Names of properties of an object that YAML makes."""

from backstage_py.js.convert import to_string
from backstage_py.model.json import Json


def text(value: Json) -> str:
    """A scalar as a property name: `String(value)`, but null is empty; bytes are read as UTF-8, as Node.js does."""
    if isinstance(value, dict) and value.get("type") == "Buffer":
        return bytes(value["data"]).decode("utf-8", "replace")
    return "" if value is None else to_string(value)
