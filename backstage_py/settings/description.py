"""How a class of settings describes its keys, and what is made of that: the conversion and the JSON Schema.

A field of a dataclass is ``key(path, kind, about, default)``; ``read`` makes an object of the class. A path is dotted,
``[]`` stands for the entries of an array and ``*`` for any name. What the configuration has besides fields (old names,
keys that other rooms read) stands in the class's ``also``.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, dataclass
from typing import Any, TypeVar

from backstage_py.model.json import Json, JsonObject
from backstage_py.settings.kinds import ANY, Kind
from backstage_py.settings.reading import Reader

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Section:
    """An object that a class describes; an optional one is None when absent."""

    cls: type
    is_optional: bool = False
    is_closed: bool = False

    @property
    def schema(self) -> JsonObject:
        """The JSON Schema."""
        found = schema_of(keys_of(self.cls))
        return found | ({"additionalProperties": False} if self.is_closed else {})

    def read(self, section: Reader, key: str) -> Any:
        """Return the object."""
        return None if self.is_optional and not section.has(key) else read(self.cls, section.section(key))


@dataclass(frozen=True, slots=True)
class Each:
    """An array of objects that a class describes; one alone may stand without its array where that is said."""

    cls: type
    is_closed: bool = True
    may_be_one: bool = False

    @property
    def schema(self) -> JsonObject:
        """The JSON Schema."""
        item = Section(self.cls, is_closed=self.is_closed).schema
        several = {"type": "array", "items": item}
        return {"anyOf": [item, several]} if self.may_be_one else several

    def read(self, section: Reader, key: str) -> Any:
        """Return the objects; None when absent."""
        if self.may_be_one and isinstance(section.raw(key), dict):
            return (read(self.cls, section.section(key)),)
        return tuple(read(self.cls, one) for one in section.sections(key)) if section.has(key) else None


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the configuration.

    Attributes:
        about: a sentence for people.
        missing: what is said when it is not there; None when it need not be.
        without_effect: why it does nothing here.
        owner: who reads it, when it is none of ours.
        differs: what it does here that it does not do in Backstage.
    """

    path: str
    kind: Kind[Any] | Section | Each = ANY
    about: str = ""
    missing: str | None = None
    without_effect: str | None = None
    owner: str | None = None
    differs: str | None = None

    @property
    def words(self) -> str:
        """What people are told of it."""
        if self.without_effect:
            return self.about or f"Without effect: {self.without_effect}."
        if self.owner:
            return self.about or f"Not read here: {self.owner} reads it."
        return " ".join(filter(None, (self.about, f"Differs from Backstage: {self.differs}." if self.differs else "")))


def key(
    path: str,
    kind: Kind[Any] | Section | Each,
    about: str = "",
    default: Any = MISSING,
    *,
    example: str | None = None,
    missing: str | None = None,
    is_shown: bool = True,
    differs: str | None = None,
) -> Any:
    """Describe a field.

    Args:
        path: of the key, seen from the section that the class describes.
        kind: how its value is converted.
        about: a sentence for people.
        default: when the key is absent; a function makes it anew.
        example: of the text that must be there.
        missing: the same in words of one's own.
        is_shown: in the ``repr``; a secret is not.
        differs: what it does here that it does not do in Backstage.
    """
    missing = missing or (f"is missing; expected text such as '{example}'" if example else None)
    metadata = {"key": Key(path, kind, about, missing, differs=differs)}
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata, repr=is_shown)
    return dataclasses.field(default=default, metadata=metadata, repr=is_shown)


def read(cls: type[T], section: Reader, **computed: Any) -> T:
    """Return an object of a class that describes a section.

    A class may have a method ``checked(section)`` that returns it with what follows from several keys.

    Args:
        cls: a dataclass with keys.
        section: where its paths start.
        computed: fields that the caller has read.

    Raises:
        SettingsError: a value is wrong or missing.
    """
    values = dict(computed)
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]  # a dataclass, as said
        described: Key | None = field.metadata.get("key")
        if described is None or field.name in computed:
            continue
        kind = described.kind
        value = section.get(described.path, kind) if isinstance(kind, Kind) else kind.read(section, described.path)
        if value is not None:
            values[field.name] = value
        elif described.missing:
            section.fail(described.path, described.missing)
    made = cls(**values)
    return made.checked(section) if hasattr(made, "checked") else made


def keys_of(cls: type) -> Iterator[Key]:
    """Yield the keys that a class describes, those of its fields and those it names besides."""
    for field in dataclasses.fields(cls):
        if "key" in field.metadata:
            yield field.metadata["key"]
    yield from getattr(cls, "also", ())


def below(path: str, keys: Iterable[Key]) -> Iterator[Key]:
    """Yield keys as they are seen from further up."""
    return (dataclasses.replace(one, path=f"{path}.{one.path}") for one in keys)


def schema_of(keys: Iterable[Key]) -> JsonObject:
    """Return the JSON Schema of an object with these keys; what holds others comes before them."""
    root: JsonObject = {"type": "object"}
    for one in keys:
        node = root
        *parents, name = one.path.split(".")
        for part in parents:
            node = _inside(_property(node, part.removesuffix("[]")), is_array=part.endswith("[]"))
        if one.missing:
            node.setdefault("required", []).append(name)
        leaf = _property(node, name)
        leaf |= _copied(one.kind.schema) | ({"description": one.words} if one.words else {})
    return root


def branch(schema: JsonObject) -> JsonObject:
    """Return the branch of a schema that describes an object or array."""
    kinds = ("object", "array")
    return next((one for one in schema.get("anyOf", ()) if one.get("type") in kinds), schema)


def _property(node: JsonObject, name: str) -> JsonObject:
    node = branch(node)
    if name == "*":
        found: JsonObject = node.setdefault("additionalProperties", {})
    else:
        found = node.setdefault("properties", {}).setdefault(name, {})
    return found


def _inside(node: JsonObject, *, is_array: bool) -> JsonObject:
    inner = branch(node)
    inner.setdefault("type", "array" if is_array else "object")
    if not is_array:
        return inner
    items: JsonObject = inner.setdefault("items", {})
    items.setdefault("type", "object")
    return items


def _copied(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _copied(one) for name, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, list) else value
