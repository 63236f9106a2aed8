"""Filters and globals of the template language, as values: ``@template_filter("slug")`` over a plain function.

They work in templates and in skeletons alike. They are pure: they get JSON (or UNDEFINED of
``backstage_py.templating.engine`` for what is not there) and return JSON. One that raises leaves the expression's text
as it is in a template, and fails the step in a skeleton. A package names its module in the entry point group
``backstage_py.templating``.
"""

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backstage_py.model.json import Json, JsonObject

_TYPES: Mapping[Any, JsonObject] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "number"},
    float: {"type": "number"},
    dict: {"type": "object"},
    list: {"type": "array"},
}


@dataclass(frozen=True, slots=True)
class TemplateExample:
    """An example as ``/v2/templating-extensions`` shows it; ``example`` is YAML text."""

    example: str
    description: str = ""
    notes: str = ""

    def as_json(self) -> JsonObject:
        """Return what is given of it."""
        members = {"description": self.description, "example": self.example, "notes": self.notes}
        return {key: text for key, text in members.items() if text}


@dataclass(frozen=True, slots=True)
class TemplateFilter:
    """A filter: ``${{ value | name(argument) }}`` calls ``function(value, argument)``."""

    name: str
    function: Callable[..., Json] = field(repr=False)
    description: str = ""
    examples: tuple[TemplateExample, ...] = ()
    schema: JsonObject = field(default_factory=dict, repr=False)
    source: str = ""

    def __call__(self, *arguments: Json) -> Json:
        """Apply it."""
        return self.function(*arguments)

    def as_json(self) -> JsonObject:
        """Return it as ``/v2/templating-extensions`` shows it."""
        return _described(self.description, self.examples, self.schema)


@dataclass(frozen=True, slots=True)
class TemplateFunction:
    """A global function: ``${{ name(argument) }}``."""

    name: str
    function: Callable[..., Json] = field(repr=False)
    description: str = ""
    examples: tuple[TemplateExample, ...] = ()
    schema: JsonObject = field(default_factory=dict, repr=False)
    source: str = ""

    def __call__(self, *arguments: Json) -> Json:
        """Call it."""
        return self.function(*arguments)

    def as_json(self) -> JsonObject:
        """Return it as ``/v2/templating-extensions`` shows it."""
        return _described(self.description, self.examples, self.schema)


@dataclass(frozen=True, slots=True)
class TemplateValue:
    """A global value: ``${{ name }}``."""

    name: str
    value: Json
    description: str = ""
    source: str = ""


Extension = TemplateFilter | TemplateFunction | TemplateValue


def template_filter(
    name: str | None = None, *, description: str | None = None, examples: Sequence[TemplateExample] = ()
) -> Callable[[Callable[..., Json]], TemplateFilter]:
    """Make a filter of a function; its first parameter is what stands before ``|``.

    Args:
        name: as templates write it; the function's name by default.
        description: shown to template authors; the function's docstring by default.
        examples: shown with it.
    """

    def make(function: Callable[..., Json]) -> TemplateFilter:
        arguments, output = _signature(function)
        schema: JsonObject = {"input": arguments[0] if arguments else {}}
        if arguments[1:]:
            schema["arguments"] = arguments[1:]
        if output:
            schema["output"] = output
        return TemplateFilter(
            name or function.__name__,
            function,
            _text(description, function),
            tuple(examples),
            schema,
            _source(function),
        )

    return make


def template_function(
    name: str | None = None, *, description: str | None = None, examples: Sequence[TemplateExample] = ()
) -> Callable[[Callable[..., Json]], TemplateFunction]:
    """Make a global function of a function; see ``template_filter``."""

    def make(function: Callable[..., Json]) -> TemplateFunction:
        arguments, output = _signature(function)
        schema: JsonObject = {"arguments": arguments} if arguments else {}
        schema |= {"output": output} if output else {}
        return TemplateFunction(
            name or function.__name__,
            function,
            _text(description, function),
            tuple(examples),
            schema,
            _source(function),
        )

    return make


def template_value(name: str, value: Json, *, description: str = "") -> TemplateValue:
    """Make a global value; ``value`` is JSON."""
    caller = inspect.currentframe()
    where = caller.f_back if caller else None
    source = f"{where.f_globals.get('__name__', '?')}:{where.f_lineno}" if where else ""
    return TemplateValue(name, value, description, source)


def _described(description: str, examples: Sequence[TemplateExample], schema: JsonObject) -> JsonObject:
    answer: JsonObject = {}
    if description:
        answer["description"] = description
    if examples:
        answer["examples"] = [example.as_json() for example in examples]
    if schema:
        answer["schema"] = schema
    return answer


def _text(description: str | None, function: Callable[..., Json]) -> str:
    return description if description is not None else inspect.cleandoc(function.__doc__ or "")


def _source(function: Callable[..., Json]) -> str:
    return f"{function.__module__}:{function.__code__.co_firstlineno}"


def _signature(function: Callable[..., Json]) -> tuple[list[JsonObject], JsonObject]:
    """Return JSON Schemas of a function's parameters and result, ``{}`` for what a plain type does not say."""
    hints = typing.get_type_hints(function)
    parameters = inspect.signature(function).parameters.values()
    arguments = [_schema(hints.get(one.name)) for one in parameters if one.kind is not one.KEYWORD_ONLY]
    return arguments, _schema(hints["return"]) if "return" in hints else {}


def _schema(hint: Any) -> JsonObject:
    found = _TYPES.get(typing.get_origin(hint) or hint)
    return dict(found) if found else {}
