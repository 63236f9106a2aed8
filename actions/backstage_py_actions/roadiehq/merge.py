"""``roadiehq:utils:merge`` and ``json:merge``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backstage_py.plugin import Action, ActionAttributes, ActionContext, InputError, Json, JsonObject, NotFoundError
from backstage_py.plugin.formats import load_yaml, load_yaml_documents, stringify_json, yaml_key
from backstage_py_actions._builtin import builtin
from backstage_py_actions.roadiehq import content, indentation, merging, yaml_comments, yaml_text

_NO_DOCUMENTS = "No documents found in the input content. Please provide a valid YAML file."
_SEVERAL = (
    "Multiple documents found in the input content. "
    "Please provide a key and value to use to find the document to merge into."
)
_DEFAULT_INDENT = 2


@dataclass(frozen=True, slots=True)
class MergeJson:
    """A file and what is merged into it."""

    path: str
    content: str | JsonObject
    merge_arrays: bool = False
    match_file_indent: bool = False


@builtin("roadiehq:utils:json:merge", MergeJson, dry_run=True, attributes=ActionAttributes(local=True))
def json_merge(ctx: ActionContext[MergeJson]) -> JsonObject:
    """Merge into a JSON file, which is made if there is none."""
    path, given = ctx.workspace.path(ctx.input.path), ctx.input
    text = ""
    if path.exists():
        text = content.read_text(ctx.workspace, given.path)
    else:
        ctx.logger.info(f"The file {path} does not exist, creating it.")
    old = content.parse_json(text, f"'{given.path}'") if path.exists() else {}
    result = merging.merged(old, _json_content(given.content), append=given.merge_arrays)
    path.write_bytes(stringify_json(result, space=_indent(ctx, text)).encode())
    return {"path": str(path)}


def _indent(ctx: ActionContext[MergeJson], text: str) -> int:
    if not ctx.input.match_file_indent:
        return _DEFAULT_INDENT
    if found := indentation.amount(text):
        return found
    ctx.logger.info(f"Failed to detect source file indentation, using default value of {_DEFAULT_INDENT}.")
    return _DEFAULT_INDENT


def _json_content(given: str | JsonObject) -> Json:
    return content.parse_json(given, "The content to merge") if isinstance(given, str) else given


@dataclass(frozen=True, slots=True)
class Merge:
    """A file and what is merged into it; ``use_document_including_field`` has ``key`` and ``value``."""

    path: str
    content: str | JsonObject
    merge_arrays: bool = False
    preserve_yaml_comments: bool = False
    use_document_including_field: JsonObject | None = None
    options: JsonObject | None = None


@builtin("roadiehq:utils:merge", Merge, dry_run=True, attributes=ActionAttributes(local=True))
def merge(ctx: ActionContext[Merge]) -> JsonObject | None:
    """Merge into a JSON or YAML file, told apart by its name; any other file is left alone, as by the original."""
    path = ctx.workspace.path(ctx.input.path)
    if not path.exists():
        ctx.logger.error(f"The file {path} does not exist.")
        raise NotFoundError(f"The file {path} does not exist.")
    write = _WRITERS.get(Path(ctx.input.path).suffix)
    if write is None:
        ctx.logger.warning(f"'{ctx.input.path}' is neither .json, .yaml nor .yml; nothing was merged")
        return None
    path.write_bytes(write(ctx, content.read_text(ctx.workspace, ctx.input.path)).encode())
    return {"path": str(path)}


def _merged_json(ctx: ActionContext[Merge], text: str) -> str:
    """The original reads JSON files as YAML here, of which JSON is a part."""
    old = load_yaml(text, filename=ctx.input.path)
    return stringify_json(_merged(ctx, old, _json_content(ctx.input.content)), space=_DEFAULT_INDENT)


def _merged_yaml(ctx: ActionContext[Merge], text: str) -> str:
    given = ctx.input.content
    addition = load_yaml(given, filename="content") if isinstance(given, str) else given
    if ctx.input.preserve_yaml_comments:
        try:
            return _with_comments(ctx, text, addition)
        except yaml_comments.CommentsLostError as error:
            ctx.logger.warning(
                f"Failed to preserve YAML comments due to parsing error: {error}. "
                "Falling back to merge without comment preservation."
            )
    documents = load_yaml_documents(text, filename=ctx.input.path)
    chosen = _chosen(ctx, documents, _has_field)
    merged = [_merged(ctx, one, addition) if index in chosen else one for index, one in enumerate(documents)]
    return "---\n".join(yaml_text.stringify(one, ctx.input.options) for one in merged)


def _with_comments(ctx: ActionContext[Merge], text: str, addition: Json) -> str:
    parts = yaml_comments.load(text)
    documents = [one for one in parts if isinstance(one, yaml_comments.Document)]
    chosen = _chosen(ctx, [one.value for one in documents], _has_nested_field)
    changed = {
        id(one): one.changed(lambda old: _merged(ctx, old, addition), ctx.input.options or {})
        for index, one in enumerate(documents)
        if index in chosen
    }
    return "".join(one if isinstance(one, str) else changed.get(id(one), one.text) for one in parts)


def _merged(ctx: ActionContext[Merge], old: Json, addition: Json) -> Json:
    return merging.merged(old, addition, append=ctx.input.merge_arrays)


def _chosen(
    ctx: ActionContext[Merge], documents: Sequence[Json], has_field: Callable[[Json, str, str], bool]
) -> frozenset[int]:
    """Return which documents get the content: the only one, or those with the field."""
    if not documents:
        raise InputError(_NO_DOCUMENTS)
    if len(documents) == 1:
        return frozenset({0})
    field = ctx.input.use_document_including_field
    if not field:
        raise InputError(_SEVERAL)
    return frozenset(index for index, one in enumerate(documents) if has_field(one, field["key"], field["value"]))


def _has_field(document: Json, key: str, value: str) -> bool:
    """Tell whether a document has a field at its top; the original insists that every document has it."""
    found = document.get(key) if isinstance(document, dict) else None
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        raise InputError(f'The value at "{key}" defined in useDocumentIncludingField must be a string or a number.')
    return (found if isinstance(found, str) else yaml_key(found)) == value


def _has_nested_field(document: Json, key: str, value: str) -> bool:
    """Tell whether a document has a field, ``metadata.name`` too; the original takes such keys only with comments."""
    found = document
    for part in key.split("."):
        if not isinstance(found, dict) or part not in found:
            return False
        found = found[part]
    if isinstance(found, dict | list) or found is None:
        return False
    return (str(found) if isinstance(found, str) else yaml_key(found)) == value


_WRITERS: dict[str, Callable[[ActionContext[Merge], str], str]] = {
    ".json": _merged_json,
    ".yaml": _merged_yaml,
    ".yml": _merged_yaml,
}

ACTIONS: tuple[Action, ...] = (merge, json_merge)
