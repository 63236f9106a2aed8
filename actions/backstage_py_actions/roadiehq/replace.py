"""``roadiehq:utils:fs:replace``."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from backstage_py.plugin import Action, ActionAttributes, ActionContext, InputError, JsonObject, Workspace
from backstage_py.plugin.formats import PathEntry, linear_regex, path_matches, select_paths
from backstage_py_actions._builtin import builtin
from backstage_py_actions.roadiehq import content

_MAGIC = re.compile(r"[*?{}()\[\]!]")
_REFERENCE = re.compile(r"\$(?:([$&`'])|(\d{1,2})|<([^>]*)>)")
_LARGEST_RESULT = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Replace:
    """What to replace where: ``file``, ``find``, ``replaceWith``, ``matchRegex``, ``includeDotFiles``."""

    files: list[JsonObject]


@builtin("roadiehq:utils:fs:replace", Replace, dry_run=True, attributes=ActionAttributes(idempotent=True))
def fs_replace(ctx: ActionContext[Replace]) -> None:
    """Replace in every file that a pattern names; files without a match are not touched.

    A regular expression is matched in time linear in the file's size, so look-around and back-references are refused.
    """
    for file in ctx.input.files:
        _refuse_incomplete(file)
        matches = _matcher(file)
        for name in _named(ctx.workspace, file["file"], dot_files=bool(file.get("includeDotFiles"))):
            path = ctx.workspace.path(name)
            old = content.read_bytes(path, name)
            text = old.decode("utf-8", "replace")
            new = replaced(text, matches(text), file["replaceWith"])
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


def _matcher(file: JsonObject) -> Callable[[str], Iterator["re.Match[str]"]]:
    try:
        pattern = linear_regex(file["find"]) if file.get("matchRegex") else re.compile(re.escape(file["find"]))
    except ValueError as error:
        raise InputError(str(error)) from error

    def matches(text: str) -> Iterator["re.Match[str]"]:
        return pattern.finditer(text)

    return matches


def replaced(text: str, matches: Iterator["re.Match[str]"], template: str) -> str:
    """Return a text with all matches replaced, as ``String.replaceAll`` of JavaScript does it.

    In the template ``$$`` is a dollar sign, ``$&`` the match, ``$1`` and ``$<name>`` groups, ``$``` and ``$'`` what is
    before and after.

    Raises:
        InputError: the result would be larger than 64 MiB.
    """
    parts: list[str] = []
    size = last = 0
    for found in matches:
        parts += (text[last : found.start()], _expanded(template, found, text))
        size += len(parts[-2]) + len(parts[-1])
        if size > _LARGEST_RESULT:
            raise InputError(f"The result of replacing is larger than {_LARGEST_RESULT // (1024 * 1024)} MiB")
        last = found.end()
    return "".join([*parts, text[last:]])


def _expanded(template: str, found: "re.Match[str]", text: str) -> str:
    if "$" not in template:
        return template

    def reference(match: re.Match[str]) -> str:
        sign, number, name = match.groups()
        if sign:
            return {"$": "$", "&": found.group() or "", "`": text[: found.start()], "'": text[found.end() :]}[sign]
        if number:
            return _numbered(number, found, match[0])
        return (found.groupdict().get(name) or "") if found.groupdict() else match[0]

    return _REFERENCE.sub(reference, template)


def _numbered(number: str, found: "re.Match[str]", source: str) -> str:
    """Return group ``$1`` to ``$99``; of two digits only the first may name one, and what names none stays."""
    groups = found.groups()
    for digits in (number, number[:1]):
        if 1 <= int(digits) <= len(groups):
            return (groups[int(digits) - 1] or "") + number[len(digits) :]
    return source


ACTIONS: tuple[Action, ...] = (fs_replace,)
