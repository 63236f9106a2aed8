"""Objects: blobs, trees and commits."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from backstage_py.sandbox.gitrepo.process import Bare, GitError

_STAMP = re.compile(r"(?P<name>.*?) ?<(?P<email>[^>]*)> (?P<time>-?\d+) (?P<zone>[+-]\d{4})")
_SYMLINK = "120000"


class MissingObjectError(Exception):
    """An object that is named does not exist or has another type."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Who did something when; ``date`` is ISO 8601 in UTC, seconds, ``Z`` at the end."""

    name: str
    email: str
    date: str

    @property
    def ident(self) -> tuple[str, str, str]:
        """Name, email and date for git, without the characters that end a field in a commit."""
        name = re.sub(r"[<>\x00-\x1f]", "", self.name).strip() or "unknown"
        email = re.sub(r"[<>\x00-\x20]", "", self.email) or "unknown@localhost"
        return name, email, self.date


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as git stores it."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a tree; ``size`` is None for folders and submodules."""

    mode: str
    type: str
    sha: str
    size: int | None
    path: str

    @property
    def kind(self) -> str:
        """What the contents API calls it: file, dir, symlink or submodule."""
        if self.mode == _SYMLINK:
            return "symlink"
        return {"tree": "dir", "commit": "submodule"}.get(self.type, "file")


async def type_of(bare: Bare, sha: str) -> str | None:
    """Return ``blob``, ``tree``, ``commit`` or ``tag``; None when there is no such object."""
    out = await bare.attempt("cat-file", "-t", sha)
    return out.decode().strip() if out else None


async def read_blob(bare: Bare, sha: str) -> bytes:
    """Return a blob's bytes."""
    try:
        return await bare.run("cat-file", "blob", sha)
    except GitError as error:
        raise MissingObjectError(sha) from error


async def write_blob(bare: Bare, content: bytes) -> str:
    """Store bytes and return the blob's name."""
    return (await bare.run("hash-object", "-w", "--stdin", stdin=content)).decode().strip()


async def read_tree(bare: Bare, treeish: str, *, recursive: bool = False) -> list[Entry]:
    """Return a tree's entries, paths relative to it; recursive ones include the folders, as GitHub's do."""
    flags = ("-r", "-t") if recursive else ()
    try:
        out = await bare.run("ls-tree", "-z", "-l", "--full-tree", *flags, treeish)
    except GitError as error:
        raise MissingObjectError(treeish) from error
    return [_entry(line) for line in out.decode(errors="surrogateescape").split("\0") if line]


async def find_entry(bare: Bare, treeish: str, path: str) -> Entry | None:
    """Return the entry of one file or folder, None when there is none."""
    out = await bare.run("ls-tree", "-z", "-l", "--full-tree", treeish, "--", path)
    return next((_entry(line) for line in out.decode(errors="surrogateescape").split("\0") if line), None)


async def read_commit(bare: Bare, sha: str) -> Commit:
    """Return a commit by its full name."""
    try:
        raw = (await bare.run("cat-file", "commit", sha)).decode(errors="replace")
    except GitError as error:
        raise MissingObjectError(sha) from error
    head, _, message = raw.partition("\n\n")
    fields = [line.partition(" ")[::2] for line in head.split("\n")]
    first = dict(reversed(fields))
    return Commit(
        sha=sha,
        tree=first["tree"],
        parents=tuple(value for key, value in fields if key == "parent"),
        author=_signature(first["author"]),
        committer=_signature(first["committer"]),
        message=message.rstrip("\n"),
    )


async def write_commit(
    bare: Bare, tree: str, parents: Sequence[str], message: str, author: Signature, committer: Signature | None = None
) -> str:
    """Store a commit and return its name; no ref moves."""
    env: dict[str, str] = {}
    for role, signature in (("AUTHOR", author), ("COMMITTER", committer or author)):
        name, email, date = signature.ident
        env |= {f"GIT_{role}_NAME": name, f"GIT_{role}_EMAIL": email, f"GIT_{role}_DATE": date}
    flags = [flag for parent in parents for flag in ("-p", parent)]
    try:
        out = await bare.run("commit-tree", tree, *flags, "-F", "-", stdin=message.encode(), env=env)
    except GitError as error:
        raise MissingObjectError(f"{tree} or one of its parents") from error
    return out.decode().strip()


async def history(
    bare: Bare, start: str, *, path: str = "", limit: int = 30, without: str | None = None
) -> list[Commit]:
    """Return commits that changed a path, newest first, leaving out what ``without`` can reach."""
    stop = (f"^{without}",) if without else ()
    where = ("--", path) if path else ()
    out = await bare.run("rev-list", f"--max-count={limit}", start, *stop, *where)
    return [await read_commit(bare, sha) for sha in out.decode().split()]


def _entry(line: str) -> Entry:
    about, _, path = line.partition("\t")
    mode, kind, sha, size = about.split()
    return Entry(mode, kind, sha, int(size) if size != "-" else None, path)


def _signature(text: str) -> Signature:
    match = _STAMP.fullmatch(text)
    if not match:
        return Signature(text, "", "1970-01-01T00:00:00Z")
    time = datetime.fromtimestamp(int(match["time"]), UTC)
    return Signature(match["name"], match["email"], time.strftime("%Y-%m-%dT%H:%M:%SZ"))
