"""Refs: what names point to, and moving them by compare and swap."""

import re
from dataclasses import dataclass

from backstage_py.sandbox import names
from backstage_py.sandbox.gitrepo.process import Bare, GitError

_SHORT_SHA = re.compile(r"[0-9a-f]{7,40}", re.ASCII)
_NONE = "0" * 40


class RefMovedError(Exception):
    """The ref no longer has the value from which it should have moved."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A full ref name, the object it points to, and that object's type."""

    name: str
    sha: str
    type: str

    @property
    def short(self) -> str:
        """The name without ``refs/heads/`` or ``refs/tags/``."""
        return self.name.split("/", 2)[2]


async def init(bare: Bare, branch: str) -> None:
    """Make an empty bare repository whose HEAD names the branch."""
    bare.path.mkdir(parents=True)
    await bare.run("init", "--quiet", "--bare", "--template=", f"--initial-branch={names.ref(branch)}")


async def listing(bare: Bare, prefix: str = "refs/heads/") -> list[Ref]:
    """Return the refs below a prefix in the order of their names."""
    out = await bare.run("for-each-ref", "--format=%(refname) %(objectname) %(objecttype)", prefix)
    return [Ref(*line.split(" ")) for line in out.decode().splitlines()]


async def find(bare: Bare, name: str) -> Ref | None:
    """Return one ref by its full name."""
    return next((ref for ref in await listing(bare, name) if ref.name == name), None)


async def commit_of(bare: Bare, name: str) -> str | None:
    """Return the commit that a branch, tag, full ref, or (short) object name means; branches win, as on GitHub."""
    try:
        names.ref(name)
    except names.InvalidNameError:
        return None
    candidates = [f"refs/heads/{name}", f"refs/tags/{name}", f"refs/{name}"]
    candidates += [name] if name.startswith("refs/") or _SHORT_SHA.fullmatch(name) else []
    if names.is_sha(name):
        candidates.reverse()
    for candidate in candidates:
        if out := await bare.attempt("rev-parse", "--verify", "--quiet", f"{candidate}^{{commit}}"):
            return out.decode().strip()
    return None


async def split(bare: Bare, rest: str) -> tuple[str, str] | None:
    """Split ``<ref>/<path>`` into the commit and the path; a branch name may hold slashes itself."""
    known = {ref.short: ref for ref in await listing(bare, "refs/tags/")}
    known |= {ref.short: ref for ref in await listing(bare)}
    rest = rest.removeprefix("refs/heads/").removeprefix("refs/tags/")
    for name in sorted(known, key=len, reverse=True):
        if rest == name or rest.startswith(f"{name}/"):
            commit = await commit_of(bare, known[name].name)
            return (commit, rest[len(name) + 1 :]) if commit else None
    name, _, path = rest.partition("/")
    commit = await commit_of(bare, name)
    return (commit, path) if commit else None


async def move(bare: Bare, name: str, new: str, old: str | None) -> None:
    """Move a ref from ``old`` (None: it must not exist) to ``new``.

    Raises:
        RefMovedError: the ref is no longer at ``old``.
    """
    try:
        await bare.run("update-ref", "--no-deref", names.ref(name), new, old or _NONE)
    except GitError as error:
        raise RefMovedError(f"{name} moved in the meantime") from error


async def delete(bare: Bare, name: str, old: str) -> None:
    """Delete a ref that is at ``old``."""
    try:
        await bare.run("update-ref", "--no-deref", "-d", names.ref(name), old)
    except GitError as error:
        raise RefMovedError(f"{name} moved in the meantime") from error


async def set_head(bare: Bare, branch: str) -> None:
    """Make a branch the one that ``git clone`` checks out."""
    await bare.run("symbolic-ref", "HEAD", f"refs/heads/{names.ref(branch)}")


async def is_ancestor(bare: Bare, old: str, new: str) -> bool:
    """Tell whether moving from ``old`` to ``new`` is a fast forward."""
    return await bare.attempt("merge-base", "--is-ancestor", old, new) is not None


async def merge_base(bare: Bare, one: str, other: str) -> str | None:
    """Return the newest commit that both hold, None when there is none."""
    out = await bare.attempt("merge-base", one, other)
    return out.decode().strip() if out else None
