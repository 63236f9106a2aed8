"""Texts that Backstage makes of values in log lines and error messages."""

import orjson

from backstage_py.model import json
from backstage_py.model.json import Json
from backstage_py.model.json_schema.js_value import js_string


def indented(value: Json) -> str:
    """Return ``JSON.stringify(value, undefined, 2)``."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def turn_label(key: str, value: Json) -> str:
    """Return how the log names a turn of ``each``: key and value as strings, objects as ``[object Object]``."""
    return json.text({"key": key, "value": js_string(value)})


def truthy(value: Json) -> bool:
    """Return whether a condition holds: JavaScript's truth, but an empty list is false."""
    if isinstance(value, dict):
        return True
    if isinstance(value, float) and value != value:  # noqa: PLR0124  # NaN
        return False
    return bool(value)


__all__ = ["indented", "js_string", "truthy", "turn_label"]
