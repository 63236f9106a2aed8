"""``roadiehq:utils:zip``."""

import os
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from backstage_py.plugin import Action, ActionAttributes, ActionContext, InputError, JsonObject, Workspace
from backstage_py_actions._builtin import builtin

_MOST_BYTES = 256 * 1024 * 1024
_MOST_ENTRIES = 50_000


@dataclass(frozen=True, slots=True)
class Zip:
    """What to pack, and the archive."""

    path: str
    output_path: str


@builtin("roadiehq:utils:zip", Zip, dry_run=True, attributes=ActionAttributes(idempotent=True, local=True))
def zip_(ctx: ActionContext[Zip]) -> JsonObject:
    """Pack a file, or what a folder holds: at most 50,000 entries and 256 MiB.

    Links are packed as what they lead to, and refused when that is outside the workspace; folders behind links are
    left out. The archive takes its place when it is complete, and never holds itself.
    """
    source, target = ctx.workspace.path(ctx.input.path), ctx.workspace.path(ctx.input.output_path)
    if not source.exists():
        raise InputError(f"File {ctx.input.path} does not exist. Can't zip it.")
    if target.is_dir():
        raise InputError(f"'{ctx.input.output_path}' is a folder; name a file for the archive")
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f"{ctx.workspace.root.name}_zip-", dir=ctx.workspace.root.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            _pack(ctx.workspace, source, target, file)
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return {"outputPath": ctx.input.output_path}


def _pack(workspace: Workspace, source: Path, target: Path, file: IO[bytes]) -> None:
    entries = size = 0
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for path, name in _entries(workspace, source):
            if path == target:
                continue
            entries, size = entries + 1, size + path.stat().st_size
            if entries > _MOST_ENTRIES or size > _MOST_BYTES:
                raise InputError(
                    f"The folder is too large to pack: at most {_MOST_ENTRIES} entries "
                    f"and {_MOST_BYTES // (1024 * 1024)} MiB"
                )
            archive.write(path, name)


def _entries(workspace: Workspace, source: Path) -> Iterator[tuple[Path, str]]:
    """Yield link-free paths, and their names in the archive."""
    if source.is_file():
        yield source, source.name
        return
    for parent, folders, files in os.walk(source):
        folders.sort()
        for name in (*folders, *sorted(files)):
            path = Path(parent, name)
            real = workspace.path(path)
            if real.is_file() or (real.is_dir() and not path.is_symlink()):
                yield real, path.relative_to(source).as_posix()


ACTIONS: tuple[Action, ...] = (zip_,)
