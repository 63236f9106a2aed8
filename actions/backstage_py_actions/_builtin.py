"""How the built-in actions are declared: what is published lies in ``schemas/actions``, what an action gets is a class.

The same ``@action`` as a third party's, with two differences. The JSON Schema, description and examples come from a
file named after the id, so that each can be compared with Backstage's. And since input was checked against that
schema, it is only laid into its dataclass, without the second check (and the import of pydantic) that ``@action``
brings for classes of which the schema is derived.
"""

import dataclasses
import typing
from collections.abc import Callable
from typing import Any, TypeVar

from backstage_py.plugin import Action, ActionAttributes, ActionExample, Json, JsonObject, action
from backstage_py.plugin.formats import json_name, published_action

T = TypeVar("T")


def builtin(
    id: str,  # noqa: A002  # the word of every Backstage template
    input: type | None = None,  # noqa: A002  # as above
    *,
    dry_run: bool = False,
    attributes: ActionAttributes | None = None,
    ignored: frozenset[str] = frozenset(),
    needs_workspace: bool = True,
    extra: str | None = None,
) -> Callable[[Callable[..., Any]], Action]:
    """Make a built-in action of a function; ``ctx.input`` is of the class ``input``, plain JSON without one.

    ``ignored`` are inputs that old templates pass although no schema has them; ``needs_workspace`` as of ``@action``.
    ``extra`` names the extra of ``backstage-py`` that brings what the action needs besides the base install.
    """
    published = published_action(id)

    def make(function: Callable[..., Any]) -> Action:
        made = action(
            id,
            input_schema=published["input"],
            output=published.get("output"),
            description=published["description"],
            examples=tuple(
                ActionExample(example["description"], "\n".join(example["example"]) + "\n")
                for example in published["examples"]
            ),
            dry_run=dry_run,
            attributes=attributes,
            needs_workspace=needs_workspace,
        )(function)
        parse = (lambda value: dataclass_of(input, value)) if input else made.parse_input
        return dataclasses.replace(
            made, parse_input=parse, ignored_inputs=ignored, is_trusted_on_loop=True, extra=extra
        )

    return make


def dataclass_of(cls: type[T], value: JsonObject) -> T:
    """Return an object of a dataclass whose fields are the camelCase members of checked input.

    A field whose type is a dataclass takes its members from the same object.
    """
    values: dict[str, Json] = {}
    for name, (key, part) in _plan(cls).items():
        if part is not None:
            values[name] = dataclass_of(part, value)
        elif key in value:
            values[name] = value[key]
    return cls(**values)


_plans: dict[type, dict[str, tuple[str, type | None]]] = {}


def _plan(cls: type) -> dict[str, tuple[str, type | None]]:
    plan = _plans.get(cls)
    if plan is None:
        hints = typing.get_type_hints(cls)
        plan = {
            field.name: (
                json_name(field.name),
                hints[field.name] if dataclasses.is_dataclass(hints[field.name]) else None,
            )
            for field in dataclasses.fields(cls)
        }
        _plans[cls] = plan
    return plan
