"""``each`` of a test case: the values with which it is tried, and the texts in which they stand."""

import itertools
import re
from collections.abc import Iterator, Mapping

from backstage_py.cli.cases.reader import Reader
from backstage_py.lint.refusals import Where
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject

_USE = re.compile(r"\$\{\{\s*each\.([\w-]+)\s*\}\}")
_MOST = 1_000
_LONGEST_NAME = 100


def combinations(given: Reader, value: Json, where: Where) -> list[JsonObject]:
    """Return the objects that a matrix stands for, in its order.

    Raises:
        InputError: it is no matrix, or too large a one.
    """
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return _bounded(given, where, len(value), iter(value))
    lists = list(value.values()) if isinstance(value, dict) else []
    if not lists or not all(isinstance(one, list) and one for one in lists):
        raise given.error_at(where, "'each' must be an object of lists of values, or a list of objects")
    count = 1
    for one in lists:
        count *= len(one)
    made = (dict(zip(value, one, strict=True)) for one in itertools.product(*lists))
    return _bounded(given, where, count, made)


def _bounded(given: Reader, where: Where, count: int, found: Iterator[JsonObject]) -> list[JsonObject]:
    if count > _MOST:
        raise given.error_at(where, f"'each' stands for {count} cases; the most are {_MOST}")
    return list(found)


def label(one: Mapping[str, Json]) -> str:
    """Return how a case's name is told from its siblings'."""
    text = ", ".join(f"{name}={value if isinstance(value, str) else json.text(value)}" for name, value in one.items())
    return f"[{text if len(text) <= _LONGEST_NAME else text[:_LONGEST_NAME] + '…'}]"


def filled(value: Json, one: Mapping[str, Json]) -> Json:
    """Return a value with ``${{ each.name }}`` replaced; a text that is nothing else gets the value's type."""
    if isinstance(value, str):
        sole = _USE.fullmatch(value.strip())
        if sole and sole[1] in one:
            return one[sole[1]]
        return _USE.sub(lambda use: _text(one[use[1]]) if use[1] in one else use[0], value)
    if isinstance(value, list):
        return [filled(item, one) for item in value]
    if isinstance(value, dict):
        return {_text(filled(key, one)): filled(item, one) for key, item in value.items()}
    return value


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.text(value)
