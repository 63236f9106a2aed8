"""Filters and globals of the template language, as values: ``@template_filter("slug")`` over a plain function.

They work in templates and in skeletons alike. They are pure: they get JSON (or ``UNDEFINED`` of
``backstage_py.plugin.formats`` for what is not there) and return JSON. One that raises leaves the expression's text
as it is in a template, and fails the step in a skeleton. A package names its module in the entry point group
``backstage_py.templating``.
"""

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

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
    """An example as ``/v2/templating-extensions`` shows it; ``example`` is YAML text, ``notes`` Markdown."""

    example: str
    description: str = ""
    notes: str = ""

    def as_json(self) -> JsonObject:
        """Return what is given of it."""
        members = {"description": self.description, "example": self.example, "notes": self.notes}
        return {key: text for key, text in members.items() if text}


@dataclass(frozen=True, slots=True)
class TemplateCallable:
    """What filters and global functions have in common."""

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
        examples = [example.as_json() for example in self.examples]
        members = {"description": self.description, "examples": examples, "schema": self.schema}
        return {key: value for key, value in members.items() if value}


@dataclass(frozen=True, slots=True)
class TemplateFilter(TemplateCallable):
    """A filter: ``${{ value | name(argument) }}`` calls ``function(value, argument)``.

    ``schema`` is ``{input, arguments, output}``, JSON Schemas of the annotations; what these do not say is left out.
    """


@dataclass(frozen=True, slots=True)
class TemplateFunction(TemplateCallable):
    """A global function: ``${{ name(argument) }}``; ``schema`` is ``{arguments, output}`` as of a filter."""


@dataclass(frozen=True, slots=True)
class TemplateValue:
    """A global value: ``${{ name }}`` gives ``value``, which is JSON."""

    name: str
    value: Json
    description: str = ""
    source: str = ""


CallableT = TypeVar("CallableT", bound=TemplateCallable)
Extension = TemplateFilter | TemplateFunction | TemplateValue


def template_filter(
    name: str | None = None, *, description: str | None = None, examples: Sequence[TemplateExample] = ()
) -> Callable[[Callable[..., Json]], TemplateFilter]:
    """Make a filter of a function; its first parameter is what stands before ``|``.

    Args:
        name: as templates write it; the function's name by default.
        description: shown to template authors; the function's docstring by default.
        examples: shown with it.

    Raises:
        TypeError: the brackets are missing: ``@template_filter`` instead of ``@template_filter()``.
    """

    def schema(arguments: Sequence[JsonObject]) -> JsonObject:
        rest = {"arguments": arguments[1:]} if arguments[1:] else {}
        return {"input": arguments[0] if arguments else {}} | rest

    return _decorator(TemplateFilter, name, description, examples, schema)


def template_function(
    name: str | None = None, *, description: str | None = None, examples: Sequence[TemplateExample] = ()
) -> Callable[[Callable[..., Json]], TemplateFunction]:
    """Make a global function of a function; see ``template_filter``."""
    return _decorator(TemplateFunction, name, description, examples, lambda all_: {"arguments": all_} if all_ else {})


def template_value(name: str, value: Json, *, description: str = "") -> TemplateValue:
    """Make a global value; ``value`` is JSON."""
    caller = inspect.currentframe()
    where = caller.f_back if caller else None
    source = f"{where.f_globals.get('__name__', '?')}:{where.f_lineno}" if where else ""
    return TemplateValue(name, value, description, source)


def _decorator(
    kind: Callable[..., CallableT],
    name: str | None,
    description: str | None,
    examples: Sequence[TemplateExample],
    schema_of: Callable[[Sequence[JsonObject]], JsonObject],
) -> Callable[[Callable[..., Json]], CallableT]:
    if callable(name):
        raise TypeError(f"Write '@template_filter()' or '@template_function()' above '{name.__name__}', with brackets")

    def make(function: Callable[..., Json]) -> CallableT:
        arguments, output = _signature(function)
        return kind(
            name or function.__name__,
            function,
            description if description is not None else inspect.cleandoc(function.__doc__ or ""),
            tuple(examples),
            schema_of(arguments) | ({"output": output} if output else {}),
            f"{function.__module__}:{function.__code__.co_firstlineno}",
        )

    return make


def _signature(function: Callable[..., Json]) -> tuple[list[JsonObject], JsonObject]:
    """Return JSON Schemas of a function's parameters and result, ``{}`` for what a plain type does not say."""
    hints = typing.get_type_hints(function)
    parameters = inspect.signature(function).parameters.values()
    arguments = [_schema(hints.get(one.name)) for one in parameters if one.kind is not one.KEYWORD_ONLY]
    return arguments, _schema(hints["return"]) if "return" in hints else {}


def _schema(hint: Any) -> JsonObject:
    found = _TYPES.get(typing.get_origin(hint) or hint)
    return dict(found) if found else {}
