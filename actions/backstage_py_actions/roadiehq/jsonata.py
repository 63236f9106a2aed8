"""``roadiehq:utils:jsonata``, ``jsonata:json:transform`` and ``jsonata:yaml:transform``."""

from dataclasses import dataclass

from backstage_py.integrations.children import jsonata
from backstage_py.plugin import Action, ActionAttributes, ActionContext, InputError, Json, JsonObject
from backstage_py.plugin.formats import load_yaml, load_yaml_documents, stringify_json
from backstage_py_actions._builtin import builtin
from backstage_py_actions.roadiehq import content, yaml_text

_PURE = ActionAttributes(read_only=True, idempotent=True, destructive=False, pure=True)


@dataclass(frozen=True, slots=True)
class Evaluate:
    """An expression and what it sees."""

    expression: str
    data: Json = None


@builtin(
    "roadiehq:utils:jsonata", Evaluate, dry_run=True, attributes=_PURE, ignored=frozenset({"as"}), needs_workspace=False
)
async def evaluate(ctx: ActionContext[Evaluate]) -> JsonObject:
    """Evaluate an expression; no result at all gives no output."""
    try:
        return _output(await jsonata.evaluate(ctx.input.expression, ctx.input.data, config=ctx.services.config))
    except InputError as error:
        raise InputError(f"JSONata failed to evaluate the expression: {error}") from error


@builtin("roadiehq:utils:jsonata:json:transform", dry_run=True, attributes=_PURE)
async def transform_json(ctx: ActionContext[JsonObject]) -> JsonObject:
    """Evaluate an expression on a JSON file."""
    given = ctx.input
    data = content.parse_json(content.read_text(ctx.workspace, given["path"]), f"'{given['path']}'")
    result = await jsonata.evaluate(given["expression"], data, config=ctx.services.config)
    if given.get("as") == "object" or result is None:
        return _output(result)
    return {"result": stringify_json(result, given.get("replacer"), given.get("space", ""))}


@builtin("roadiehq:utils:jsonata:yaml:transform", dry_run=True, attributes=_PURE)
async def transform_yaml(ctx: ActionContext[JsonObject]) -> JsonObject:
    """Evaluate an expression on a YAML file."""
    given = ctx.input
    text = content.read_text(ctx.workspace, given["path"])
    load_all = bool(given.get("loadAll"))
    data = load_yaml_documents(text, filename=given["path"]) if load_all else load_yaml(text, filename=given["path"])
    result = await jsonata.evaluate(given["expression"], data, config=ctx.services.config)
    if given.get("as") == "object" or result is None:
        return _output(result)
    return {"result": yaml_text.stringify(result, given.get("options"))}


def _output(result: Json) -> JsonObject:
    return {} if result is None else {"result": result}


ACTIONS: tuple[Action, ...] = (evaluate, transform_json, transform_yaml)
