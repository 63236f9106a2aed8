"""``roadiehq:utils:fs:replace``."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from backstage_py.plugin import Action, ActionAttributes, ActionContext, InputError, JsonObject, Workspace
from backstage_py.plugin.formats import PathEntry, path_matches, replace_all, select_paths
from backstage_py_actions._builtin import builtin
from backstage_py_actions.roadiehq import content

_MAGIC = re.compile(r"[*?{}()\[\]!]")


@dataclass(frozen=True, slots=True)
class Replace:
    """What to replace where: ``file``, ``find``, ``replaceWith``, ``matchRegex``, ``includeDotFiles``."""

    files: list[JsonObject]


@builtin("roadiehq:utils:fs:replace", Replace, dry_run=True, attributes=ActionAttributes(idempotent=True, local=True))
def fs_replace(ctx: ActionContext[Replace]) -> None:
    """Replace in every file that a pattern names; files without a match are not touched.

    The search in one file is bounded: a regular expression that needs backtracking may take a million steps.
    """
    for file in ctx.input.files:
        _refuse_incomplete(file)
        for name in _named(ctx.workspace, file["file"], dot_files=bool(file.get("includeDotFiles"))):
            path = ctx.workspace.path(name)
            old = content.read_bytes(path, name)
            text = old.decode("utf-8", "replace")
            new = _replaced(text, file)
            if new != text:
                path.write_bytes(new.encode())


def _refuse_incomplete(file: JsonObject) -> None:
    if not file.get("file"):
        raise InputError("Path to file needs to be defined")
    if not file.get("find") or not file.get("replaceWith"):
        raise InputError("each file must have a find and replaceWith property")


def _named(workspace: Workspace, pattern: str, *, dot_files: bool) -> list[str]:
    """Return the files that a pattern names, relative to the workspace.

    Raises:
        NotAllowedError: the pattern leaves the workspace.
    """
    workspace.path(pattern)
    relative = os.path.relpath(os.path.normpath(workspace.root / pattern), workspace.root)
    if not _MAGIC.search(relative):
        return [relative] if workspace.path(relative).is_file() else []
    entries = [PathEntry(workspace.relative(path), is_folder=False) for path in workspace.files()]
    found = sorted(select_paths([relative], entries))
    files = [name for name in found if not Path(workspace.root, name).is_dir()]
    return files if dot_files else [name for name in files if path_matches(relative, name, dot=False)]


def _replaced(text: str, file: JsonObject) -> str:
    try:
        return replace_all(text, file["find"], file["replaceWith"], is_pattern=bool(file.get("matchRegex")))
    except ValueError as error:
        raise InputError(str(error)) from error


ACTIONS: tuple[Action, ...] = (fs_replace,)
