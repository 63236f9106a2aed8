"""``fs:delete``, ``fs:rename``, ``fs:readdir`` and ``fs:read``."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backstage_py.plugin import (
    Action,
    ActionAttributes,
    ActionContext,
    InputError,
    Json,
    JsonObject,
    NotFoundError,
    PermanentError,
    Workspace,
    short_work,
)
from backstage_py.plugin.formats import PathEntry, select_paths
from backstage_py_actions._builtin import builtin

_READS = ActionAttributes(read_only=True, idempotent=True, destructive=False)
_LARGEST_READ = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Delete:
    """Paths or patterns."""

    files: list[str]


@builtin("fs:delete", Delete, dry_run=True, attributes=ActionAttributes(idempotent=True, local=True))
def fs_delete(ctx: ActionContext[Delete]) -> None:
    """Delete files.

    As in Backstage: what names nothing is no error, and a folder stands for the files in it, at any depth, while it
    and the folders in it stay.
    """
    for pattern in ctx.input.files:
        relative = _lexical(ctx.workspace, pattern)
        for path in _matching(ctx.workspace, relative):
            ctx.workspace.entry(path).unlink()
            ctx.logger.info(f"File {ctx.workspace.root / path} deleted successfully")


def _lexical(workspace: Workspace, pattern: str) -> str:
    """Return a pattern with its dots resolved, relative to the workspace.

    Raises:
        NotAllowedError: it climbs out.
    """
    workspace.path(pattern)
    joined = os.path.normpath(workspace.root / pattern)
    return os.path.relpath(joined, workspace.root)


def _matching(workspace: Workspace, pattern: str) -> list[str]:
    entries = [PathEntry(workspace.relative(path), is_folder=is_folder) for path, is_folder in _walk(workspace.root)]
    folders = {entry.path for entry in entries if entry.is_folder}
    return sorted(select_paths([pattern], entries) - folders)


def _walk(folder: Path) -> Iterator[tuple[Path, bool]]:
    for parent, folders, files in os.walk(folder):
        for name in folders:
            path = Path(parent, name)
            yield path, not path.is_symlink()
        for name in files:
            yield Path(parent, name), False


@dataclass(frozen=True, slots=True)
class Rename:
    """Old and new paths, in order: ``from``, ``to``, ``overwrite``."""

    files: list[JsonObject]


@builtin("fs:rename", Rename, dry_run=True, attributes=ActionAttributes(local=True))
async def fs_rename(ctx: ActionContext[Rename]) -> None:
    """Rename or move, one after the other; the first that fails ends the step."""
    await short_work.run(_renaming(ctx))


def _renaming(ctx: ActionContext[Rename]) -> Iterator[object]:
    for file in ctx.input.files:
        if not file.get("from") or not file.get("to"):
            raise InputError("each file must have a from and to property")
        source, target = ctx.workspace.entry(file["from"]), ctx.workspace.entry(file["to"])
        try:
            yield from _moving(source, target, overwrite=bool(file.get("overwrite")))
        except PermanentError:
            ctx.logger.error(f"Failed to rename file {source} to {target}:")
            raise
        ctx.logger.info(f"File {source} renamed to {target} successfully")
        yield None


def _moving(source: Path, target: Path, *, overwrite: bool) -> Iterator[object]:
    if not os.path.lexists(source):
        raise PermanentError(f"ENOENT: no such file or directory, lstat '{source}'")
    if source == target:
        return
    if source in target.parents:
        raise PermanentError(f"Cannot move '{source}' to a subdirectory of itself, '{target}'.")
    if os.path.lexists(target):
        if not overwrite:
            raise PermanentError("dest already exists.")
        if target.is_dir() and not target.is_symlink():
            yield short_work.LONG
            shutil.rmtree(target)
        else:
            target.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)


@dataclass(frozen=True, slots=True)
class ReadDir:
    """Folders to list."""

    paths: list[str]
    recursive: bool = False


@builtin("fs:readdir", ReadDir, dry_run=True, attributes=_READS)
def fs_readdir(ctx: ActionContext[ReadDir]) -> JsonObject:
    """List files and folders, each folder in the order of names."""
    files: list[Json] = []
    folders: list[Json] = []
    for path in ctx.input.paths:
        folder = ctx.workspace.path(path)
        if not folder.is_dir():
            raise NotFoundError(f"ENOENT: no such file or directory, scandir '{folder}'")
        for found, is_folder in _listed(folder, recursive=ctx.input.recursive):
            described = {"name": found.name, "path": ctx.workspace.relative(found), "fullPath": str(found)}
            (folders if is_folder else files).append(described)
    return {"files": files, "folders": folders}


def _listed(folder: Path, *, recursive: bool) -> Iterator[tuple[Path, bool]]:
    level = [folder]
    while level:
        below: list[Path] = []
        for parent in level:
            with os.scandir(parent) as found:
                for entry in sorted(found, key=lambda entry: os.fsencode(entry.name)):
                    is_folder = entry.is_dir(follow_symlinks=False)
                    yield Path(entry.path), is_folder
                    if is_folder and recursive:
                        below.append(Path(entry.path))
        level = below


@dataclass(frozen=True, slots=True)
class Read:
    """The file to read."""

    path: str


@builtin("fs:read", Read, dry_run=True, attributes=_READS)
def fs_read(ctx: ActionContext[Read]) -> JsonObject:
    """Read a text file; bytes that are no UTF-8 become U+FFFD."""
    path = ctx.workspace.path(ctx.input.path)
    if not path.is_file():
        raise NotFoundError(f"The workspace has no file '{ctx.input.path}'")
    if path.stat().st_size > _LARGEST_READ:
        raise InputError(
            f"'{ctx.input.path}' is larger than {_LARGEST_READ // (1024 * 1024)} MiB, the most that is read"
        )
    return {"content": path.read_bytes().decode("utf-8", "replace")}


ACTIONS: tuple[Action, ...] = (fs_delete, fs_rename, fs_readdir, fs_read)
