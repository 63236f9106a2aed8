"""Entity queries as clients ask them: pages with cursors, lists, facets; answered with stored JSON texts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from backstage_py.catalog.queries.cursors import Cursor
from backstage_py.errors import InputError
from backstage_py.js.values import UNDEFINED, is_index_key, own_member
from backstage_py.model import entity as entities
from backstage_py.model import entity_filter, json
from backstage_py.model.entity_filter import Filter
from backstage_py.model.json import Json, JsonObject
from backstage_py.storage.catalog.entities import EntityReader
from backstage_py.storage.catalog.pages import Order, Page, PageRequest
from backstage_py.storage.catalog.search import FullText

DEFAULT_LIMIT = 200
_UNORDERED_FULL_TEXT = "metadata.uid"


@dataclass(frozen=True, slots=True)
class EntityQuery:
    """The first page of a query.

    Attributes:
        predicate: predicate object, its shape checked.
        order_fields: pairs of field and ``asc`` or ``desc``; only the first counts, as in Backstage.
        full_text: ``{term, fields?}``.
        limit: entities of a page.
        offset: entities to leave out.
        with_total: whether to count.
        visible: what the caller may see, None for everything; no cursor holds it.
    """

    predicate: JsonObject | None = None
    order_fields: tuple[tuple[str, str], ...] = ()
    full_text: JsonObject | None = None
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    with_total: bool = True
    visible: Filter | None = None


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """A page: JSON texts, how many match, and the cursors of its neighbours."""

    texts: list[bytes]
    total: int
    next_cursor: str | None = None
    previous_cursor: str | None = None


async def first_page(reader: EntityReader, query: EntityQuery) -> QueryAnswer:
    """Answer a query that begins.

    Raises:
        InputError: the predicate asks for something that the index cannot answer.
    """
    order = _order(query.order_fields)
    more = query.limit + 1 if query.limit else 0
    page = await reader.page(
        PageRequest(
            filter=entity_filter.all_of(query.visible, compile_predicate(query.predicate)),
            full_text=_full_text(query.full_text, order),
            order=order,
            limit=more,
            offset=query.offset,
            with_total=query.with_total,
        )
    )
    if not query.limit or len(page.texts) <= query.limit:
        return QueryAnswer(page.texts, page.total)
    cursor = Cursor(
        order_fields=query.order_fields,
        full_text=query.full_text,
        query=query.predicate,
        is_previous=False,
        after=page.positions[query.limit - 1],
        first=page.positions[0],
        total=page.total,
    )
    return QueryAnswer(page.texts[: query.limit], page.total, cursor.encode())


async def page_at(
    reader: EntityReader, cursor: Cursor, limit: int | None = None, *, visible: Filter | None = None
) -> QueryAnswer:
    """Answer a query that goes on; the number of matches is that of its first page.

    ``visible`` is what this caller may see: the cursor may be another's.
    """
    if visible == entity_filter.NOTHING:
        return QueryAnswer([], 0)
    size = DEFAULT_LIMIT if limit is None else limit
    order = _order(cursor.order_fields)
    more = size if cursor.is_previous or not size else size + 1
    page = await reader.page(
        PageRequest(
            filter=entity_filter.all_of(visible, compile_predicate(cursor.query)),
            full_text=_full_text(cursor.full_text, order),
            order=order,
            after=cursor.after,
            backwards=cursor.is_previous,
            limit=more,
            with_total=cursor.total is None,
        )
    )
    total = page.total if cursor.total is None else cursor.total
    shown = page.texts[:size]
    if not shown:
        return QueryAnswer([], total)
    has_next = cursor.is_previous or len(page.texts) > size
    has_previous = cursor.first is not None and page.positions[0] != cursor.first
    return QueryAnswer(
        shown,
        total,
        _neighbour(cursor, page, len(shown) - 1, total, is_previous=False) if has_next else None,
        _neighbour(cursor, page, 0, total, is_previous=True) if has_previous else None,
    )


def _neighbour(cursor: Cursor, page: Page, index: int, total: int, *, is_previous: bool) -> str:
    return Cursor(
        order_fields=cursor.order_fields,
        full_text=cursor.full_text,
        query=cursor.query,
        is_previous=is_previous,
        after=page.positions[index],
        first=cursor.first or page.positions[0],
        total=total,
    ).encode()


def compile_predicate(predicate: Json) -> Filter | None:
    """Return the filter of a predicate object, None without one.

    Raises:
        InputError: it asks for something that the index cannot answer.
    """
    return None if predicate is None else _compiled(json.text(predicate))


@lru_cache(maxsize=512)
def _compiled(text: str) -> Filter:
    return entity_filter.compile_predicate(json.parse(text))


def _order(fields: Sequence[tuple[str, str]]) -> Order | None:
    return Order(fields[0][0].lower(), descending=fields[0][1] == "desc") if fields else None


def _full_text(asked: JsonObject | None, order: Order | None) -> FullText | None:
    term = str((asked or {}).get("term") or "").strip().lower()
    if not term:
        return None
    fields = (asked or {}).get("fields")
    keys = fields if fields is not None else [order.key if order else _UNORDERED_FULL_TEXT]
    return FullText(term, tuple(key.lower() for key in keys))


def projection(fields: Sequence[str]) -> Callable[[bytes], JsonObject] | None:
    """Return the function that keeps only some fields of an entity, None when there are none.

    Args:
        fields: dotted paths; a name that itself holds dots is found too, as for annotations.

    Raises:
        InputError: a field asks for an item of a list.
    """
    wanted = list(dict.fromkeys(field.strip() for field in fields if field.strip()))
    if not wanted:
        return None
    for field in wanted:
        if "[" in field:
            raise InputError(f'Invalid field "{field}", array type fields are not supported')
    paths = [field.split(".") for field in wanted]

    def project(text: bytes) -> JsonObject:
        entity = entities.of_text(text)
        output: JsonObject = {}
        for path in paths:
            _copy(entity, path, output)
        return output

    return project


def _copy(value: Json, path: list[str], output: JsonObject) -> None:
    name, found = "", []
    for index, part in enumerate(path):
        name = f"{name}.{part}" if name else part
        if (member := own_member(value, name)) is not UNDEFINED:
            value = member
            found.append(name)
            name = ""
        elif index == len(path) - 1:
            return
    if found:
        _put(output, found, value)


def _put(output: JsonObject, path: Sequence[str], value: Json) -> None:
    """Set a value at a path; what is asked for by its place in a list makes a list, with nulls before it."""
    inner: Json = output
    for part, following in zip(path, (*path[1:], None), strict=True):
        key: Json = part
        if isinstance(inner, list):
            key = int(part)
            inner += [None] * (key + 1 - len(inner))
        if following is None:
            inner[key] = value
            return
        below = inner[key] if isinstance(inner, list) else inner.get(key)
        if not isinstance(below, dict | list):
            below = inner[key] = [] if is_index_key(following) else {}
        inner = below
