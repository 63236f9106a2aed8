"""JSON values as JavaScript sees them: compared, written, and told apart."""

import math

from backstage_py.model import json
from backstage_py.model.json import Json


def same(left: Json, right: Json) -> bool:
    """Compare as JavaScript's strict comparison does, in depth: ``true`` is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return (type(left) is type(right) and bool(left == right)) or (_numbers(left, right) and bool(left == right))


def _numbers(left: Json, right: Json) -> bool:
    return isinstance(left, int | float) and isinstance(right, int | float)


def js_string(value: Json) -> str:
    """Return ``String(value)``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, list):
        return ",".join("" if item is None else js_string(item) for item in value)
    if isinstance(value, dict):
        return "[object Object]"
    if isinstance(value, str):
        return value
    return json.text(value)


def is_number(value: Json) -> bool:
    """Return whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
