"""The folder of repositories: ``repositories/<owner>/<name>.git`` and its record ``<name>.json`` beside it.

A repository exists when its record does; the record is written last and taken away first, so a killed process leaves
either a whole repository or remains that the next creation clears. Names differ in more than case, as on GitHub: the
folders are in lower case, the record keeps the spelling.
"""

import asyncio
import os
import shutil
import tempfile
from collections import defaultdict
from pathlib import Path

from backstage_py import threads
from backstage_py.model import json
from backstage_py.sandbox import names
from backstage_py.sandbox.gitrepo import refs
from backstage_py.sandbox.gitrepo.process import Bare, Git
from backstage_py.sandbox.records import Edit, Repository


class RepositoryExistsError(Exception):
    """There is a repository of that name."""


class NoRepositoryError(Exception):
    """There is no repository of that name."""


class RepositoryStore:
    """Repositories on disk. Changes of one repository happen one after the other; reads need no lock.

    Args:
        root: folder that holds ``repositories/``; made when missing.
        git: starts git for all repositories.
    """

    def __init__(self, root: Path, git: Git) -> None:
        self.folder = root.resolve() / "repositories"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._git = git
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def find(self, owner: str, name: str) -> Repository | None:
        """Return a repository's record; None when there is none or the name can be none's."""
        try:
            path = self._record(owner, name)
        except names.InvalidNameError:
            return None
        try:
            return Repository.from_json(json.parse(path.read_bytes()))
        except FileNotFoundError:
            return None

    def bare(self, repository: Repository) -> Bare:
        """Return the git side of a repository."""
        return Bare(self._bare_path(repository.owner, repository.name), self._git)

    def turn(self, repository: Repository) -> asyncio.Lock:
        """Return the lock of those who commit for the sandbox itself, so that they need not race each other.

        Pushes do not take it: whoever commits must still move the branch by compare and swap.
        """
        return self._turns[repository.full_name.lower()]

    def size_in_kib(self, repository: Repository) -> int:
        """Return the space that a repository's objects take; 0 when there are none."""
        objects = self.bare(repository).path / "objects"
        total = sum(_size(Path(folder, name)) for folder, _, files in os.walk(objects) for name in files)
        return -(-total // 1024)

    def owned_by(self, owner: str) -> list[Repository]:
        """Return an owner's repositories in the order of their names."""
        paths = sorted(self.folder.joinpath(names.owner(owner).lower()).glob("*.json"))
        return [Repository.from_json(json.parse(path.read_bytes())) for path in paths]

    def everything(self) -> list[Repository]:
        """Return all repositories in the order of their full names."""
        return [Repository.from_json(json.parse(path.read_bytes())) for path in sorted(self.folder.glob("*/*.json"))]

    async def create(self, repository: Repository) -> Repository:
        """Make an empty repository.

        Raises:
            RepositoryExistsError: the name is taken.
            InvalidNameError: owner, name or default branch is not valid.
        """
        path = self._record(repository.owner, repository.name)
        bare = self.bare(repository)
        async with self._locks[str(path)]:
            if path.exists():
                raise RepositoryExistsError(repository.full_name)
            await threads.file_work(shutil.rmtree, bare.path, ignore_errors=True)  # remains of a killed creation
            await refs.init(bare, repository.default_branch)
            await threads.file_work(_write, path, json.dumps(repository.to_json()))
        return repository

    async def change(self, owner: str, name: str, edit: Edit) -> Repository:
        """Write a repository's record anew and return it.

        Raises:
            NoRepositoryError: it was deleted in the meantime.
        """
        path = self._record(owner, name)
        async with self._locks[str(path)]:
            before = self.find(owner, name)
            if before is None:
                raise NoRepositoryError(f"{owner}/{name}")
            after = edit(before)
            if after != before:
                await threads.file_work(_write, path, json.dumps(after.to_json()))
        return after

    async def delete(self, repository: Repository) -> None:
        """Take a repository away with all it holds."""
        path = self._record(repository.owner, repository.name)
        async with self._locks[str(path)]:
            path.unlink(missing_ok=True)
            await threads.file_work(shutil.rmtree, self.bare(repository).path, ignore_errors=True)

    def _record(self, owner: str, name: str) -> Path:
        return self._contained(owner, name, ".json")

    def _bare_path(self, owner: str, name: str) -> Path:
        return self._contained(owner, name, ".git")

    def _contained(self, owner: str, name: str, suffix: str) -> Path:
        path = self.folder / names.owner(owner).lower() / f"{names.repository(name).lower()}{suffix}"
        if not path.resolve().is_relative_to(self.folder):
            raise names.InvalidNameError(f"repository {owner}/{name} would lie outside the sandbox's folder")
        return path


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0  # a push in progress moved its file


def _write(path: Path, data: bytes) -> None:
    """Put data in place in one step: a reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
