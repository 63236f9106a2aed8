"""Files that change while a command watches: what an author saves, without what editors write beside it."""

import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchfiles import DefaultFilter

_DEBOUNCE_MS = 200
_LOOK_MS = 250
_TEMPORARY = (
    r"~$",  # backups of Vim, Emacs and others
    r"^4913$",  # Vim tries with it whether it may write
    r"\.sw[a-z]$",
    r"^\.#",  # Emacs' lock
    r"^#.*#$",
    r"^flycheck_",
    r"\.kate-swp$",
    r"___jb_(tmp|old|bak)___$",  # JetBrains
    r"^\.goutputstream-",  # whatever writes by GLib
    r"^\.~lock\.",
    r"\.(tmp|temp|bak|bck|orig|part)$",
    r"^\.?tmp[A-Za-z0-9_]{6,}$",
    r"^\._",
    r"^\.DS_Store$",
    r"\.py[cod]$",
)
_FOLDERS = (".backstage-py-dev", ".ruff_cache", "venv")


def saves(ignored: Sequence[str] = ()) -> "DefaultFilter":
    """Return the filter of ``watchfiles`` that passes what an author saves, without folders that are ``ignored``."""
    from watchfiles import DefaultFilter

    return DefaultFilter(
        ignore_dirs=(*DefaultFilter.ignore_dirs, *_FOLDERS, *ignored),
        ignore_entity_patterns=_TEMPORARY,
    )


async def changes(folders: Sequence[Path]) -> AsyncIterator[list[str]]:
    """Yield the paths that were saved since the last time, as an author would type them here.

    The first time there are none: the watch has begun, and what is saved from now on is not missed.
    """
    from watchfiles import awatch

    begun = False
    watch = awatch(*folders, watch_filter=saves(), debounce=_DEBOUNCE_MS, rust_timeout=_LOOK_MS, yield_on_timeout=True)
    async for found in watch:
        if found or not begun:
            begun = True
            yield sorted({_shown(name) for _, name in found})


def _shown(name: str) -> str:
    return os.path.relpath(name)
