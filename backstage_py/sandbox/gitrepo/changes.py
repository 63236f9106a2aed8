"""Trees and commits made of changes to single files, through an index of their own and no work tree."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backstage_py.sandbox.gitrepo import objects, refs
from backstage_py.sandbox.gitrepo.objects import MissingObjectError, Signature
from backstage_py.sandbox.gitrepo.process import Bare, GitError

_NO_OBJECT = "0" * 40
_STATUS = {"A": "added", "D": "removed", "M": "modified"}


@dataclass(frozen=True, slots=True)
class Change:
    """One path of a tree: the blob, folder or submodule it shall hold; ``sha`` None takes it away."""

    path: str
    sha: str | None
    mode: str = "100644"


@dataclass(frozen=True, slots=True)
class DiffStat:
    """How two commits differ."""

    files: int
    additions: int
    deletions: int
    commits: int


async def write_tree(bare: Bare, base: str | None, changes: Sequence[Change]) -> str:
    """Return the name of the tree ``base`` (a tree or commit, None for an empty one) with the changes made.

    Raises:
        MissingObjectError: the base or an object of a change does not exist.
    """
    with tempfile.TemporaryDirectory(prefix="index-", dir=bare.path) as folder:
        env = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        try:
            await bare.run("read-tree", base or "--empty", env=env)
            files = [change for change in changes if change.mode != "040000" or change.sha is None]
            lines = b"".join(_index_line(change) for change in files)
            await bare.run("update-index", "-z", "--index-info", stdin=lines, env=env)
            for change in changes:
                if change not in files and change.sha:
                    await bare.run("read-tree", f"--prefix={change.path}/", change.sha, env=env)
            return (await bare.run("write-tree", env=env)).decode().strip()
        except GitError as error:
            if error.code < 0:
                raise
            raise MissingObjectError(error.stderr.strip()) from error


async def commit(
    bare: Bare, branch: str, parent: str | None, changes: Sequence[Change], message: str, author: Signature
) -> str:
    """Commit changes on top of ``parent``, move the branch from there, and return the commit.

    Raises:
        RefMovedError: the branch is not at ``parent`` any more; nothing visible has changed.
    """
    tree = await write_tree(bare, parent, changes)
    sha = await objects.write_commit(bare, tree, [parent] if parent else [], message, author)
    await refs.move(bare, f"refs/heads/{branch}", sha, parent)
    return sha


async def merge(bare: Bare, branch: str, head: str, parents: Sequence[str], message: str, author: Signature) -> str:
    """Commit the merge of a branch, which is at the first parent, and ``head``; move the branch, return the commit.

    Raises:
        RefMovedError: the branch is not there any more; nothing visible has changed.
    """
    tree = (await bare.run("merge-tree", "--write-tree", parents[0], head)).decode().split()[0]
    sha = await objects.write_commit(bare, tree, parents, message, author)
    await refs.move(bare, f"refs/heads/{branch}", sha, parents[0])
    return sha


async def compare(bare: Bare, base: str, head: str) -> DiffStat:
    """Return what ``head`` holds that ``base`` has not, as a pull request counts it."""
    lines = (await bare.run("diff", "--numstat", "-z", f"{base}...{head}")).decode(errors="replace").split("\0")
    counts = [line.split("\t")[:2] for line in lines if line.count("\t") >= 2]  # noqa: PLR2004 - added, deleted, path
    ahead = await bare.run("rev-list", "--count", f"{base}..{head}")
    return DiffStat(
        files=len(counts),
        additions=sum(int(added) for added, _ in counts if added.isdigit()),
        deletions=sum(int(deleted) for _, deleted in counts if deleted.isdigit()),
        commits=int(ahead),
    )


@dataclass(frozen=True, slots=True)
class FileStat:
    """How one file differs: ``status`` is as GitHub calls it, ``sha`` names its content after the change, or before."""

    path: str
    status: str
    sha: str
    additions: int
    deletions: int


async def files(bare: Bare, base: str, head: str) -> list[FileStat]:
    """Return the files that ``head`` changes since it left ``base``."""
    raw = ("diff", "--raw", "--numstat", "--no-renames", "--no-abbrev", "-z", f"{base}...{head}")
    parts = iter((await bare.run(*raw)).decode(errors="replace").split("\0"))
    told: dict[str, tuple[str, str]] = {}
    counted: list[FileStat] = []
    for one in parts:
        if one.startswith(":"):
            _, _, before, after, letter = one.split(" ")
            told[next(parts)] = (_STATUS.get(letter, "changed"), before if letter == "D" else after)
        elif one:
            added, deleted, path = one.split("\t")
            counts = [int(count) if count.isdigit() else 0 for count in (added, deleted)]
            counted.append(FileStat(path, *told[path], *counts))
    return counted


async def merges_cleanly(bare: Bare, base: str, head: str) -> bool | None:
    """Tell whether a merge has no conflict; None when this git cannot say (before 2.38)."""
    try:
        await bare.run("merge-tree", "--write-tree", base, head)
    except GitError as error:
        return False if error.code == 1 else None
    return True


def _index_line(change: Change) -> bytes:
    mode, sha = (change.mode, change.sha) if change.sha else ("0", _NO_OBJECT)
    return f"{mode} {sha}\t{change.path}\0".encode(errors="surrogateescape")
