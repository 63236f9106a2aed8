"""Cursors of entity queries: base64 of JSON, opaque to clients, holding the whole query and a position.

A cursor comes back from clients, so all of it is checked again. The members are those of Backstage's cursors.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from backstage_py.errors import InputError
from backstage_py.js import json_problem
from backstage_py.model import filter_shape, json
from backstage_py.model.json import Json, JsonObject
from backstage_py.storage.catalog.pages import Position

_LARGEST = 2**63 - 1  # that a database or JSON can count to
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=_-]")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A query and where its next page begins.

    Attributes:
        order_fields: pairs of field and ``asc`` or ``desc``.
        full_text: ``{term, fields?}``.
        query: predicate object.
        is_previous: whether the page before the position is meant.
        after: the position.
        first: the position of the first entity of the first page; with it, a page knows that none is before it.
        total: how many entities match.
    """

    order_fields: tuple[tuple[str, str], ...]
    full_text: JsonObject | None
    query: JsonObject | None
    is_previous: bool
    after: Position
    first: Position | None
    total: int | None

    def encode(self) -> str:
        """Return the text for clients."""
        value: JsonObject = {"orderFields": [{"field": field, "order": order} for field, order in self.order_fields]}
        if self.full_text is not None:
            value["fullTextFilter"] = self.full_text
        value["isPrevious"] = self.is_previous
        value["orderFieldValues"] = _values(self.after, ordered=bool(self.order_fields))
        if self.query is not None:
            value["query"] = self.query
        if self.first is not None:
            value["firstSortFieldValues"] = _values(self.first, ordered=bool(self.order_fields))
        if self.total is not None:
            value["totalItems"] = self.total
        return base64.b64encode(json.dumps(value)).decode()


def decode(text: str) -> Cursor:
    """Return the cursor of a client.

    Raises:
        InputError: ``Malformed cursor: …``.
    """
    value = parse(text)
    try:
        return _cursor(value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"Malformed cursor: {_no_cursor_problem(error)}") from None


def parse(text: str) -> Json:
    """Return the JSON value of base64 text, as lenient as ``Buffer.from`` of Node.js.

    Raises:
        InputError: it is none.
    """
    raw = _from_base64(text)
    try:
        return json.parse(raw)
    except ValueError as error:
        problem = json_problem.of(raw.decode(errors="replace")) or str(error)
        raise InputError(f"Malformed cursor: SyntaxError: {problem}") from None


def _from_base64(text: str) -> bytes:
    cleaned = _NOT_BASE64.sub("", text).split("=")[0].replace("-", "+").replace("_", "/")
    if len(cleaned) % 4 == 1:
        cleaned = cleaned[:-1]
    try:
        return base64.b64decode(cleaned + "=" * (-len(cleaned) % 4))
    except binascii.Error:
        return b""


def _no_cursor_problem(error: Exception) -> str:
    which = f": '{error.args[0]}' is missing" if isinstance(error, KeyError) else ""
    return f"it is not one that this catalog gave out{which}"


def _cursor(value: Json) -> Cursor:
    orders = tuple((str(one["field"]), _order(one["order"])) for one in value["orderFields"])
    query = value.get("query")
    if query is not None:
        query = filter_shape.check(query)
    elif value.get("filter") is not None:
        query = _legacy(value["filter"])
    first = value.get("firstSortFieldValues")
    total = value.get("totalItems")
    return Cursor(
        order_fields=orders,
        full_text=_full_text(value.get("fullTextFilter")),
        query=query,
        is_previous=value["isPrevious"] is True,
        after=_position(value["orderFieldValues"]),
        first=_position(first) if first is not None else None,
        total=_number(total) if total is not None else None,
    )


def _order(value: Json) -> str:
    if value not in {"asc", "desc"}:
        raise ValueError(value)
    return str(value)


def _number(value: Json) -> int:
    number = int(value)
    if abs(number) > _LARGEST:
        raise ValueError(value)
    return number


def _full_text(value: Json) -> JsonObject | None:
    if value is None:
        return None
    fields = value.get("fields")
    if fields is not None and not all(isinstance(field, str) for field in fields):
        raise ValueError(fields)
    checked: JsonObject = {"term": str(value["term"])}
    return checked if fields is None else {**checked, "fields": fields}


def _legacy(value: Json) -> JsonObject:
    """Return the predicate of the older form of filters, which clients may still hold in cursors."""
    if "key" in value:
        values = value.get("values")
        if values is None:
            return {value["key"]: {"$exists": True}}
        return {value["key"]: values[0] if len(values) == 1 else {"$in": values}}
    if "not" in value:
        return {"$not": _legacy(value["not"])}
    if "anyOf" in value:
        return {"$any": [_legacy(part) for part in value["anyOf"]]}
    return {"$all": [_legacy(part) for part in value["allOf"]]}


def _values(position: Position, *, ordered: bool) -> list[str | None]:
    return [position.value, str(position.id)] if ordered else [str(position.id)]


def _position(values: Sequence[Json]) -> Position:
    if len(values) == 1:
        return Position(None, _number(values[0]))
    value, id_ = values
    return Position(None if value is None else str(value), _number(id_))
