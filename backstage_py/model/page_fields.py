"""Which values the pages of a form ask for, so that what only hidden pages ask for can be taken away.

The rules are those of ``filterHiddenStepValues`` in scaffolder-common 2.4.0, compared in ``tests/model/pages``. Schema
and values are read side by side: what is inside a member that is not there does not matter.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from backstage_py.js import budget
from backstage_py.js.values import UNDEFINED
from backstage_py.model.json import Json, JsonObject

_PARTS = ("allOf", "oneOf", "anyOf")


@dataclass(frozen=True, slots=True)
class Fields:
    """What is asked for of a value: all of it, or some members (of a list: items by their index)."""

    whole: bool = False
    members: Mapping[str, "Fields"] = field(default_factory=dict)

    def __or__(self, other: "Fields") -> "Fields":
        """Return what either asks for."""
        members = dict(self.members)
        for key, one in other.members.items():
            members[key] = members[key] | one if key in members else one
        return Fields(self.whole or other.whole, members)


NOTHING = Fields()
_ALL = Fields(whole=True)


class _Unclear(Exception):  # noqa: N818  # a way out
    """A reference of the schema leads nowhere, out of the page, or round and round."""


def fields_of(page: Json, values: JsonObject, *, is_visible: bool) -> Fields:
    """Return what a page asks for; a page whose schema is unclear asks for everything, or for nothing if it is hidden.

    ``additionalProperties`` of a hidden page do not count, or everything would be the page's.
    """
    if not isinstance(page, dict):
        return _ALL
    try:
        return _Reader(page).read_page(values, counts_more=is_visible)
    except _Unclear:
        return _ALL if is_visible else NOTHING


def kept(value: Json, hidden: Fields | None, visible: Fields | None) -> Json:
    """Return a value without what only hidden pages ask for; UNDEFINED when nothing is left of it.

    Items of a list stay, or the others would move.
    """
    if hidden is None or (visible is not None and visible.whole):
        return value
    if visible is None:
        return UNDEFINED
    if isinstance(value, list):
        items = []
        for index, item in enumerate(value):
            left = kept(item, _member(hidden, str(index)), visible.members.get(str(index), _ALL))
            items.append(item if left is UNDEFINED else left)
        return items
    if isinstance(value, dict):
        members = {}
        for key, item in value.items():
            left = kept(item, _member(hidden, key), visible.members.get(key))
            if left is not UNDEFINED:
                members[key] = left
        return members
    return value


def _member(fields: Fields, key: str) -> Fields | None:
    return _ALL if fields.whole else fields.members.get(key)


class _Reader:
    """Reads one page; what a schema asks for of one value is found once, however many references lead there."""

    def __init__(self, page: JsonObject) -> None:
        self._page = page
        self._known: dict[tuple[int, int], Fields] = {}

    def read_page(self, values: JsonObject, *, counts_more: bool) -> Fields:
        found = NOTHING
        for part in self._parts(self._page):
            found |= self._part(part, values, counts_more=counts_more)
        return found

    def _read(self, schema: Json, value: Json) -> Fields:
        if not isinstance(schema, dict) or value is UNDEFINED:
            return _ALL
        key = (id(schema), id(value))
        known = self._known.get(key)
        if known is None:
            found = NOTHING
            for part in self._parts(schema):
                found |= self._part(part, value, counts_more=True)
            known = self._known[key] = found if found.members else _ALL
        return known

    def _part(self, schema: JsonObject, value: Json, *, counts_more: bool) -> Fields:
        _spend()
        more = schema.get("additionalProperties")
        members: dict[str, Fields] = {}
        properties = schema.get("properties")
        for key, one in properties.items() if isinstance(properties, dict) else ():
            members[key] = self._read(one, value.get(key, UNDEFINED) if isinstance(value, dict) else UNDEFINED)
        if isinstance(value, list) and "items" in schema:
            for index, item in enumerate(value):
                one = self._read(_item_schema(schema, index), item)
                members[str(index)] = members[str(index)] | one if str(index) in members else one
        return Fields(counts_more and (more is True or isinstance(more, dict)), members)

    def _parts(self, schema: JsonObject) -> list[JsonObject]:
        """Return a schema and all that may apply to the same value: what it refers to, and its branches.

        Raises:
            _Unclear: as said there.
        """
        found: list[JsonObject] = []
        done: set[int] = set()
        above: list[tuple[JsonObject, Iterator[JsonObject]]] = []
        under_way: set[int] = set()

        def enter(one: JsonObject) -> None:
            if id(one) in under_way:
                raise _Unclear
            if id(one) not in done:
                _spend()
                found.append(one)
                done.add(id(one))
                under_way.add(id(one))
                above.append((one, self._beside(one)))

        enter(schema)
        while above:
            one, following = above[-1]
            if (child := next(following, None)) is None:
                under_way.discard(id(one))
                above.pop()
            else:
                enter(child)
        return found

    def _beside(self, schema: JsonObject) -> Iterator[JsonObject]:
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield self._referenced(reference)
        for keyword in _PARTS:
            entries = schema.get(keyword)
            yield from (one for one in entries if isinstance(one, dict)) if isinstance(entries, list) else ()
        dependencies = schema.get("dependencies")
        branches = (schema.get("then"), schema.get("else"))
        for one in (*branches, *(dependencies.values() if isinstance(dependencies, dict) else ())):
            if isinstance(one, dict):
                yield one

    def _referenced(self, reference: str) -> JsonObject:
        pointer = _decoded(reference[1:])
        if not reference.startswith("#") or (pointer and not pointer.startswith("/")):
            raise _Unclear
        target: Json = self._page
        for segment in pointer[1:].split("/") if pointer else ():
            target = _child(target, segment.replace("~1", "/").replace("~0", "~"))
        if not isinstance(target, dict):
            raise _Unclear
        return target


def _item_schema(schema: JsonObject, index: int) -> Json:
    items = schema["items"]
    if not isinstance(items, list):
        return items
    found = items[index] if index < len(items) else None
    return schema.get("additionalItems") if found is None else found


def _child(value: Json, key: str) -> Json:
    if isinstance(value, dict):
        return value.get(key)
    if isinstance(value, Sequence) and not isinstance(value, str) and key.isascii() and key.isdigit():
        index = int(key) if str(int(key[:9])) == key else len(value)
        return value[index] if index < len(value) else None
    return None


def _decoded(text: str) -> str:
    """As ``decodeURIComponent`` of JavaScript."""
    for rest in text.split("%")[1:]:
        if len(rest) < 2 or not all(one in "0123456789abcdefABCDEF" for one in rest[:2]):  # noqa: PLR2004  # %XX
            raise _Unclear
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise _Unclear from None


def _spend() -> None:
    if drawn := budget.current.get():
        drawn.spend(evaluation=1)
