"""Which files of a folder count for a commit: git itself is asked, with none of its configuration honoured."""

import asyncio
import os
import tempfile
from pathlib import Path

from backstage_py import threads
from backstage_py.errors import ForeignError
from backstage_py.integrations.children import child
from backstage_py.integrations.children.limits import GIT
from backstage_py.integrations.git import quiet_environment

_SECONDS = 60
_NONE_IGNORED = 1


async def not_ignored(folder: Path) -> list[Path]:
    """Return files and links below ``folder`` that no ``.gitignore`` names, in the order of names; nothing of ``.git``.

    Raises:
        ForeignError: git fails.
    """
    names = await threads.file_work(_walk, folder)
    if not any(Path(name).name == ".gitignore" for name in names):
        return [folder / name for name in names]
    ignored = await _ignored(folder, names)
    return [folder / name for name in names if name not in ignored]


def _walk(folder: Path) -> list[str]:
    found = []
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        folders[:] = sorted(name for name in folders if name != ".git" and name not in links)
        found += [os.path.relpath(Path(parent, name), folder) for name in [*files, *links] if name != ".git"]
    return sorted(found)


async def _ignored(folder: Path, names: list[str]) -> set[str]:
    with tempfile.TemporaryDirectory(prefix="backstage-git-") as repository:
        at = ["git", "--git-dir", repository, "--work-tree", str(folder)]
        await _git(["git", "init", "--quiet", "--template=", "--bare", repository], folder)
        given = b"\0".join(map(os.fsencode, names))
        said = await _git([*at, "check-ignore", "--no-index", "-z", "--stdin"], folder, given)
        return {os.fsdecode(name) for name in said.split(b"\0") if name}


async def _git(command: list[str], folder: Path, given: bytes = b"") -> bytes:
    try:
        async with asyncio.timeout(_SECONDS):
            ended = await child.run(command, limits=GIT, environment=quiet_environment(), cwd=folder, given=given)
    except TimeoutError as error:
        raise ForeignError(f"git failed: it did not end within {_SECONDS} seconds") from error
    except child.OutputError as error:
        raise ForeignError(f"git failed: it {error}") from error
    if ended.status not in {0, _NONE_IGNORED}:
        raise ForeignError(f"git failed: {ended.said}")
    return ended.output
