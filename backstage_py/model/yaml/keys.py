"""Names of properties, as a JS object has them."""

import re

from backstage_py.model.json import Json
from backstage_py.model.yaml.numbers import js_number

_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
_LAST_INDEX = 2**32 - 2


def text(value: Json) -> str:
    """A scalar as a property name: `String(value)`, but null is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return js_number(value)


def is_index(name: str) -> bool:
    """Whether a JS object would keep this property among its numbered ones, which come first."""
    return bool(_INDEX.fullmatch(name)) and int(name) <= _LAST_INDEX


def numbered_first(mapping: dict[str, Json]) -> dict[str, Json]:
    """The order in which a JS object enumerates: numbered properties ascending, then the others as written."""
    numbered = sorted((name for name in mapping if is_index(name)), key=int)
    return {name: mapping[name] for name in numbered} | mapping
