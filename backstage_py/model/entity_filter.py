"""Filters over entities, from the two ways in which clients write them: ``filter=a=b,c`` and predicate objects.

Both become the same small tree. Keys and values are in lower case, as they are in the search index.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from backstage_py.errors import InputError
from backstage_py.js.convert import to_string
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Matches:
    """The key has one of the values."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """The key is there, with or without a value."""

    key: str


@dataclass(frozen=True, slots=True)
class HasPrefix:
    """A value of the key begins with the text."""

    key: str
    prefix: str


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds; without parts it holds."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Some part holds; without parts it does not."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Filter"


Filter = Matches | Exists | HasPrefix | AllOf | AnyOf | Not


NOTHING = AnyOf(())
"""Matches no entity."""


def all_of(*parts: Filter | None) -> Filter | None:
    """Return the conjunction of the parts that are there, None when none is."""
    given = tuple(part for part in parts if part is not None)
    return given[0] if len(given) == 1 else AllOf(given) if given else None


def any_of(parts: Sequence[Filter]) -> Filter:
    """Return the disjunction; values of one key are one condition."""
    by_key: dict[str, tuple[str, ...]] = {}
    others = []
    for part in parts:
        if isinstance(part, Matches):
            by_key[part.key] = tuple(dict.fromkeys((*by_key.get(part.key, ()), *part.values)))
        else:
            others.append(part)
    merged = (*(Matches(key, values) for key, values in by_key.items()), *others)
    return merged[0] if len(merged) == 1 else AnyOf(merged)


def predicate_of_params(params: Sequence[str] | None) -> JsonObject | None:
    """Return the predicate object that ``filter`` parameters stand for, None when they are empty.

    Repeated parameters are alternatives; within one, statements are joined by commas: the same key again adds a value,
    different keys must all hold.

    Raises:
        InputError: a statement has no key.
    """
    alternatives = [parts for text in params or () if (parts := _statements(text))]
    outer = [parts[0] if len(parts) == 1 else {"$all": parts} for parts in alternatives]
    if not outer:
        return None
    return outer[0] if len(outer) == 1 else {"$any": outer}


def _statements(text: str) -> list[JsonObject]:
    by_key: dict[str, list[str] | None] = {}
    for statement in filter(None, map(str.strip, text.split(","))):
        key, equals, value = statement.partition("=")
        key = key.strip() if equals else key
        if not key:
            raise InputError(
                f"Invalid filter, '{statement}' is not a valid statement (expected a string on the form a=b or a= or a)"
            )
        values = by_key.setdefault(key, None)
        if equals:
            by_key[key] = [*(values or ()), value.strip()]
    return [{key: _values_predicate(values)} for key, values in by_key.items()]


def _values_predicate(values: list[str] | None) -> Json:
    if values is None:
        return {"$exists": True}
    return values[0] if len(values) == 1 else {"$in": values}


def compile_predicate(predicate: JsonObject) -> Filter:
    """Return the filter of a predicate object whose shape was checked by ``filter_shape``.

    Raises:
        InputError: the predicate asks for something that the index cannot answer; the words are Backstage's.
    """
    if "$not" in predicate:
        part = compile_predicate(predicate["$not"])
        return part.part if isinstance(part, Not) else Not(part)
    if "$all" in predicate:
        parts = tuple(map(compile_predicate, predicate["$all"]))
        return parts[0] if len(parts) == 1 else AllOf(parts)
    if "$any" in predicate:
        parts = tuple(map(compile_predicate, predicate["$any"]))
        return any_of(parts)
    parts = tuple(_field(key.lower(), value) for key, value in predicate.items())
    return parts[0] if len(parts) == 1 else AllOf(parts)


def _field(key: str, value: Json) -> Filter:
    if _is_primitive(value):
        return Matches(key, (to_string(value).lower(),))
    if isinstance(value, dict):
        if "$exists" in value:
            return Exists(key) if value["$exists"] else Not(Exists(key))
        if "$in" in value:
            return Matches(key, tuple(dict.fromkeys(to_string(item).lower() for item in value["$in"])))
        if "$hasPrefix" in value:
            return HasPrefix(key, value["$hasPrefix"].lower())
        if "$contains" in value:
            return _contains(key, value["$contains"])
    raise InputError(
        f'Invalid filter predicate value for field "{key}": expected a primitive value, $exists, $in, $hasPrefix, or '
        f"$contains operator, but got {json.text(value)}"
    )


def _contains(key: str, target: Json) -> Filter:
    if _is_primitive(target):
        return Matches(key, (to_string(target).lower(),))
    if not isinstance(target, dict):
        raise InputError(f'Unsupported $contains target for field "{key}": {json.text(target)}')
    if key != "relations":
        raise InputError(f'Object form of $contains is not supported for field "{key}"')
    return _relation(target)


def _relation(target: JsonObject) -> Filter:
    kind: str | None = None
    refs: tuple[str, ...] | None = None
    for written, value in target.items():
        name = written.lower()
        if name not in {"type", "targetref"}:
            raise InputError(
                f'Unsupported key "{written}" in $contains for "relations". Only "type" and "targetRef" are supported'
            )
        if (kind if name == "type" else refs) is not None:
            raise InputError(f'Duplicate key "{written}" in $contains for "relations"')
        if name == "targetref":
            refs = _references(value)
        elif isinstance(value, str):
            kind = value
        else:
            raise InputError('The $contains operator for "relations" requires a "type" string property')
    if not kind:
        raise InputError('The $contains operator for "relations" requires a "type" string property')
    key = f"relations.{kind.lower()}"
    return Exists(key) if refs is None else Matches(key, refs)


def _references(value: Json) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value.lower(),)
    listed = value.get("$in") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise InputError(
            'Unsupported value in $contains for "relations": expected a string or { "$in": [strings] }, but got '
            + json.text(value)
        )
    if not listed:
        raise InputError('Empty "$in" array for $contains on "relations" is not allowed')
    return tuple(item.lower() for item in listed)


def _is_primitive(value: Json) -> bool:
    return isinstance(value, str | int | float | bool)
