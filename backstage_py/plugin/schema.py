"""JSON Schemas of the classes with which authors declare input and output, and values of those classes.

A class is a frozen dataclass or a pydantic model; a plain dict is taken as the JSON Schema itself. Field names in
JSON are camelCase, as Backstage's actions have them: ``target_path`` is ``targetPath``. The keys of a ``TypedDict`` are
the JSON names as they are.
"""

import dataclasses
import re
import typing
from collections.abc import Callable
from functools import cache
from typing import Any

from backstage_py.errors import InputError
from backstage_py.model.json import JsonObject
from backstage_py.plugin import field_texts, inlining


def of(declared: Any) -> JsonObject:
    """Return the JSON Schema of a declaration: None, a schema, a dataclass or a pydantic model.

    Raises:
        TypeError: it is none of these.
    """
    if declared is None:
        return {}
    if isinstance(declared, dict):
        return declared
    return inlining.inlined(field_texts.described(_without_derived_titles(_schema(declared)), declared))


def _unsupported_type(error: Exception) -> TypeError:
    """Return pydantic's complaint without its advice, which is about pydantic."""
    if getattr(error, "code", None) == "typed-dict-version":
        return TypeError("before Python 3.12 write 'from typing_extensions import TypedDict'; pydantic needs that one")
    words = str(error).partition(". Set `arbitrary")[0].partition("\n")[0]
    return TypeError(f"{words}; use str, int, float, bool, list, dict, Literal, an Enum or a class of such fields")


def parser(declared: Any) -> Callable[[JsonObject], Any]:
    """Return the function that makes the declared type of checked input.

    It raises InputError when the value is refused by the class after its schema accepted it.
    """
    if declared is None or isinstance(declared, dict):
        return lambda value: value

    def parse(value: JsonObject) -> Any:
        from pydantic import ValidationError

        try:
            return _adapter(declared).validate_python(value, by_alias=True, by_name=True)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise InputError(f"Invalid input: {problems}") from error

    return parse


def dump(value: Any) -> Any:
    """Return a JSON value of what an action returned: a dataclass, a pydantic model or JSON already."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            camel(field.name): dump(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if getattr(value, field.name) is not None
        }
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(value, dict):
        return {str(key): dump(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [dump(item) for item in value]
    return value


def camel(name: str) -> str:
    """Return the JSON name of a Python field."""
    return re.sub(r"_+(\w)", lambda found: found[1].upper(), name)


def _schema(declared: Any) -> JsonObject:
    found: JsonObject = _adapter(declared).json_schema(by_alias=True)
    return found


@cache
def _adapter(declared: Any) -> Any:
    from pydantic import PydanticUndefinedAnnotation, PydanticUserError, TypeAdapter

    if not isinstance(declared, type):
        raise TypeError(f"expected a dataclass, a pydantic model or a JSON Schema, not {declared!r}")
    _name_in_camel_case(declared)
    try:
        return TypeAdapter(declared)
    except (PydanticUserError, PydanticUndefinedAnnotation) as error:
        raise _unsupported_type(error) from error


def _name_in_camel_case(declared: Any) -> None:
    """Let a dataclass, and those its fields mention, be read and written with JSON names.

    ``__pydantic_config__`` is pydantic's way to configure a plain dataclass; a class that has its own keeps it.
    """
    from pydantic import ConfigDict
    from pydantic.alias_generators import to_camel

    if isinstance(declared, type) and dataclasses.is_dataclass(declared):
        if not hasattr(declared, "__pydantic_config__"):
            config = ConfigDict(alias_generator=to_camel, extra="forbid", validate_by_name=True)
            declared.__pydantic_config__ = config  # type: ignore[attr-defined]  # as its docstring says
            for hint in typing.get_type_hints(declared).values():
                _name_in_camel_case(hint)
        return
    for argument in typing.get_args(declared):
        _name_in_camel_case(argument)


def _without_derived_titles(schema: JsonObject) -> JsonObject:
    """Drop the titles that pydantic derives from class and field names: they tell an author nothing."""

    def walk(node: Any, *, names: bool) -> Any:
        if isinstance(node, dict):
            kept = {k: v for k, v in node.items() if names or k != "title" or not isinstance(v, str)}
            return {k: walk(v, names=k in {"properties", "$defs"} and not names) for k, v in kept.items()}
        if isinstance(node, list):
            return [walk(item, names=False) for item in node]
        return node

    tidied: JsonObject = walk(schema, names=False)
    return tidied
