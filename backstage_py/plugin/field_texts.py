"""Descriptions of fields out of the docstring of their class: what stands below ``Attributes:``, as ``name: text``."""

import dataclasses
import inspect
import re
import typing
from collections.abc import Iterator
from typing import Any

from backstage_py.model.json import JsonObject

_SECTION = re.compile(r"^(?:Attributes|Args|Fields):\s*$", re.MULTILINE)
_FIELD = re.compile(r"(\w+)(?:\s*\([^)]*\))?:\s*(.*)")


def described(schema: JsonObject, declared: Any) -> JsonObject:
    """Return the JSON Schema of a class, and of those in it, with descriptions of fields that have none yet."""
    found = schema.get("$defs")
    definitions: JsonObject = found if isinstance(found, dict) else {}
    _describe(schema, declared)
    for cls in _classes(declared):
        if isinstance(inner := definitions.get(cls.__name__), dict):
            _describe(inner, cls)
    return schema


def _describe(schema: JsonObject, cls: Any) -> None:
    properties = schema.get("properties")
    texts = _texts(cls)
    for name, one in properties.items() if isinstance(properties, dict) and texts else ():
        text = texts.get(name) or next((text for own, text in texts.items() if _camel(own) == name), None)
        if text and isinstance(one, dict):
            one.setdefault("description", text)


def _texts(cls: Any) -> dict[str, str]:
    documentation = inspect.cleandoc(cls.__doc__ or "") if isinstance(cls, type) else ""
    section = _SECTION.search(documentation)
    found: dict[str, str] = {}
    name, outer = "", 0
    for line in documentation[section.end() :].splitlines() if section else ():
        if line and not line.startswith(" "):
            break
        depth = len(line) - len(line.lstrip())
        if (field := _FIELD.fullmatch(line.strip())) and (not found or depth <= outer):
            outer, name = depth, field[1]
            found[name] = field[2]
        elif name and line.strip():
            found[name] += f" {line.strip()}"
    return found


def _classes(declared: Any) -> Iterator[type]:
    """Yield the classes that the fields of a class mention, however deep."""
    seen: set[Any] = set()
    todo = [declared]
    while todo:
        one = todo.pop()
        if one in seen:
            continue
        seen.add(one)
        todo += typing.get_args(one)
        if isinstance(one, type) and (dataclasses.is_dataclass(one) or hasattr(one, "__annotations__")):
            yield one
            try:
                todo += typing.get_type_hints(one).values()
            except (NameError, TypeError):  # a name that pydantic resolves otherwise, or refuses in words of its own
                continue


def _camel(name: str) -> str:
    return re.sub(r"_+(\w)", lambda found: found[1].upper(), name)
