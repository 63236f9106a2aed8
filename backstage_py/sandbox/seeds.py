"""Repositories that are there before a run begins."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from backstage_py.errors import InputError
from backstage_py.integrations import git
from backstage_py.integrations.git import GitAuthor, GitCredentials
from backstage_py.sandbox import names
from backstage_py.sandbox.records import Repository
from backstage_py.sandbox.server import Sandbox
from backstage_py.sandbox.store import RepositoryExistsError

Seeds = Mapping[str, Mapping[str, str]]
"""The texts of files by their paths, by ``owner/name`` of the repository."""

_BRANCH: Final = "main"


async def sow(sandbox: Sandbox, seeds: Seeds) -> None:
    """Make repositories, each with its files as the one commit of its branch ``main``.

    Raises:
        InputError: a name is none of a repository or of a file in it.
    """
    for full_name, files in seeds.items():
        owner, _, name = full_name.partition("/")
        try:
            await sandbox.store.create(Repository(owner, name, default_branch=_BRANCH))
            with tempfile.TemporaryDirectory(prefix="backstage-py-seed-") as folder:
                _write(Path(folder), files)
                await git.publish(
                    Path(folder),
                    remote_url=f"{sandbox.url}/{full_name}.git",
                    branch=_BRANCH,
                    message="As it was before",
                    author=GitAuthor(),
                    credentials=GitCredentials("x", sandbox.token),
                )
        except (names.InvalidNameError, RepositoryExistsError) as error:
            raise InputError(f"The repository '{full_name}' cannot be made: {error}") from error


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        target = folder / names.tree_path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
