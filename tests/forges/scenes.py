"""What scenes of several hosts have in common: a workspace, and a repository that is made once in a process."""

import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.forges.stand_in import StandIn

_TEXTS = {
    "README.md": "hello world\n",
    "run.sh": "#!/bin/sh\n",
    "new/new.txt": "new\n",
    "source/s.txt": "s",
    ".gitignore": "ignored.txt\n",
    "ignored.txt": "no",
}
_kept: dict[str, "tempfile.TemporaryDirectory[str]"] = {}


def workspace(work: Path, *folders: str) -> None:
    """Write the files of a workspace, and of more folders in it."""
    texts = _TEXTS | {f"{folder}/s.txt": "s" for folder in folders}
    for name, text in texts.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (work / "run.sh").chmod(0o755)


async def once(base: StandIn, key: str, make: Callable[[], Awaitable[None]]) -> None:
    """Make repositories, or copy those that were made before under this key."""
    folder = base.host.store.folder
    if key in _kept:
        shutil.copytree(_kept[key].name, folder, dirs_exist_ok=True)
        return
    await make()
    made = tempfile.TemporaryDirectory()
    shutil.copytree(folder, made.name, dirs_exist_ok=True)
    _kept[key] = made
