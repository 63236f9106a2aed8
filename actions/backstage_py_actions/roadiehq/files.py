"""``roadiehq:utils:fs:write``, ``fs:append`` and ``fs:parse``."""

from dataclasses import dataclass

from backstage_py.plugin import Action, ActionAttributes, ActionContext, InputError, Json, JsonObject, NotFoundError
from backstage_py.plugin.formats import load_yaml, load_yaml_documents, stringify_json
from backstage_py_actions._builtin import builtin
from backstage_py_actions.roadiehq import content


@dataclass(frozen=True, slots=True)
class Write:
    """A file and what it is to hold."""

    path: str
    content: str
    preserve_formatting: bool = False


@builtin("roadiehq:utils:fs:write", Write, dry_run=True, attributes=ActionAttributes(idempotent=True, local=True))
def fs_write(ctx: ActionContext[Write]) -> JsonObject:
    """Write a file, with the folders on the way to it.

    ``preserveFormatting`` lays JSON out anew and leaves any other text as it is.
    """
    path = ctx.workspace.path(ctx.input.path)
    if path.is_dir():
        raise InputError(f"'{ctx.input.path}' is a folder; name a file to write")
    path.parent.mkdir(parents=True, exist_ok=True)
    text = _indented_json(ctx.input.content) if ctx.input.preserve_formatting else ctx.input.content
    path.write_bytes(text.encode())
    return {"path": str(path)}


def _indented_json(text: str) -> str:
    try:
        return stringify_json(content.parse_json(text, "The content"), space=2)
    except InputError:
        return text


@dataclass(frozen=True, slots=True)
class Append:
    """A file and what it gets."""

    path: str
    content: str


@builtin("roadiehq:utils:fs:append", Append, dry_run=True, attributes=ActionAttributes(destructive=False, local=True))
def fs_append(ctx: ActionContext[Append]) -> JsonObject:
    """Append to a file; it is made if there is none, its folder is not."""
    path = ctx.workspace.path(ctx.input.path)
    if not path.parent.is_dir():
        raise NotFoundError(f"ENOENT: no such file or directory, open '{path}'")
    if path.is_dir():
        raise InputError(f"'{ctx.input.path}' is a folder; name a file to append to")
    with path.open("ab") as file:
        file.write(ctx.input.content.encode())
    return {"path": str(path)}


@dataclass(frozen=True, slots=True)
class Parse:
    """A file and what it is read as; None for text."""

    path: str
    parser: str | None = None


@builtin(
    "roadiehq:utils:fs:parse",
    Parse,
    dry_run=True,
    attributes=ActionAttributes(read_only=True, idempotent=True, destructive=False),
)
def fs_parse(ctx: ActionContext[Parse]) -> JsonObject:
    """Read a file of at most 10 MiB as text, JSON or YAML."""
    name = ctx.input.path
    text = content.read_text(ctx.workspace, name)
    return {"content": _parsed(text, ctx.input.parser, name)}


def _parsed(text: str, parser: str | None, name: str) -> Json:
    if parser == "json":
        return content.parse_json(text, f"'{name}'")
    if parser == "yaml":
        return load_yaml(text, filename=name)
    if parser == "multiyaml":
        return list(load_yaml_documents(text, filename=name))
    return text


ACTIONS: tuple[Action, ...] = (fs_write, fs_append, fs_parse)
