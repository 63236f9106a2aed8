"""``roadiehq:utils:serialize:json`` and ``serialize:yaml``."""

from dataclasses import dataclass

from backstage_py.plugin import Action, ActionAttributes, ActionContext, JsonObject
from backstage_py.plugin.formats import stringify_json
from backstage_py_actions._builtin import builtin
from backstage_py_actions.roadiehq import yaml_text

_PURE = ActionAttributes(read_only=True, idempotent=True, destructive=False, pure=True)


@dataclass(frozen=True, slots=True)
class SerializeJson:
    """Data and how it is written."""

    data: JsonObject
    replacer: list[str] | None = None
    space: str = ""


@builtin("roadiehq:utils:serialize:json", SerializeJson, dry_run=True, attributes=_PURE, needs_workspace=False)
def serialize_json(ctx: ActionContext[SerializeJson]) -> JsonObject:
    """Give data as JSON text; an empty ``replacer`` counts as none."""
    return {"serialized": stringify_json(ctx.input.data, ctx.input.replacer or None, ctx.input.space)}


@dataclass(frozen=True, slots=True)
class SerializeYaml:
    """Data and how it is written."""

    data: JsonObject
    options: JsonObject | None = None


@builtin("roadiehq:utils:serialize:yaml", SerializeYaml, dry_run=True, attributes=_PURE, needs_workspace=False)
def serialize_yaml(ctx: ActionContext[SerializeYaml]) -> JsonObject:
    """Give data as YAML text."""
    return {"serialized": yaml_text.stringify(ctx.input.data, ctx.input.options)}


ACTIONS: tuple[Action, ...] = (serialize_json, serialize_yaml)
